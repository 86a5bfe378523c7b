// node-opcua 2.186.4: a client that was given no certificate manager uses one that trusts every certificate it has never
// seen, and writes it among the trusted ones. Who stands between client and server the first time is trusted for ever.
//
//   npm install node-opcua-client@2.186.4 node-opcua-secure-channel@2.186.4 node-opcua-certificate-manager@2.186.4
//   node node-opcua-default-trust.mjs
//
// Expected: BadCertificateUntrusted unless asked for otherwise. Found: Good.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

// The default manager keeps its folder below the user's home.
const home = mkdtempSync(join(tmpdir(), 'default-trust-'));
process.env.HOME = home;
process.on('exit', () => rmSync(home, { recursive: true, force: true }));
for (const name of ['XDG_CONFIG_HOME', 'LOCALAPPDATA', 'APPDATA']) process.env[name] = process.env.HOME;
const { getDefaultCertificateManager, OPCUACertificateManager } = await import('node-opcua-certificate-manager');
const { end } = await import('./server.mjs');

const server = new OPCUACertificateManager({ rootFolder: join(process.env.HOME, 'server'), disableFileWatchers: true });
await server.initialize();
const outputFile = join(process.env.HOME, 'server.pem');
await server.createSelfSignedCertificate({
  applicationUri: 'urn:anybody',
  dns: ['localhost'],
  outputFile,
  subject: '/CN=anybody',
  startDate: new Date(),
  validity: 10,
});
const { readCertificate } = await import('node-opcua-crypto');
const manager = getDefaultCertificateManager('PKI');
await manager.initialize();
const verdict = await manager.checkCertificate(readCertificate(outputFile));
end(verdict.isGood(), `a certificate that nobody has seen before: ${verdict.name}`);
