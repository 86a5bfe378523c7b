// Wiring: what the mapping says, as the rooms want it. Tags get their numbers here, rules go to conditioning,
// connection settings to the adapters. The only file besides gateway.ts that knows which protocols there are.

import { dirname, join } from 'node:path';
import type { Source } from './adapters/adapter.ts';
import { modbusAdapter } from './adapters/modbus/adapter.ts';
import { opcuaAdapter } from './adapters/opcua/adapter.ts';
import type { OpcUaOptions } from './adapters/opcua/options.ts';
import type { Rule } from './conditioning/conditioner.ts';
import type { Plant, ResolvedModbusSource, ResolvedOpcUaSource, ResolvedSource, ResolvedTag } from './config/plant.ts';
import { readSecret } from './config/secret.ts';
import type { Tag } from './model/tag.ts';

export interface Wiring {
  readonly tags: readonly Tag[];
  readonly rules: readonly Rule[];
  readonly sources: readonly Source[];
}

/** @param bufferPath the gateway's data folder is the one that holds the buffer; its certificates are in `pki` beside it */
export function wire(plant: Plant, bufferPath: string): Wiring {
  const tags: Tag[] = [];
  const rules: Rule[] = [];
  const sources = plant.sources.map((source) => {
    const first = tags.length;
    for (const tag of source.tags) {
      const index = tags.length;
      tags.push({
        index,
        name: tag.name,
        source: source.name,
        priority: tag.priority,
        ...(tag.unit !== undefined && { unit: tag.unit }),
      });
      const rule = ruleOf(tag, index);
      if (rule !== undefined) rules.push(rule);
    }
    return sourceOf(source, first, plant, join(dirname(bufferPath), 'pki'));
  });
  return { tags, rules, sources };
}

function ruleOf({ scale, deadband, range, swingingDoor, heartbeat }: ResolvedTag, tag: number): Rule | undefined {
  if (scale === undefined && deadband === undefined && swingingDoor === undefined && heartbeat === undefined)
    return undefined;
  return {
    tag,
    ...(scale !== undefined && { scale }),
    ...(deadband !== undefined && { deadband }),
    ...(range !== undefined && { range }),
    ...(swingingDoor !== undefined && { swingingDoor }),
    ...(heartbeat !== undefined && { heartbeat }),
  };
}

function sourceOf(source: ResolvedSource, first: number, plant: Plant, pki: string): Source {
  switch (source.protocol) {
    case 'opcua':
      return opcuaSource(source, first, plant, pki);
    case 'modbus-tcp':
      return modbusSource(source, first);
  }
}

function opcuaSource({ name, config, tags }: ResolvedOpcUaSource, first: number, plant: Plant, pki: string): Source {
  const { endpoint, security, insecure, user, publishing } = config;
  const options: OpcUaOptions = {
    name,
    endpoint,
    security,
    ...(insecure !== undefined && { insecure }),
    ...(user !== undefined && { user: 'name' in user ? { name: user.name, password: () => readSecret(user) } : user }),
    publishing,
    pki,
    applicationUri: `urn:${plant.site}:${plant.gateway}:fieldgate`,
    tags: tags.map((tag, i) => ({
      index: first + i,
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
    tags: tags.map((_, i) => first + i),
    latency: publishing + Math.max(0, ...tags.map((tag) => tag.sampling)),
    create: () => opcuaAdapter(options),
  };
}

function modbusSource({ name, config, tags }: ResolvedModbusSource, first: number): Source {
  const { host, port, timeout, delayBetweenRequests, maxRegisters, maxGap } = config;
  const options = {
    name,
    host,
    port,
    timeout,
    delayBetweenRequests,
    maxRegisters,
    maxGap,
    tags: tags.map(({ name, address, type, order, unitId, poll }, i) => ({
      index: first + i,
      name,
      address,
      type,
      order,
      unitId,
      poll,
    })),
  };
  return {
    name,
    protocol: 'modbus-tcp',
    address: `${host}:${port}`,
    tags: tags.map((_, i) => first + i),
    latency: Math.max(0, ...tags.map((tag) => tag.poll)),
    create: () => modbusAdapter(options),
  };
}
