// When a silent link is asked, suspected, given up, and when it is left alone.

import fc from 'fast-check';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { judge, type Pulse, startPulse } from '../../../../agent/src/adapters/opcua/link/pulse.ts';
import { SHUNNED, takeOver } from '../../../../agent/src/adapters/opcua/takeover.ts';
import { Fault } from '../../../../agent/src/model/fault.ts';

const QUIET = 1_000;
const LIMIT = 15_000;

beforeEach(() => vi.useFakeTimers());
let pulse: Pulse | undefined;
afterEach(() => {
  pulse?.stop();
  vi.useRealTimers();
});

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

/** A server under control: how long it takes to answer, ms; undefined: it never does. */
function peer(answersIn: () => number | undefined) {
  const it = { bytes: 0, asked: 0, open: 0, most: 0, dead: 0, busy: false, slowest: 0 };
  pulse = startPulse({
    quiet: QUIET,
    limit: LIMIT,
    shunned: SHUNNED,
    received: () => it.bytes,
    ask() {
      it.asked += 1;
      it.open += 1;
      it.most = Math.max(it.most, it.open);
      const ms = answersIn();
      return new Promise<void>((resolve, reject) => {
        const over = (settle: () => void) => () => {
          it.open -= 1;
          settle();
        };
        if (ms === undefined)
          setTimeout(
            over(() => reject(new Fault('source.timeout', 'late'))),
            10_000,
          );
        else
          setTimeout(
            over(() => {
              it.bytes += 40;
              resolve();
            }),
            ms,
          );
      });
    },
    busy: () => it.busy,
    slowest: () => it.slowest,
    dead: () => (it.dead += 1),
  });
  return it;
}

/** Whether the server is suspected at this moment. */
async function suspected(): Promise<boolean> {
  const asked = new AbortController();
  const told = pulse!.suspected(asked.signal);
  await Promise.resolve();
  asked.abort();
  return told;
}

test('a link on which something comes is never asked', async () => {
  const it = peer(() => undefined);
  for (let i = 0; i < 100; i++) {
    it.bytes += 1;
    await pass(900);
  }
  expect(it.asked).toBe(0);
  expect(await suspected()).toBe(false);
});

test('one with nothing to say is asked about once a second, one question at a time', async () => {
  const it = peer(() => 20);
  await pass(60_000);
  expect(it.asked).toBeGreaterThan(40);
  expect(it.asked).toBeLessThanOrEqual(60);
  expect(it.most).toBe(1);
  expect(await suspected()).toBe(false);
});

test('one that gives no answer is suspected within two and a half seconds, and given up at the limit', async () => {
  const it = peer(() => undefined);
  await pass(1_900);
  expect(await suspected()).toBe(false);
  await pass(600);
  expect(await suspected()).toBe(true);
  expect(it.asked).toBe(1);
  await pass(LIMIT);
  expect(it.dead).toBe(1);
});

test('any byte ends the suspicion', async () => {
  const it = peer(() => undefined);
  await pass(2_500);
  const { aborted } = pulse!.revival();
  const revival = pulse!.revival();
  it.bytes += 1;
  await pass(100);
  expect(aborted).toBe(false);
  expect(revival.aborted).toBe(true);
  expect(await suspected()).toBe(false);
});

test('neither while a call is under way that may take long, nor sooner than the server is known to answer', async () => {
  const it = peer(() => undefined);
  it.busy = true;
  await pass(9_000);
  expect(await suspected()).toBe(false);
  it.busy = false;
  it.slowest = 4_000;
  await pass(3_500);
  expect(await suspected()).toBe(false);
  await pass(700);
  expect(await suspected()).toBe(true);
});

test('a server that sends and never answers the question is not judged by it', async () => {
  const it = peer(() => undefined);
  for (let i = 0; i < 60; i++) {
    it.bytes += 1;
    await pass(1_500);
  }
  expect(it.most).toBe(1);
  await pass(60_000);
  expect(await suspected()).toBe(false);
  expect(it.dead).toBe(0);
});

