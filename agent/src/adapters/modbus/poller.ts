// Polls all units of a source over one line until it is told to stop, or until there is nothing left to poll: the
// line is down, or every unit is silent. Then the supervisor is told, and starts anew.

import { setMaxListeners } from 'node:events';
import { Fault, type FaultCode } from '../../model/fault.ts';
import { StatusCode } from '../../model/status.ts';
import type { Clock, Sink } from '../adapter.ts';
import { Alarm } from './alarm.ts';
import type { Patience } from './health.ts';
import type { Line, PollCounts } from './line.ts';
import { type Limits, type ModbusTag, plan } from './plan.ts';
import { Probes } from './probes.ts';
import { Readings } from './readings.ts';
import { Seeker } from './seek.ts';
import { Troubles } from './troubles.ts';
import { Unit } from './unit.ts';

export interface Polling {
  readonly tags: readonly ModbusTag[];
  readonly limits: Limits;
  /** ms to wait for a reply; for people. */
  readonly timeout: number;
  readonly patience: Patience;
  readonly clock: Clock;
  readonly counts?: PollCounts | undefined;
}

const FAULT = { timeout: 'source.timeout', closed: 'source.closed', wrong: 'source.protocol' } as const;

/**
 * Resolves when `signal` aborts.
 * @throws Fault source.unreachable when the line is down; source.timeout, source.closed or source.protocol when
 *   every unit is left out because it does not answer, hangs up or talks nonsense
 */
export async function poll(line: Line, polling: Polling, sink: Sink, signal: AbortSignal): Promise<void> {
  const { limits } = polling;
  /** Tags of SunSpec devices get their places when these are found. */
  const tags = [...polling.tags];
  const { groups, impossible } = plan(tags, limits, ({ sunspec }) => sunspec === undefined);
  const readings = new Readings(tags, sink, polling.clock);
  const troubles = new Troubles(sink);
  readings.fail(impossible.keys(), StatusCode.BadConfigurationError);
  for (const [slot, words] of impossible) troubles.set(tags[slot]!.name, words);
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
  const origin = performance.now();
  const due = () => units.reduce((least, unit) => Math.min(least, unit.due), Number.POSITIVE_INFINITY);
  const probes = new Probes(polling.timeout, due, origin);
  const shared = { ...polling, tags, counts: polling.counts, line, readings, troubles, probes, alarm, origin, turned };
  const ids = [...new Set(groups.map((group) => group.unit))];
  const units: Unit[] = ids.map(
    (id, order) =>
      new Unit(
        id,
        order,
        groups.filter((group) => group.unit === id),
        shared,
      ),
  );

  const seekers = new Set(seekersOf(tags, ids.length));
  const find = async (seeker: Seeker) => {
    const found = await seeker.seek(tags, shared, stop);
    if (found === undefined) return;
    for (const [slot, tag] of found) tags[slot] = tag;
    seekers.delete(seeker);
    const placed = plan(tags, limits, (_, slot) => found.has(slot));
    for (const [slot, words] of placed.impossible) troubles.set(tags[slot]!.name, words);
    readings.fail(placed.impossible.keys(), StatusCode.BadConfigurationError);
    const [first] = placed.groups;
    if (first === undefined) return turned();
    const unit = new Unit(first.unit, units.length, placed.groups, { ...shared, origin: performance.now() });
    units.push(unit);
    await unit.run(stop);
  };
  const guarded = (work: Promise<void>) =>
    work.catch((thrown: unknown) => give(Fault.from(thrown, 'internal.unexpected', 'polling')));

  turned();

  await Promise.all([
    aborted(stop),
    ...units.map((unit) => guarded(unit.run(stop))),
    ...[...seekers].map((seeker) => guarded(find(seeker))),
  ]);
  readings.end();
  if (fault && !signal.aborted) throw fault;
}

/** One for each unit that is a SunSpec device. */
function seekersOf(tags: readonly ModbusTag[], order: number): Seeker[] {
  const slots = [...tags.keys()].filter((slot) => tags[slot]!.sunspec !== undefined);
  const units = Map.groupBy(slots, (slot) => tags[slot]!.unitId);
  return [...units].map(([unit, own], i) => new Seeker(unit, own, order + i));
}

/** The fault of the source when every one of its units is silent. */
function commonFault(units: readonly Pick<Unit, 'silence'>[]): FaultCode | undefined {
  const ways = units.map((unit) => unit.silence);
  const last = ways.at(-1);
  return last !== undefined && ways.every((way) => way !== undefined) ? FAULT[last] : undefined;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
