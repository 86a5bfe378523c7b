// A Modbus source of the mapping, as its adapter wants it.

import type { Source } from '../adapters/adapter.ts';
import { modbusAdapter } from '../adapters/modbus/adapter.ts';
import type { ResolvedModbusSource } from '../config/plant.ts';

/** @param indices of the source's tags, in their order */
export function modbusSource({ name, config, tags }: ResolvedModbusSource, indices: readonly number[]): Source {
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
      index: indices[i]!,
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
    tags: indices,
    latency: Math.max(0, ...tags.map((tag) => tag.poll)),
    create: () => modbusAdapter(options),
  };
}
