// A unit whose registers must be found before it can be polled: a SunSpec device. Until it is found its tags are Bad
// with the reason, and it is looked for again after 1 s, 2 s, 4 s, up to 60 s, while the other units go their way. One that
// was found and then left out is looked for anew.

import { StatusCode } from '../../model/status.ts';
import type { ModbusTag } from './plan.ts';
import { silence } from './silence.ts';
import { findModels, missing, placed } from './sunspec.ts';
import type { Shared } from './unit.ts';

export class Seeker {
  readonly unit: number;
  readonly slots: readonly number[];
  readonly #order: number;
  /** Whether its tags have had a first reading, if only a Bad one. */
  asked = false;
  /** How it fails. */
  silence: 'timeout' | 'closed' | 'wrong' | undefined;

  constructor(unit: number, slots: readonly number[], order: number) {
    this.unit = unit;
    this.slots = slots;
    this.#order = order;
  }

  /**
   * Looks until the device is found; resolves with the tags at their places, by position in the list of all tags.
   * Undefined when `signal` aborts. @throws Fault when the line is down
   */
  async seek(
    tags: readonly ModbusTag[],
    { line, readings, troubles, patience, timeout, alarm, turned }: Shared,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<number, ModbusTag> | undefined> {
    const name = `unit ${this.unit}, SunSpec`;
    const base = tags[this.slots[0]!]?.sunspec?.base;
    for (let pause = patience.firstProbe; !signal.aborted; pause = Math.min(2 * pause, patience.lastProbe)) {
      const found = await findModels((start, quantity) => line.read(this.unit, 'holding', start, quantity), base);
      if (signal.aborted) return undefined;
      if (found.kind === 'found') {
        troubles.set(name, undefined);
        return this.#place(tags, found.models, { readings, troubles });
      }
      const outcome = found.kind === 'silent' ? found.outcome : undefined;
      this.silence = outcome?.kind === 'exception' ? undefined : outcome?.kind;
      const why = outcome && silence(outcome, timeout);
      troubles.set(name, why?.words ?? missing(tags[this.slots[0]!]!, undefined));
      readings.fail(this.slots, why?.status ?? StatusCode.BadConfigurationError);
      this.asked = true;
      troubles.report();
      turned();
      await alarm.sleep(performance.now() + pause, this.#order);
    }
    return undefined;
  }

  #place(
    tags: readonly ModbusTag[],
    models: ReadonlyMap<number, number>,
    { readings, troubles }: Pick<Shared, 'readings' | 'troubles'>,
  ): ReadonlyMap<number, ModbusTag> {
    const found = new Map<number, ModbusTag>();
    for (const slot of this.slots) {
      const tag = placed(tags[slot]!, models);
      if (tag) {
        found.set(slot, tag);
        continue;
      }
      const words = missing(tags[slot]!, models);
      readings.fail([slot], words === undefined ? StatusCode.BadNotSupported : StatusCode.BadConfigurationError);
      if (words !== undefined) troubles.set(tags[slot]!.name, words);
    }
    return found;
  }
}
