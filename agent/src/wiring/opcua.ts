// An OPC UA source of the mapping, as its adapter wants it.

import type { ConnectionFacts, Source } from '../adapters/adapter.ts';
import { opcuaAdapter } from '../adapters/opcua/adapter.ts';
import type { OpcUaOptions } from '../adapters/opcua/options.ts';
import type { Plant, ResolvedOpcUaSource } from '../config/plant.ts';
import { readSecret } from '../config/secret.ts';

/** What the gateway calls itself towards servers; part of its certificate. */
export const applicationUri = ({ site, gateway }: Pick<Plant, 'site' | 'gateway'>): string =>
  `urn:${site}:${gateway}:fieldgate`;

/** @param indices of the source's tags, in their order; @param pki folder of the gateway's certificates */
export function opcuaSource(
  { name, config, tags }: ResolvedOpcUaSource,
  indices: readonly number[],
  plant: Pick<Plant, 'site' | 'gateway'>,
  pki: string,
): Source {
  const { endpoint, security, insecure, user, publishing } = config;
  let connection: ConnectionFacts | undefined;
  const options: OpcUaOptions = {
    name,
    endpoint,
    ...(security !== undefined && { security }),
    ...(insecure !== undefined && { insecure }),
    ...(user !== undefined && { user: 'name' in user ? { name: user.name, password: () => readSecret(user) } : user }),
    publishing,
    pki,
    tell: (facts) => {
      connection = facts;
    },
    applicationUri: applicationUri(plant),
    tags: tags.map((tag, i) => ({
      index: indices[i]!,
      name: tag.name,
      ...(tag.node !== undefined && { node: tag.node }),
      ...(tag.path !== undefined && { path: tag.path }),
      sampling: tag.sampling,
      wantsRange: tag.deadband?.kind === 'percent' && tag.range === undefined,
    })),
  };
  return {
    name,
    protocol: 'opcua',
    address: endpoint,
    tags: indices,
    latency: publishing + Math.max(0, ...tags.map((tag) => tag.sampling)),
    create: () => opcuaAdapter(options),
    connection: () => connection,
  };
}
