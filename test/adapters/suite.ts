// The shared adapter suite: what every protocol has to keep of the contract in agent/src/adapters/adapter.ts.
// A protocol brings a rig (a real server and a handful of tags); the suite puts a wire between the two that it can
// cut and freeze. A new protocol is done when `adapterSuite('mine', start)` passes.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Adapter, CLOSE_DEADLINE_MS } from '../../agent/src/adapters/adapter.ts';
import type { Value } from '../../agent/src/model/batch.ts';
import { Fault, type FaultClass } from '../../agent/src/model/fault.ts';
import { isBad, isGood } from '../../agent/src/model/status.ts';
import { now, TICKS_PER_MS } from '../../agent/src/model/time.ts';
import { until } from '../support/until.ts';
import { type Recorder, recorder } from './recorder.ts';
import { type Wire, wire } from './wire.ts';

/** A server and what it holds. All tags are read about every 100 ms or on change. */
export interface Rig {
  /** Where the server listens on 127.0.0.1. */
  readonly port: number;
  /** A new adapter for all tags, aimed at a port of 127.0.0.1. */
  adapter(port: number): Adapter;
  /** Tags that can be read, with the value the server holds at the start. */
  readonly good: readonly { readonly tag: number; readonly value: Value }[];
  /** Tags that the server does not have; at least one. `name` is the part under which trouble lists it. */
  readonly bad: readonly { readonly tag: number; readonly name: string }[];
  /** Gives `good[0]` a value at the server that it never had, and returns what a reading then holds. */
  change(): Value;
  /**
   * Of sources that have `retag`: tells a running adapter that `good[1]` is gone and that another tag has come, which
   * can be read. Returns that one with the value the server holds.
   */
  retag?(adapter: Adapter): { readonly tag: number; readonly value: Value };
  /** How long the adapter may take to notice that nothing comes through any more, in ms. */
  readonly silence: number;
  stop(): Promise<void>;
}

