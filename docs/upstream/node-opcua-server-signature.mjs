// node-opcua 2.186.4: the server proves in CreateSession, by a signature over the client's certificate and nonce, that it
// has the key of its certificate; the client shall verify that (OPC 10000-4 section 5.6.2). It does not ("todo"): a
// signature of random bytes, or none, is taken. (The keys of the secure channel prove the same in another way, so that
// this alone lets nobody in.)
//
//   npm install node-opcua-client@2.186.4 node-opcua-secure-channel@2.186.4 node-opcua-certificate-manager@2.186.4
//   node node-opcua-server-signature.mjs
//
// Expected: createSession rejects with BadApplicationSignatureInvalid. Found: a session, twice.

import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OPCUACertificateManager } from 'node-opcua-certificate-manager';
import {
  CreateSessionResponse,
  EndpointDescription,
  GetEndpointsResponse,
  MessageSecurityMode,
  OPCUAClient,
  SecurityPolicy,
  UserTokenType,
} from 'node-opcua-client';
import { keyOperationsFromPrivateKey, readCertificate, readPrivateKey } from 'node-opcua-crypto';
import { end, startServer } from './server.mjs';

const folder = mkdtempSync(join(tmpdir(), 'server-signature-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
const manager = new OPCUACertificateManager({
  rootFolder: folder,
  automaticallyAcceptUnknownCertificate: true,
  disableFileWatchers: true,
});
await manager.initialize();
const certificateFile = join(folder, 'server.pem');
await manager.createSelfSignedCertificate({
  applicationUri: 'urn:server',
  dns: ['localhost'],
  outputFile: certificateFile,
  subject: '/CN=server',
  startDate: new Date(),
  validity: 10,
});
const certificate = readCertificate(certificateFile);
const key = readPrivateKey(manager.privateKey);
const securityPolicyUri = SecurityPolicy.Basic256Sha256;
const endpoints = [
  new EndpointDescription({
    endpointUrl: '',
    server: { applicationUri: 'urn:server', applicationName: { text: 'server' } },
    serverCertificate: certificate,
    securityMode: MessageSecurityMode.Sign,
    securityPolicyUri,
    transportProfileUri: 'http://opcfoundation.org/UA-Profile/Transport/uatcp-uasc-uabinary',
    userIdentityTokens: [{ policyId: 'anonymous', tokenType: UserTokenType.Anonymous }],
  }),
];
const algorithm = 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256';
const found = [];
for (const [name, serverSignature] of [
  ['random bytes', { algorithm, signature: randomBytes(256) }],
  ['none', {}],
]) {
  const server = await startServer(
    {
      GetEndpoints: () => new GetEndpointsResponse({ endpoints }),
      CreateSession: (_, { usual }) => {
        const response = usual();
        return new CreateSessionResponse({
          ...response,
          serverCertificate: certificate,
          serverEndpoints: endpoints,
          serverSignature,
        });
      },
    },
    {
      certificateManager: manager,
      getCertificate: () => certificate,
      getCertificateChain: () => [certificate],
      getKeyOperations: () => keyOperationsFromPrivateKey(key),
    },
  );
  const client = OPCUAClient.create({
    endpointMustExist: false,
    connectionStrategy: { maxRetry: 0 },
    securityMode: MessageSecurityMode.Sign,
    securityPolicy: securityPolicyUri,
    clientCertificateManager: manager,
  });
  await client.connect(server.endpoint);
  const outcome = await client.createSession().then(
    () => 'a session',
    (error) => error.message.trim(),
  );
  found.push([name, outcome]);
}
end(
  found.some(([, outcome]) => outcome === 'a session'),
  found.map(([name, outcome]) => `signature ${name}: ${outcome}`).join('; '),
);
