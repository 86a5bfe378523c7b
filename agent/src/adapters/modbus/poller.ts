// Polls all units of a source over one line until it is told to stop, or until there is nothing left to poll: the
// line is down, or every unit is silent. Then the supervisor is told, and starts anew. Tags may come and go meanwhile.

import { setMaxListeners } from 'node:events';
import { Fault, type FaultCode } from '../../model/fault.ts';
import { StatusCode } from '../../model/status.ts';
import type { Clock, Sink, TagChange } from '../adapter.ts';
import { aborted } from '../pause.ts';
import { Alarm } from './alarm.ts';
import type { Patience } from './health.ts';
import type { Line, PollCounts } from './line.ts';
import { type Group, type Limits, type ModbusTag, plan } from './plan.ts';
import { Probes } from './probes.ts';
import { Readings } from './readings.ts';
import { phaseOf } from './schedule.ts';
import { Seeker } from './seek.ts';
import { Troubles } from './troubles.ts';
import { Unit } from './unit.ts';

export interface Polling {
  /** Name of the source. */
  readonly name: string;
  readonly tags: readonly ModbusTag[];
  readonly limits: Limits;
  /** ms to wait for a reply; for people. */
  readonly timeout: number;
  readonly patience: Patience;
  readonly clock: Clock;
  readonly counts?: PollCounts | undefined;
}

const FAULT = { timeout: 'source.timeout', closed: 'source.closed', wrong: 'source.protocol' } as const;

export interface Poller {
  /**
   * Resolves when the signal aborts.
   * Rejects with a Fault: source.unreachable when the line is down; source.timeout, source.closed or source.protocol
   * when every unit is left out because it does not answer, hangs up or talks nonsense.
   */
  readonly done: Promise<void>;
  /**
   * Other tags from now on; units and requests that are not concerned do not notice. Legal when it is over.
   * @throws Fault source.configuration, before anything has changed, where one of the tags must be looked for first
   */
  retag(tags: readonly ModbusTag[], change: TagChange): void;
}

