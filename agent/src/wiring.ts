// Wiring: what the mapping says, as the rooms want it. Tags get their numbers here, rules go to conditioning,
// connection settings to the adapters (one file in wiring/ for each protocol). Nobody else knows which there are.

import { dirname, join } from 'node:path';
import type { Source } from './adapters/adapter.ts';
import type { Rule } from './conditioning/conditioner.ts';
import type { Plant, ResolvedSource, ResolvedTag } from './config/plant.ts';
import type { Tag } from './model/tag.ts';
import { modbusSource } from './wiring/modbus.ts';
import { opcuaSource } from './wiring/opcua.ts';

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
