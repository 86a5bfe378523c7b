// Batches that look like a plant's, for benchmarks: what the simulated refinery's instruments show, each tag once a second.

import { type Batch, BatchBuilder } from '../agent/src/model/batch.ts';
import { StatusCode } from '../agent/src/model/status.ts';
import { fromMillis } from '../agent/src/model/time.ts';
import { plant } from '../sim/refinery/plant.ts';
import { type Signal, signals } from '../sim/refinery/signals.ts';

/** @param count tags, about: arrays are left out */
export const plantTags = (count: number): Signal[] => signals(count).filter(({ length }) => length === undefined);

/**
 * Every batch has its share of the tags; a second has all of them.
 * @param perSecond batches a second, @param start ms since 1970
 */
export function plantBatches(list: readonly Signal[], perSecond: number, seconds: number, start: number): Batch[] {
  const process = plant(1);
  const batches: Batch[] = [];
  for (let slot = 0; slot < seconds * perSecond; slot++) {
    const time = start + slot * (1_000 / perSecond);
    const builder = new BatchBuilder(list.length / perSecond);
    for (let i = slot % perSecond; i < list.length; i += perSecond) {
      const signal = list[i] as Signal;
      const good = process.lastGood(signal, time);
      const status = good === time ? StatusCode.Good : StatusCode.UncertainLastUsableValue;
      const value = process.value(signal, good, Math.floor(slot / perSecond));
      builder.add(i, fromMillis(time), status, value, signal.type === 'Float');
    }
    batches.push(builder.take());
  }
  return batches;
}
