// Secrets: read when a connection is made, never kept in the mapping, so that a password changed on disk counts at
// the next attempt. No message names what is in the file or the variable.

import { readFile } from 'node:fs/promises';
import { describe, Fault, type FaultCode } from '../model/fault.ts';

export interface SecretReference {
  readonly passwordFile?: string | undefined;
  readonly passwordEnv?: string | undefined;
}

/** No password is longer; a file that is was named by mistake. */
const MAX_LENGTH = 10_000;

/**
 * The secret that a mapping refers to, without the line end that editors put behind it.
 * @param code the fault's code when there is none, for secrets of a hub
 */
export async function readSecret(
  { passwordFile, passwordEnv }: SecretReference,
  code: FaultCode = 'source.credentials',
  env: NodeJS.ProcessEnv = process.env,
): Promise<string> {
  const accepted = (text: string, where: string): string => {
    if (text === '') throw new Fault(code, `${where} is empty`);
    if (text.length > MAX_LENGTH) throw new Fault(code, `${where} is too long for a password`);
    return text;
  };
  if (passwordFile !== undefined) {
    const text = await readFile(passwordFile, 'utf8').catch((error: unknown) => {
      throw new Fault(code, `password file ${passwordFile} cannot be read: ${describe(error)}`, error);
    });
    return accepted(text.replace(/\r?\n$/, ''), `password file ${passwordFile}`);
  }
  if (passwordEnv !== undefined) {
    const text = env[passwordEnv];
    if (text === undefined) throw new Fault(code, `the environment variable ${passwordEnv} of a password is not set`);
    return accepted(text, `the environment variable ${passwordEnv} of a password`);
  }
  throw new Fault(code, 'neither passwordFile nor passwordEnv says where the password is');
}