/** Polls from now on, until `signal` aborts. */
export function poller(line: Line, polling: Polling, sink: Sink, signal: AbortSignal): Poller {
  const { limits } = polling;
  /** Tags of SunSpec devices get their places when these are found. */
  const tags: (ModbusTag | undefined)[] = [...polling.tags];
  const readings = new Readings(polling.tags, sink, polling.clock);
  const troubles = new Troubles(sink);
  /** Groups of those tags that are included; what can never be read is told at once. */
  const planned = (includes: (tag: ModbusTag, slot: number) => boolean): readonly Group[] => {
    const { groups, impossible } = plan(tags, limits, includes);
    readings.fail(impossible.keys(), StatusCode.BadConfigurationError);
    for (const [slot, words] of impossible) troubles.set(tags[slot]!.name, words);
    return groups;
  };
  const groups = planned(({ sunspec }) => sunspec === undefined);
  troubles.report();

  const over = new AbortController();
  const stop = AbortSignal.any([signal, over.signal]);
  // Every unit waits on it.
  setMaxListeners(0, stop);
  let fault: Fault | undefined;
  const give = (up: Fault) => {
    fault ??= up;
    over.abort();
    // Whoever waits on the line need not wait for its deadline.
    void line.close();
  };
  let ready = false;
  const turned = () => {
    const all = [...units, ...seekers];
    const code = commonFault(all);
    if (code) give(new Fault(code, 'no unit of the source can be read any more'));
    if (ready || over.signal.aborted || !all.every((one) => one.asked)) return;
    ready = true;
    sink.ready();
  };
  const alarm = new Alarm();
  stop.addEventListener('abort', () => alarm.end(), { once: true });
  const units = new Set<Unit>();
  const due = () => Math.min(...Array.from(units, (unit) => unit.due), Number.POSITIVE_INFINITY);
  const probes = new Probes(polling.timeout, due, performance.now());
  const phase = phaseOf(polling.name);
  const shared = { ...polling, counts: polling.counts, line, readings, troubles, probes, alarm, phase, turned };
  /** Works under way; those of units that are gone have ended. */
  const works = new Set<Promise<void>>();
  const begin = (work: () => Promise<void>) => {
    const guarded = work()
      .catch((thrown: unknown) => give(Fault.from(thrown, 'internal.unexpected', 'polling')))
      .finally(() => works.delete(guarded));
    works.add(guarded);
  };
  let order = 0;
  const made = (groups: readonly Group[]): Unit => {
    const unit = new Unit(groups[0]!.unit, order++, groups, shared);
    units.add(unit);
    return unit;
  };
  const add = (groups: readonly Group[]): Unit => {
    const unit = made(groups);
    begin(() => unit.run(stop));
    return unit;
  };

  const seekers = new Set(seekersOf(polling.tags, () => order++));
  const find = async (seeker: Seeker) => {
    const found = await seeker.seek(polling.tags, shared, stop);
    if (found === undefined) return;
    for (const [slot, tag] of found) tags[slot] = tag;
    seekers.delete(seeker);
    const placed = planned((_, slot) => found.has(slot));
    if (placed.length === 0) turned();
    troubles.report();
    if (placed.length === 0) return;
    const unit = made(placed);
    await unit.run(stop, false);
    if (stop.aborted) return;
    // A device that was away may come back with its registers elsewhere.
    unit.retag([], new Set(found.keys()));
    units.delete(unit);
    for (const slot of seeker.slots) troubles.set(polling.tags[slot]!.name, undefined);
    const next = new Seeker(seeker.unit, seeker.slots, order++);
    seekers.add(next);
    begin(() => find(next));
  };
  /** Units whose addresses are known from the beginning. */
  const plain = new Map<number, Unit>();
  for (const [id, own] of Map.groupBy(groups, ({ unit }) => unit)) plain.set(id, add(own));
  for (const seeker of seekers) begin(() => find(seeker));
  turned();

  async function end(): Promise<void> {
    await aborted(stop);
    while (works.size > 0) await Promise.all(works);
    const lost = fault !== undefined && !signal.aborted;
    readings.end(lost);
    if (lost) throw fault;
  }

  return {
    done: end(),
    retag(next, { added, gone }) {
      if (stop.aborted) return;
      const come = new Set(added);
      const fresh = next.filter(({ index }) => come.has(index));
      const leaving = new Set(gone);
      const slots = new Set(tags.keys().filter((slot) => leaving.has(tags[slot]?.index ?? -1)));
      if ([...fresh, ...slots.values().map((slot) => polling.tags[slot])].some((tag) => tag?.sunspec !== undefined))
        throw new Fault('source.configuration', 'tags of a SunSpec device get their addresses when it is connected');
      readings.drop(slots);
      for (const slot of slots) {
        troubles.set(tags[slot]!.name, undefined);
        tags[slot] = undefined;
      }
      const first = tags.length;
      for (const tag of fresh) tags.push(tag);
      readings.add(fresh);
      const groups = Map.groupBy(
        planned((_, slot) => slot >= first),
        ({ unit }) => unit,
      );
      for (const [id, unit] of plain) {
        unit.retag(groups.get(id) ?? [], slots);
        groups.delete(id);
        if (!unit.empty) continue;
        plain.delete(id);
        units.delete(unit);
      }
      for (const [id, own] of groups) plain.set(id, add(own));
      troubles.report();
      turned();
    },
  };
}

/** One for each unit that is a SunSpec device. */
function seekersOf(tags: readonly ModbusTag[], order: () => number): Seeker[] {
  const slots = [...tags.keys()].filter((slot) => tags[slot]!.sunspec !== undefined);
  const units = Map.groupBy(slots, (slot) => tags[slot]!.unitId);
  return [...units].map(([unit, own]) => new Seeker(unit, own, order()));
}

/** The fault of the source when every one of its units is silent. */
function commonFault(units: readonly Pick<Unit, 'silence'>[]): FaultCode | undefined {
  const ways = units.map((unit) => unit.silence);
  const last = ways.at(-1);
  return last !== undefined && ways.every((way) => way !== undefined) ? FAULT[last] : undefined;
}
