// An OPC UA server that shows whatever certificate a test made for it, may say one thing on the open connection and
// another on the secured one, and keeps every byte that clients send it.

import { mkdirSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { OPCUACertificateManager } from 'node-opcua-certificate-manager';
import { ActivateSessionRequest, MessageSecurityMode, SecurityPolicy } from 'node-opcua-client';
import { nodesets } from 'node-opcua-nodesets';
import { OPCUAServer } from 'node-opcua-server';
import { scratch } from '../support/scratch.ts';

export interface CertificateServer {
  readonly endpoint: string;
  readonly server: OPCUAServer;
  /** Everything that clients sent, as it was on the wire. */
  wire(): Buffer;
  /** Security policies of the channels that clients asked for. */
  policies(): readonly string[];
  /** Identities that clients sent. */
  readonly identities: readonly ActivateSessionRequest[];
  stop(): Promise<void>;
}

export interface Shown {
  /** Its own certificate first, then what it adds; PEM. */
  readonly chain: readonly string[];
  readonly keyPem: string;
  readonly applicationUri: string;
  readonly policies?: readonly SecurityPolicy[];
  readonly modes?: readonly MessageSecurityMode[];
  /** May change a response before it is sent. */
  readonly twist?: (response: unknown, secured: boolean) => void;
  readonly trustedUsers?: readonly Buffer[];
}

export const USER = 'fieldgate-operator';
export const PASSWORD = 'correct horse battery staple';

export async function certificateServer(shown: Shown): Promise<CertificateServer> {
  const folder = scratch();
  const manager = (name: string, open: boolean) =>
    new OPCUACertificateManager({
      rootFolder: join(folder, name),
      automaticallyAcceptUnknownCertificate: open,
      disableFileWatchers: true,
    });
  const clients = manager('clients', true);
  const users = manager('users', false);
  await clients.initialize();
  await users.initialize();
  for (const each of shown.trustedUsers ?? []) await users.trustCertificate(each);
  mkdirSync(folder, { recursive: true });
  const certificateFile = join(folder, 'server.pem');
  const privateKeyFile = join(folder, 'server.key');
  writeFileSync(certificateFile, shown.chain.join(''));
  writeFileSync(privateKeyFile, shown.keyPem);
  const server = new OPCUAServer({
    port: 0,
    host: '127.0.0.1',
    hostname: '127.0.0.1',
    nodeset_filename: [nodesets.standard],
    serverInfo: { applicationUri: shown.applicationUri },
    certificateFile,
    privateKeyFile,
    serverCertificateManager: clients,
    userCertificateManager: users,
    securityPolicies: [...(shown.policies ?? [SecurityPolicy.Basic256Sha256, SecurityPolicy.Aes256_Sha256_RsaPss])],
    securityModes: [...(shown.modes ?? [MessageSecurityMode.SignAndEncrypt])],
    allowAnonymous: true,
    userManager: { isValidUser: (name: string, given: string) => name === USER && given === PASSWORD },
  });
  const identities: ActivateSessionRequest[] = [];
  server.on('request', (request) => {
    if (request instanceof ActivateSessionRequest) identities.push(request);
  });
  const { twist } = shown;
  if (twist) {
    server.on('response', (response, channel) => twist(response, channel.securityMode !== MessageSecurityMode.None));
  }
  await server.initialize();
  await server.start();
  const recorder = await record(server.endpoints[0]?.port ?? 0);
  return {
    endpoint: `opc.tcp://127.0.0.1:${recorder.port}`,
    server,
    identities,
    wire: recorder.bytes,
    policies: () => [
      ...new Set(
        recorder
          .bytes()
          .toString('latin1')
          .match(/SecurityPolicy#\w+/g) ?? [],
      ),
    ],
    stop: async () => {
      recorder.stop();
      await server.shutdown(0);
    },
  };
}

async function record(target: number): Promise<{ port: number; bytes(): Buffer; stop(): void }> {
  const chunks: Buffer[] = [];
  const sockets = new Set<Socket>();
  const proxy: Server = createServer((client) => {
    const server = connect(target, '127.0.0.1');
    for (const socket of [client, server]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        client.destroy();
        server.destroy();
      });
    }
    client.on('data', (chunk) => chunks.push(Buffer.from(chunk)));
    client.pipe(server);
    server.pipe(client);
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const { port } = proxy.address() as { port: number };
  return {
    port,
    bytes: () => Buffer.concat(chunks),
    stop: () => {
      proxy.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
