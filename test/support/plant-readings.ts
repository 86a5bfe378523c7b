// Readings of the simulated plant as a gateway delivers them: every second each tag whose value has changed, as an
// OPC UA server reports. For benchmarks of formats, and for tests on data that looks like a plant's.

import type { TagOf } from '../../agent/src/delivery/formats/format.ts';
import type { Numbered } from '../../agent/src/delivery/queue.ts';
import { type Batch, BatchBuilder } from '../../agent/src/model/batch.ts';
import { StatusCode } from '../../agent/src/model/status.ts';
import { fromMillis, TICKS_PER_MS } from '../../agent/src/model/time.ts';
import { type PlantValue, plant } from '../../sim/refinery/plant.ts';
import { type Signal, signals } from '../../sim/refinery/signals.ts';

const START = Date.UTC(2026, 10, 22, 10);

export interface PlantReadings {
  readonly parts: readonly Numbered[];
  readonly tagOf: TagOf;
}

/**
 * `count` consecutive readings of a plant of `tags` tags at 1 s, a batch for every second.
 * @param jitter every reading has a timestamp of its own within the second, to 100 ns, as some servers stamp them
 */
export function plantReadings(tags: number, count: number, jitter = false): PlantReadings {
  const list = signals(tags).filter(({ length }) => length === undefined);
  const process = plant(1);
  const last = new Map<Signal, PlantValue>();
  const parts: Numbered[] = [];
  let first = 120_001;
  let left = count;
  for (let second = 0; left > 0; second++) {
    const time = START + second * 1_000;
    const builder = new BatchBuilder();
    for (const [id, signal] of list.entries()) {
      const good = process.lastGood(signal, time);
      const value = process.value(signal, good, second);
      if (last.get(signal) === value) continue;
      last.set(signal, value);
      // The first second reports every tag, changed or not: no message is like that but the first one.
      if (second === 0 || builder.count >= left) continue;
      const ticks = jitter ? (id * 7_919_777 + second * 104_729) % (1_000 * TICKS_PER_MS) : 0;
      const status = good === time ? StatusCode.Good : StatusCode.UncertainLastUsableValue;
      builder.add(id, fromMillis(time) + ticks, status, value, signal.type === 'Float');
    }
    if (builder.count === 0) continue;
    const batch: Batch = builder.take();
    parts.push({ first, batch });
    first += batch.count;
    left -= batch.count;
  }
  const tagOf: TagOf = (id) => {
    const { name, unit } = list[id] as Signal;
    return unit === undefined ? { name, source: 'cdu1-dcs' } : { name, source: 'cdu1-dcs', unit };
  };
  return { parts, tagOf };
}