test('time in which the whole process was held up counts for nothing', async () => {
  peer(() => undefined);
  vi.spyOn(performance, 'now').mockReturnValueOnce(performance.now() + 3_600_000);
  await pass(200);
  expect(await suspected()).toBe(false);
});

test('never asked while it speaks, never suspected without a question', () => {
  const ms = fc.double({ min: 0, max: 60_000, noNaN: true });
  const moment = fc.record({
    silent: ms,
    unanswered: fc.option(ms, { nil: undefined }),
    busy: fc.boolean(),
    slowest: ms,
  });
  fc.assert(
    fc.property(moment, (given) => {
      const verdict = judge(given, QUIET);
      if (given.silent < QUIET) expect(verdict).toBe('well');
      if (verdict === 'suspect') {
        expect(given.busy).toBe(false);
        expect(given.unanswered).toBeGreaterThanOrEqual(Math.max(QUIET, 3 * given.slowest));
        expect(given.silent).toBeGreaterThanOrEqual(2 * QUIET);
      }
      if (verdict === 'ask') expect(given.unanswered).toBeUndefined();
    }),
  );
});

test('a rival that has not moved the session yet gives way when the first link speaks', async () => {
  const it = peer(() => undefined);
  const end = new AbortController();
  const opened: AbortSignal[] = [];
  const taken = takeOver(
    pulse!,
    (signal, seize) => {
      opened.push(signal);
      return new Promise<string>((resolve, reject) => {
        setTimeout(() => {
          try {
            seize();
            resolve('rival');
          } catch (error) {
            reject(error);
          }
        }, 400);
      });
    },
    end.signal,
  );
  await pass(2_300);
  expect(opened).toHaveLength(1);
  // Between two looks: asked at the last moment.
  it.bytes += 1;
  await pass(450);
  expect(opened[0]?.aborted).toBe(true);
  // Silent again, and for good.
  await pass(5_000);
  expect(await taken).toBe('rival');
  expect(opened).toHaveLength(2);
});

test.each([
  ['source.unreachable', true],
  ['source.timeout', true],
  ['source.unready', true],
  ['source.protocol', false],
  ['source.untrusted', false],
  ['source.credentials', false],
] as const)('a rival that fails with %s is tried again: %s', async (code, again) => {
  peer(() => undefined);
  const end = new AbortController();
  let tries = 0;
  const taken = takeOver(
    pulse!,
    async () => {
      tries += 1;
      throw new Fault(code, 'no');
    },
    end.signal,
  );
  await pass(8_000);
  end.abort();
  await pass(1_100);
  expect(await taken).toBeUndefined();
  expect(tries > 1).toBe(again);
  expect(tries).toBeGreaterThan(0);
});

test('a server that answers a rival and keeps its session is given less time, and asked once for each silence', async () => {
  let answer: number | undefined = 7_500;
  const it = peer(() => answer);
  const end = new AbortController();
  let tries = 0;
  const taken = takeOver(
    pulse!,
    async (_signal, _seize, refused) => {
      tries += 1;
      refused();
      throw new Fault('source.closed', 'it stays');
    },
    end.signal,
  );
  await pass(8_000);
  expect([tries, it.dead]).toEqual([1, 0]);
  // It speaks again: what was seen of it before counts no more.
  await pass(1_000);
  answer = undefined;
  await pass(8_000);
  expect([tries, it.dead]).toEqual([2, 0]);
  // Busy, by a call that any server may take its time for.
  it.busy = true;
  await pass(2_000);
  expect(it.dead).toBe(0);
  it.busy = false;
  await pass(200);
  expect([tries, it.dead]).toEqual([2, 1]);
  end.abort();
  expect(await taken).toBeUndefined();
});

test('nor less than a server needs that is known to be slow', async () => {
  const it = peer(() => undefined);
  it.slowest = 4_000;
  await pass(13_100);
  expect(await suspected()).toBe(true);
  pulse!.shun();
  await pass(300);
  expect(it.dead).toBe(1);
});
