// Fifty units behind one connection, ten of them dead: the others keep their polls. The short form watches 50 cycles with
// both kinds of dead units, FIELDGATE_LONG=1 1,000 cycles with each kind alone and with both.
//
// What a unit may lose is one cycle in a hundred, and what nobody could have kept: a slot in which this process did not
// get to run at all. Those are counted beside (`stalls`), by a timer that is late by half a poll or more: so late, the slot
// of some unit has passed whoever is dead. On a machine with a core to spare that count is 0, and the bound is the bare one.

import { expect, onTestFinished, test } from 'vitest';
import { until } from '../../support/until.ts';
import { polled } from './polled.ts';
import { checksum, refusal, reply, slave } from './slave.ts';
import { tag } from './tags.ts';

const LONG = process.env.FIELDGATE_LONG !== undefined;
const CYCLES = LONG ? 1_000 : 50;
const POLL = 100;
const UNITS = 50;
const DEAD = 10;

/** Slots in which this process did not get to run at all: a busy machine takes them from everybody. */
function stalls(): { count: number; stop(): void } {
  const seen = { count: 0, stop: () => clearInterval(timer) };
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    seen.count += Math.floor((now - last) / (POLL / 2));
    last = now;
  }, 5);
  return seen;
}

/** What a dead unit makes its gateway answer; undefined: nothing. */
type Death = (unit: number) => number | undefined;

const BOTH: [string, Death] = ['answer nothing or are absent', (unit) => (unit % 2 === 0 ? undefined : 11)];
const EITHER: [string, Death][] = [
  ['answer nothing', () => undefined],
  ['are absent behind their gateway', () => 11],
];

test.each(LONG ? [BOTH, ...EITHER] : [BOTH])(
  'ten of fifty units %s: the others lose at most one cycle in a hundred',
  { timeout: 300_000 },
  async (_, exception) => {
    const dead = new Set<number>();
    const peer = await slave((ask, socket) => {
      if (!dead.has(ask.unit)) return void socket.write(reply(ask));
      const code = exception(ask.unit);
      if (code !== undefined) setTimeout(() => socket.destroyed || socket.write(refusal(ask, code)), 20);
    });
    onTestFinished(() => peer.stop());
    const tags = Array.from({ length: UNITS }, (_, i) => tag(i, `holding:${i}`, { unitId: i + 1, poll: POLL }));
    const counts = { requests: 0, failed: 0, lost: 0, overruns: 0 };
    // Shorter pauses than the gateway's, so that 100 cycles see as many probes as otherwise thousands.
    const patience = { firstProbe: 200, lastProbe: 3_000, refusal: 60_000 };
    const run = await polled(peer.port, tags, { timeout: 250, patience, counts });
    await until('everybody', () => tags.every(({ index }) => run.sink.of(index).length > 0));
    for (let i = 0; i < DEAD; i++) dead.add(5 * i + 3);
    await until('ten are left out', () => run.sink.parts.size === DEAD, 60_000);

    const living = tags.filter(({ unitId }) => !dead.has(unitId));
    // What they missed while the ten died is counted with their next readings.
    const seen = living.map(({ index }) => run.sink.of(index).length);
    await until('two readings more', () => living.every(({ index }, i) => run.sink.of(index).length >= seen[i]! + 2));
    const before = living.map(({ index }) => run.sink.of(index).length);
    const probesBefore = peer.asks.filter(({ unit }) => dead.has(unit)).length;
    const lost = stalls();
    const overruns = counts.overruns;
    const begin = performance.now();
    await until(`${CYCLES} cycles`, () => performance.now() - begin > CYCLES * POLL, CYCLES * POLL + 20_000);
    const cycles = (performance.now() - begin) / POLL;
    const readings = living.map(({ index }, i) => run.sink.of(index).length - before[i]!);
    lost.stop();

    // One at each end, because the watch begins and ends in the midst of a cycle.
    const allowed = cycles / 100 + lost.count + 2;
    for (const [i, count] of readings.entries()) {
      expect(cycles - count, `cycles lost by unit ${living[i]!.unitId}`).toBeLessThanOrEqual(allowed);
    }
    expect(counts.overruns - overruns).toBeLessThanOrEqual(allowed * living.length);
    // They were probed all the while, and what came from the others was right.
    expect(peer.asks.filter(({ unit }) => dead.has(unit)).length - probesBefore).toBeGreaterThanOrEqual(DEAD);
    for (const { index, unitId } of living) expect(run.sink.last(index)?.value).toBe(checksum(unitId, index));

    dead.clear();
    await until('all are back', () => run.sink.parts.size === 0, 60_000);
    expect(run.ended).toBeUndefined();
  },
);
