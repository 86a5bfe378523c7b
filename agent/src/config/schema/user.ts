// Users and their secrets, which are references and never literals.

import { z } from 'zod';
import { text } from '../fields.ts';

const secret = {
  passwordFile: text('/run/secrets/cdu1-dcs')
    .optional()
    .describe('File that holds the password: /run/secrets/cdu1-dcs.'),
  passwordEnv: text('CDU1_PASSWORD').optional().describe('Environment variable that holds the password.'),
};

const oneSecret = (user: { passwordFile?: string | undefined; passwordEnv?: string | undefined }) =>
  (user.passwordFile === undefined) !== (user.passwordEnv === undefined);
const ONE_SECRET = 'needs passwordFile or passwordEnv, one of them';

const USER = 'write { name: fieldgate, passwordFile: /run/secrets/cdu1-dcs }';

/** A user name with one reference to its password. */
export const passwordUser = z
  .strictObject({ name: text('fieldgate').describe('User name.'), ...secret }, { error: USER })
  .refine(oneSecret, ONE_SECRET);

/** The two ways to log in to a server. */
export const user = z
  .union(
    [
      passwordUser,
      z.strictObject({
        certificate: text('/run/secrets/user.pem').describe("File with the user's certificate (PEM or DER)."),
        key: text('/run/secrets/user.key').describe('File with its private key (PEM).'),
      }),
    ],
    { error: USER },
  )
  .describe(
    'User name with passwordFile or passwordEnv, or certificate and key. Secrets are references, never literals.',
  );
