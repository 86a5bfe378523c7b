// A Modbus source of the mapping, as its adapter wants it.

import type { Source } from '../adapters/adapter.ts';
import { type ModbusAdapter, type ModbusOptions, modbusAdapter } from '../adapters/modbus/adapter.ts';
import type { PollCounts } from '../adapters/modbus/line.ts';
import { Owed } from '../adapters/modbus/owed.ts';
import { modbusSurvey } from '../adapters/modbus/survey.ts';
import { placeOf } from '../adapters/modbus/transport.ts';
import type { Survey } from '../adapters/survey.ts';
import type { ResolvedModbusSource } from '../config/plant.ts';
import { lineOptionsOf } from './modbus-transport.ts';

/**
 * @param indices of the source's tags, in their order
 * @param debts what devices owe, by place: also to the source that takes another's place there
 */
export function modbusSource(
  source: ResolvedModbusSource,
  indices: readonly number[],
  debts: Map<string, Owed>,
): Source {
  const { name, config, tags } = source;
  // Those of the source whose adapter this one takes over, from then on.
  let counts: PollCounts = { requests: 0, failed: 0, lost: 0, overruns: 0 };
  const options = optionsOf(source, indices);
  const place = placeOf(options.transport);
  const owed = debts.get(place) ?? new Owed();
  debts.set(place, owed);
  return {
    name,
    protocol: config.protocol,
    address: place,
    tags: indices,
    latency: Math.max(0, ...tags.map((tag) => tag.poll)),
    create: () => modbusAdapter({ ...options, counts, owed }),
    polling: () => counts,
    retag(adapter, change) {
      // By the contract it was made by `create` here, or of the same source with other tags.
      const running = adapter as ModbusAdapter;
      running.retag(options.tags, change);
      counts = running.counts ?? counts;
    },
  };
}

/** What the commands ask of the source. @param first the index of the source's first tag */
export function surveyOfModbus(source: ResolvedModbusSource, first: number): Survey {
  return modbusSurvey(
    optionsOf(
      source,
      source.tags.map((_, i) => first + i),
    ),
  );
}

function optionsOf({ name, config, tags }: ResolvedModbusSource, indices: readonly number[]): ModbusOptions {
  const { maxRegisters, maxGap } = config;
  return {
    name,
    ...lineOptionsOf(config),
    maxRegisters,
    maxGap,
    tags: tags.map(
      ({ name, address, type, order, unitId, poll, sign, encoding, notImplemented, sensorFailure, sunspec }, i) => ({
        index: indices[i]!,
        name,
        address,
        type,
        order,
        unitId,
        poll,
        ...(sign !== undefined && { sign }),
        ...(encoding !== undefined && { encoding }),
        ...(notImplemented !== undefined && { notImplemented }),
        ...(sensorFailure !== undefined && { sensorFailure }),
        ...(sunspec !== undefined && { sunspec }),
      }),
    ),
  };
}
