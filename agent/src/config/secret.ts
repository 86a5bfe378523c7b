// Secrets: the mapping holds references, the secret itself is fetched at the moment of use and kept nowhere.

import { readFile } from 'node:fs/promises';
import { describe, Fault } from '../model/fault.ts';

/** Where a secret is: exactly one of the two. */
export interface SecretReference {
  readonly passwordFile?: string | undefined;
  readonly passwordEnv?: string | undefined;
}

/**
 * The secret a reference leads to, without the newline that editors leave at the end of a file.
 * Rejects with Fault `source.credentials`, which names the file or variable, never a part of a secret.
 */
export async function readSecret({ passwordFile, passwordEnv }: SecretReference): Promise<string> {
  if (passwordFile !== undefined) {
    try {
      return (await readFile(passwordFile, 'utf8')).replace(/\r?\n$/, '');
    } catch (error) {
      throw new Fault('source.credentials', `passwordFile ${passwordFile} cannot be read: ${describe(error)}`, error);
    }
  }
  const value = passwordEnv === undefined ? undefined : process.env[passwordEnv];
  if (value === undefined)
    throw new Fault('source.credentials', `passwordEnv ${passwordEnv}: that environment variable is not set`);
  return value;
}
