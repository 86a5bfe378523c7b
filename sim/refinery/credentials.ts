// Key and certificate of the simulated DCS: made once per folder, reused by every later start, so that a gateway that
// trusts it goes on trusting it.

import { X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { OPCUACertificateManager } from 'node-opcua-certificate-manager';

export const APPLICATION = 'urn:lavera:dcs:server';

export interface Credentials {
  /** Trusts every client: the gateway's trust is what is tested. Disposed by the server when it ends, like `users`. */
  readonly clients: OPCUACertificateManager;
  /** Trusts no user certificate. Without one of its own, node-opcua makes one in the home folder. */
  readonly users: OPCUACertificateManager;
  /** PEM. */
  readonly certificateFile: string;
  /** DER. */
  readonly certificate: Buffer;
  /** SHA-1 of the DER in lower-case hex, as OPC UA names it. */
  readonly thumbprint: string;
}

/** Those of the folder, or new ones: RSA 2048, for 127.0.0.1, localhost and this host, ten years. */
export async function createCredentials(folder: string): Promise<Credentials> {
  mkdirSync(folder, { recursive: true });
  const manager = (name: string, trusting: boolean) =>
    new OPCUACertificateManager({
      rootFolder: join(folder, name),
      automaticallyAcceptUnknownCertificate: trusting,
      keySize: 2048,
      disableFileWatchers: true,
    });
  const clients = manager('pki', true);
  const users = manager('pki-users', false);
  await clients.initialize();
  const certificateFile = join(folder, 'dcs-certificate.pem');
  if (!existsSync(certificateFile)) {
    await clients.createSelfSignedCertificate({
      applicationUri: APPLICATION,
      // node-opcua warns at start when the host's own name is missing.
      dns: ['localhost', hostname()],
      ip: ['127.0.0.1'],
      outputFile: certificateFile,
      subject: '/CN=Crude unit 1 DCS/O=Lavera',
      startDate: new Date(Date.now() - 86_400_000),
      validity: 3650,
    });
  }
  const certificate = new X509Certificate(readFileSync(certificateFile));
  return {
    clients,
    users,
    certificateFile,
    certificate: certificate.raw,
    thumbprint: certificate.fingerprint.replaceAll(':', '').toLowerCase(),
  };
}
