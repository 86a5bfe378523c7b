// Who the gateway says it is to a server: nobody, a user with a password, a user with a certificate. Read only when the
// server is known to be the right one; what cannot work (a certificate that ended, a key of another one) is said here
// and not tried, so that no server counts it as a failed login.

import { createPrivateKey, type KeyObject } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { crypto_utils, type UserIdentityInfo, UserTokenType } from 'node-opcua-client';
import { Fault } from '../../../model/fault.ts';
import type { OpcUaOptions } from '../source/options.ts';
import { type Certificate, oneLine, parseCertificate } from './certificate.ts';
import { unusable } from './files.ts';

export interface Identity {
  readonly info: UserIdentityInfo;
  /** The user's certificate, when it is one. */
  readonly certificate?: Certificate;
  /** What deserves a look though it works. */
  readonly notes: readonly string[];
}

/** Fetches the identity. Rejects with Fault `source.credentials`. */
export async function identify({ name, user }: OpcUaOptions, today: Date): Promise<Identity> {
  if (!user) return { info: { type: UserTokenType.Anonymous }, notes: [] };
  if ('name' in user) {
    const password = await user.password().catch((error: unknown) => {
      throw Fault.from(error, 'source.credentials', `${name}: the password of ${user.name} cannot be read`);
    });
    return { info: { type: UserTokenType.UserName, userName: user.name, password }, notes: [] };
  }
  const certificate = await load(name, user.certificate, parseCertificate);
  const key = await load(name, user.key, (data) => createPrivateKey(data));
  checkUser(name, user, certificate, key, today);
  const pem = key.export({ type: 'pkcs8', format: 'pem' });
  const keyOperations = crypto_utils.keyOperationsFromPrivateKey(crypto_utils.coercePEMorDerToPrivateKey(pem));
  return {
    info: { type: UserTokenType.Certificate, certificateData: certificate.der, keyOperations },
    certificate,
    notes: await exposed(user.key),
  };
}

async function load<T>(name: string, file: string, parse: (data: Buffer) => T): Promise<T> {
  // The library's own words may quote the file.
  const refuse = (why: string, error: unknown) =>
    new Fault('source.credentials', `${name}: ${file} of the user cannot be read: ${why}`, error);
  let data: Buffer;
  try {
    data = await readFile(file);
  } catch (error) {
    throw refuse((error as { code?: unknown }).code === 'ENOENT' ? 'it is not there' : unusable(error, file), error);
  }
  try {
    return parse(data);
  } catch (error) {
    const encrypted = /^-----BEGIN ENCRYPTED|^Proc-Type: 4,ENCRYPTED/m.test(data.toString('latin1'));
    const passphrase = 'it is encrypted, and nobody is there to type its passphrase: openssl pkey -in IN -out OUT';
    throw refuse(encrypted ? passphrase : 'it is damaged or no PEM', error);
  }
}

function checkUser(
  name: string,
  files: { certificate: string; key: string },
  { x509 }: Certificate,
  key: KeyObject,
  today: Date,
): void {
  const refuse = (what: string) => {
    throw new Fault(
      'source.credentials',
      `${name}: the user's certificate ${files.certificate} (${oneLine(x509.subject)}) ${what}`,
    );
  };
  if (key.asymmetricKeyType !== 'rsa') refuse('needs an RSA key');
  if (!x509.checkPrivateKey(key)) refuse(`does not belong to the key ${files.key}`);
  if (today > x509.validToDate) refuse(`ended on ${x509.validToDate.toISOString().slice(0, 10)}; have a new one made`);
  if (today < x509.validFromDate) {
    refuse(`is valid from ${x509.validFromDate.toISOString().slice(0, 16)}Z only; compare the clocks`);
  }
}

/** Secrets that a container gets are often readable for all in there, so this is a remark and no refusal. */
async function exposed(file: string): Promise<string[]> {
  const mode = await stat(file).then(
    ({ mode }) => mode,
    () => 0,
  );
  return (mode & 0o077) === 0 ? [] : [`others may read the user's key ${file}: chmod 600 ${file}`];
}
