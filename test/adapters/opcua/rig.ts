// What the tests of the OPC UA adapter share: options aimed at a server, a PKI that trusts it, and a server of our
// own whose nodes, limits and namespaces a test chooses (the simulated refinery has one shape only).

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AddressSpace } from 'node-opcua-address-space';
import { OPCUACertificateManager } from 'node-opcua-certificate-manager';
import { MessageSecurityMode, SecurityPolicy } from 'node-opcua-client';
import { nodesets } from 'node-opcua-nodesets';
import { OPCUAServer } from 'node-opcua-server';
import type { OpcUaOptions, OpcUaTag, Timings } from '../../../agent/src/adapters/opcua/adapter.ts';
import { scratch } from '../../support/scratch.ts';

/** Short enough for a test, long enough for a busy machine. */
export const QUICK: Timings = {
  connect: 10_000,
  reach: 3_500,
  request: 5_000,
  keepAlive: 400,
  quiet: 1_000,
  recheck: 60_000,
  outlive: 20_000,
  retry: 500,
};

/** A PKI folder that trusts these certificates (DER). */
export function pkiTrusting(...certificates: Buffer[]): string {
  const folder = scratch();
  const trusted = join(folder, 'trusted/certs');
  mkdirSync(trusted, { recursive: true });
  for (const [i, certificate] of certificates.entries()) writeFileSync(join(trusted, `${i}.der`), certificate);
  return folder;
}

/** Tags from node ids, sampled every 50 ms. */
export const tagsOf = (nodes: readonly string[], more: Partial<OpcUaTag> = {}): OpcUaTag[] =>
  nodes.map((node, index) => ({ index, name: node, node, sampling: 50, wantsRange: false, ...more }));

/** Options for a server without security. */
export function openly(endpoint: string, pki: string, tags: readonly OpcUaTag[]): OpcUaOptions {
  return {
    name: 'plc',
    endpoint,
    security: { policy: 'None', mode: 'None' },
    insecure: { acceptedBy: 'test', until: '2999-12-31' },
    publishing: 100,
    pki,
    applicationUri: 'urn:test:gateway:fieldgate',
    tags,
  };
}

export interface SmallServer {
  readonly endpoint: string;
  readonly port: number;
  readonly server: OPCUAServer;
  stop(): Promise<void>;
}

/** A server without security on 127.0.0.1; `fill` builds its address space. */
export async function smallServer(
  fill: (space: AddressSpace) => void,
  more: { port?: number; limits?: Record<string, number>; capabilities?: Record<string, number> } = {},
): Promise<SmallServer> {
  const manager = new OPCUACertificateManager({ rootFolder: scratch(), disableFileWatchers: true });
  await manager.initialize();
  const server = new OPCUAServer({
    port: more.port ?? 0,
    hostname: '127.0.0.1',
    nodeset_filename: [nodesets.standard],
    securityModes: [MessageSecurityMode.None],
    securityPolicies: [SecurityPolicy.None],
    serverCertificateManager: manager,
    userCertificateManager: manager,
    maxConnectionsPerEndpoint: 100,
    serverCapabilities: { ...more.capabilities, operationLimits: more.limits ?? {} },
  });
  await server.initialize();
  fill(server.engine.addressSpace as AddressSpace);
  await server.start();
  const port = server.endpoints[0]?.port ?? 0;
  return { endpoint: `opc.tcp://127.0.0.1:${port}`, port, server, stop: () => server.shutdown(0) };
}