/** @param start makes the rig, once per suite */
export function adapterSuite(protocol: string, start: () => Promise<Rig>): void {
  describe(`the adapter contract, ${protocol}`, () => {
    let rig: Rig;
    let link: Wire;
    const made: Adapter[] = [];

    beforeAll(async () => {
      rig = await start();
    });
    afterAll(() => rig?.stop());
    beforeEach(async () => {
      link = await wire(rig.port);
    });
    afterEach(async () => {
      await Promise.all(made.splice(0).map((adapter) => adapter.close()));
      await link.stop();
    });

    const adapterAt = (port: number): Adapter => {
      const adapter = rig.adapter(port);
      made.push(adapter);
      return adapter;
    };

    /** An adapter that is connected and has given every tag its first reading. */
    const running = async () => {
      const adapter = adapterAt(link.port);
      const sink = recorder();
      const stop = new AbortController();
      await adapter.connect(new AbortController().signal);
      const run = outcome(adapter.run(sink, stop.signal));
      await firstReadings(rig, sink, run);
      return { adapter, sink, stop, run };
    };

    test('says once, and soon, that nothing is missed from now on', async () => {
      const { sink, stop, run } = await running();
      await until('ready', () => sink.readies > 0);
      stop.abort();
      await run;
      expect(sink.readies).toBe(1);
    });

    test('every tag gets a first reading: a value, or a Bad status and a word on it', async () => {
      const before = now();
      const { sink } = await running();
      for (const { tag, value } of rig.good) {
        const reading = sink.last(tag)!;
        expect.soft({ tag, good: isGood(reading.status), value: reading.value }).toEqual({ tag, good: true, value });
        // A server may have stamped a value long ago, but never in the future.
        expect.soft(reading.time, 'source timestamp').toBeLessThanOrEqual(now() + 1_000 * TICKS_PER_MS);
      }
      for (const { tag, name } of rig.bad) {
        const reading = sink.of(tag)[0]!;
        expect.soft(isBad(reading.status), `status of ${name}`).toBe(true);
        expect.soft(reading.value).toBeNull();
        expect.soft(reading.time).toBeGreaterThanOrEqual(before - 1_000 * TICKS_PER_MS);
        await until(`a word on ${name}`, () => sink.parts.has(name));
      }
    });

    test('a tag that stays bad is told once', async () => {
      const { sink } = await running();
      for (let i = 0; i < 3; i++) await nextReading(rig, sink);
      for (const { tag } of rig.bad) expect(sink.of(tag)).toHaveLength(1);
    });

    test('a changed value arrives', async () => {
      const { sink } = await running();
      await nextReading(rig, sink);
    });

    test('tags come and go while it runs, and the others do not notice', async ({ skip }) => {
      if (rig.retag === undefined) skip('the source has no retag');
      const { adapter, sink, run } = await running();
      await until('ready', () => sink.readies > 0);
      const { made } = link;
      const fresh = rig.retag!(adapter);
      // Nothing for the one that is gone from the return on, and soon something of the new one.
      const gone = rig.good[1]!.tag;
      const told = sink.of(gone).length;
      await until('a first reading of the new tag', () => sink.last(fresh.tag) !== undefined);
      const first = sink.of(fresh.tag)[0]!;
      expect({ good: isGood(first.status), value: first.value }).toEqual({ good: true, value: fresh.value });
      for (let i = 0; i < 3; i++) await nextReading(rig, sink);
      expect(sink.of(gone)).toHaveLength(told);
      for (const { tag } of rig.bad) expect(sink.of(tag)).toHaveLength(1);
      for (const { name } of rig.bad) expect(sink.parts.has(name)).toBe(true);
      expect(sink.faults()).toEqual([]);
      expect({ made: link.made, readies: sink.readies }).toEqual({ made, readies: 1 });
      expect(await Promise.race([run, 'still running'])).toBe('still running');
    });

    test('batches are whole, and are not touched after their delivery', async () => {
      const { sink } = await running();
      await nextReading(rig, sink);
      await nextReading(rig, sink);
      expect(sink.faults()).toEqual([]);
      const known = new Set([...rig.good, ...rig.bad].map(({ tag }) => tag));
      expect(sink.readings.filter(({ tag }) => !known.has(tag))).toEqual([]);
    });

    test('an abort ends run, without an error and without another batch', async () => {
      const { sink, stop, run, adapter } = await running();
      stop.abort();
      expect(await within(CLOSE_DEADLINE_MS, run)).toBe('resolved');
      const batches = sink.batches.length;
      rig.change();
      await within(CLOSE_DEADLINE_MS, adapter.close());
      await new Promise((resolve) => setTimeout(resolve, 300));
      expect(sink.batches.length).toBe(batches);
      await until('no connection left', () => link.open === 0, CLOSE_DEADLINE_MS);
    });

    test('close is legal before connect, and twice', async () => {
      const adapter = adapterAt(link.port);
      await adapter.close();
      await adapter.close();
      expect(link.made).toBe(0);
    });

    test('close while running ends run and the connection', async () => {
      const { adapter, run } = await running();
      await within(CLOSE_DEADLINE_MS, Promise.all([adapter.close(), adapter.close()]));
      await within(CLOSE_DEADLINE_MS, run);
      await until('no connection left', () => link.open === 0, CLOSE_DEADLINE_MS);
    });

    test('close keeps its deadline when the peer has gone silent', async () => {
      const { adapter, run } = await running();
      link.freeze();
      await within(CLOSE_DEADLINE_MS, adapter.close());
      await within(CLOSE_DEADLINE_MS, run);
      await until('no connection left', () => link.open === 0, CLOSE_DEADLINE_MS);
    });

    test.each(['cut', 'hangUp'] as const)('a lost connection (%s) ends run with a fault', async (how) => {
      const { run } = await running();
      link[how]();
      // No way back: a connection that is made anew must fail, so that the adapter cannot mend it quietly.
      await link.stop();
      expect(classOf(await within(rig.silence, run))).toBeOneOf(['session', 'transient'] satisfies FaultClass[]);
    });

    test('a peer that falls silent ends run with a fault', async () => {
      const { run } = await running();
      link.freeze();
      expect(classOf(await within(rig.silence, run))).toBeOneOf(['session', 'transient'] satisfies FaultClass[]);
    });

    test('after a lost connection a new adapter works', async () => {
      const first = await running();
      link.cut();
      first.stop.abort();
      await within(CLOSE_DEADLINE_MS, first.run);
      await first.adapter.close();
      const second = await running();
      expect(second.sink.faults()).toEqual([]);
    });

    test('connect to a port where nobody listens rejects with a fault', async () => {
      // Below the ports that are given out: one that was just freed may be somebody's by now.
      const adapter = adapterAt(1);
      const fault = await outcome(adapter.connect(new AbortController().signal));
      expect(codeOf(fault)).toBe('source.unreachable');
    });

    test('an abort ends connect to a silent peer promptly and leaves no connection', async () => {
      const silent = await wire();
      const adapter = adapterAt(silent.port);
      const abort = new AbortController();
      // A protocol without a handshake of its own is connected as soon as TCP is; aborting is harmless then.
      const connecting = outcome(adapter.connect(abort.signal));
      await until('the connection', () => silent.made > 0);
      abort.abort();
      await within(CLOSE_DEADLINE_MS, connecting);
      await within(CLOSE_DEADLINE_MS, adapter.close());
      await until('no connection left', () => silent.open === 0, CLOSE_DEADLINE_MS);
      await silent.stop();
    });

    test('an aborted signal means that no connection is made', async () => {
      const adapter = adapterAt(link.port);
      expect(await outcome(adapter.connect(AbortSignal.abort()))).not.toBe('resolved');
      await adapter.close();
      expect(link.made).toBe(0);
    });

    test('close during connect ends it and leaves no connection', async () => {
      const silent = await wire();
      const adapter = adapterAt(silent.port);
      const connecting = outcome(adapter.connect(new AbortController().signal));
      await within(CLOSE_DEADLINE_MS, adapter.close());
      await within(CLOSE_DEADLINE_MS, connecting);
      await until('no connection left', () => silent.open === 0, CLOSE_DEADLINE_MS);
      await silent.stop();
    });
  });
}

