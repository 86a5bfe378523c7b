// What the server says of its signals: the ranges that deadbands need, before the first reading, and the units that the
// mapping lacks, when there is time. Both are asked for again when the server says that they changed. Where it stumbles over
// them, readings flow without (source/courtesy.ts).

import { Fault } from '../../../model/fault.ts';
import type { Sink } from '../../adapter.ts';
import { pause } from '../../pause.ts';
import { courteously } from '../link/beside.ts';
import type { Calls, Limits } from '../link/calls.ts';
import type { Courtesies } from '../source/courtesy.ts';
import type { Item } from '../source/item.ts';
import { readRanges, readUnits } from './facts.ts';

/** A server that changes a range changes many: they are asked for together, ms. */
const GATHER = 500;

/** Who is asked, and who is told. */
export interface Ask {
  readonly server: Calls;
  readonly limits: Limits;
  readonly sink: Sink;
  readonly signal: AbortSignal;
}

export interface Meaning {
  /** Asks for the ranges that deadbands need. Rejects with a Fault when the link is broken. */
  ranges(items: readonly Item[], ask: Ask): Promise<void>;
  /** Asks for units not known yet: a courtesy, for which no reading waits and over which no link breaks. */
  units(items: readonly Item[], ask: Ask): Promise<void>;
  /** What the server says of these tags, by position, is not what it was. */
  changed(positions: readonly number[]): void;
  /** Asks again for what changed, until the signal aborts. @param told after each time */
  keepUp(items: () => readonly Item[], ask: Ask, told: () => void): Promise<void>;
  /**
   * What is to be said of deadbands in percent of a range that nobody knows, which withhold nothing; undefined when there
   * is none. @param filtered positions of those that the server applies all the same
   */
  lacks(items: readonly Item[], filtered: ReadonlySet<number>): string | undefined;
}

export function meaning(courtesies: Pick<Courtesies, 'ranges' | 'units'>): Meaning {
  /** By position. */
  const unitAsked = new Set<number>();
  const rangeless = new Set<number>();
  const stale = new Set<number>();
  let wake: () => void = () => {};

  async function askRanges(
    items: readonly Item[],
    { server, limits, sink }: Ask,
    patient: boolean,
  ): Promise<readonly Item[]> {
    const wanting = items.filter(({ tag }) => tag.wantsRange);
    const facts = await readRanges(wanting, limits, server, courteously(courtesies.ranges, server, patient));
    const lacking: Item[] = [];
    for (const [i, item] of wanting.entries()) {
      const { tag, position } = item;
      const told = facts[i] ?? {};
      if (told.range === undefined) {
        rangeless.add(position);
        lacking.push(item);
      } else rangeless.delete(position);
      sink.describe(tag.index, told);
    }
    return lacking;
  }

  async function ranges(items: readonly Item[], ask: Ask): Promise<void> {
    const lacking = await askRanges(items, ask, false);
    // Those that only a call of its own may ask for are asked for when there is time.
    if (courtesies.ranges.waiting) for (const { position } of lacking) stale.add(position);
  }

  async function units(items: readonly Item[], { server, limits, sink, signal }: Ask): Promise<void> {
    const lacking = items.filter(({ tag, position }) => tag.wantsUnit && !unitAsked.has(position));
    for (let from = 0; from < lacking.length && !signal.aborted; from += limits.read) {
      const portion = lacking.slice(from, from + limits.read);
      await courtesy(async () => {
        const found = await readUnits(portion, limits, server, courteously(courtesies.units, server, true));
        for (const [i, { tag, position }] of portion.entries()) {
          const unit = found[i];
          // Of one that the server stumbles over it is asked again over another link.
          if (unit !== undefined || courtesies.units.manner(tag.name) === 'together') unitAsked.add(position);
          if (unit !== undefined) sink.describe(tag.index, { unit });
        }
      });
    }
  }

  return {
    ranges,
    units,
    changed(positions) {
      for (const position of positions) stale.add(position);
      wake();
    },
    async keepUp(items, ask, told) {
      const { signal } = ask;
      for (const { tag, position } of items())
        if (rangeless.has(position) && courtesies.ranges.manner(tag.name) === 'alone') stale.add(position);
      while (!signal.aborted) {
        if (stale.size === 0) {
          const early = new AbortController();
          wake = () => early.abort();
          await pause(3_600_000, AbortSignal.any([signal, early.signal]));
          continue;
        }
        await pause(GATHER, signal);
        if (signal.aborted) return;
        const positions = [...stale];
        const again = items().filter(({ position }) => stale.has(position));
        for (const { position } of again) unitAsked.delete(position);
        await courtesy(async () => {
          await askRanges(again, ask, true);
          for (const position of positions) stale.delete(position);
        });
        await units(again, ask);
        told();
      }
    },
    lacks(items, filtered) {
      const lacking = items.filter(({ position }) => rangeless.has(position) && !filtered.has(position));
      if (lacking.length === 0) return undefined;
      const names = lacking.slice(0, 3).map(({ tag }) => tag.name);
      const more = lacking.length > names.length ? ` and ${lacking.length - names.length} more` : '';
      return (
        `the server has no EURange for ${names.join(', ')}${more}, so that every change is sent: ` +
        'write "range: [low, high]" beside their deadband, or the deadband in engineering units'
      );
    },
  };
}

/** Whether the link is broken others will tell. */
async function courtesy(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
  }
}