/** 'resolved', or what the promise was rejected with. Never rejects, so that no test leaves a rejection behind. */
function outcome(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => 'resolved',
    (thrown: unknown) => thrown ?? 'rejected with nothing',
  );
}

function classOf(thrown: unknown): FaultClass | string {
  return thrown instanceof Fault ? thrown.class : `no fault: ${String(thrown)}`;
}

function codeOf(thrown: unknown): string {
  return thrown instanceof Fault ? thrown.code : `no fault: ${String(thrown)}`;
}

async function within<T>(ms: number, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not settled within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

async function firstReadings(rig: Rig, sink: Recorder, run: Promise<unknown>): Promise<void> {
  let ended: unknown;
  run.then((how) => {
    ended = how;
  });
  await until('a first reading of every tag', () => {
    if (ended !== undefined) throw new Error('run ended before every tag had a reading', { cause: ended });
    return [...rig.good, ...rig.bad].every(({ tag }) => sink.last(tag) !== undefined);
  });
}

/** Changes a value and waits for its reading. */
async function nextReading(rig: Rig, sink: Recorder): Promise<void> {
  const tag = rig.good[0]!.tag;
  const seen = sink.of(tag).length;
  const value = rig.change();
  await until('the changed value', () =>
    sink
      .of(tag)
      .slice(seen)
      .some((reading) => Object.is(reading.value, value)),
  );
}
