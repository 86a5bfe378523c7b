// A deadband is the same whether the server applies it or the gateway: the same signals through both give the same
// readings in the end, for absolute deadbands and percentages of EURange, for jumps, drifts, and statuses that change.

import fc from 'fast-check';
import { StatusCodes } from 'node-opcua-client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { opcuaAdapter } from '../../../../agent/src/adapters/opcua/adapter.ts';
import type { OpcUaTag } from '../../../../agent/src/adapters/opcua/source/options.ts';
import { conditioner } from '../../../../agent/src/conditioning/conditioner.ts';
import { isBad } from '../../../../agent/src/model/status.ts';
import { now } from '../../../../agent/src/model/time.ts';
import { type OpcUaSim, startOpcUaServer } from '../../../../sim/refinery/opcua.ts';
import { scratch } from '../../../support/scratch.ts';
import { until } from '../../../support/until.ts';
import { recorder } from '../../recorder.ts';
import { pkiTrusting, QUICK, tagsOf } from '../rig.ts';

/** How many plants are tried; DEADBANDS=100 for the long form. */
const RUNS = Number(process.env.DEADBANDS ?? 4);
const SIGNALS = 8;
const STEPS = 60;

let plc: OpcUaSim;
let pki: string;
let names: string[];

beforeAll(async () => {
  plc = await startOpcUaServer({ folder: scratch(), tags: 200, ticking: false });
  pki = pkiTrusting(plc.certificate);
  names = plc.signals.flatMap(({ name, range }) => (range ? [name] : [])).slice(0, SIGNALS);
});
afterAll(() => plc?.close());

/** Each monitored item gets every one of them, by its own filter. */
const set = (signal: number, value: number, status = StatusCodes.Good) =>
  plc.set(names[signal]!, Math.fround(value), { status });

async function follow(tags: readonly OpcUaTag[]) {
  const adapter = opcuaAdapter(
    {
      name: 'dcs',
      endpoint: plc.endpoint,
      user: { name: plc.user, password: async () => plc.password },
      publishing: 100,
      pki,
      applicationUri: 'urn:test:gateway:fieldgate',
      tags,
    },
    QUICK,
  );
  const sink = recorder();
  await adapter.connect(new AbortController().signal);
  adapter.run(sink, new AbortController().signal).catch(() => {});
  await until('first readings', () => tags.every(({ index }) => sink.last(index)));
  return { adapter, sink };
}

const DEADBAND = fc.oneof(
  fc.record({ kind: fc.constant('absolute' as const), size: fc.double({ min: 0.01, max: 20, noNaN: true }) }),
  fc.record({ kind: fc.constant('percent' as const), size: fc.double({ min: 0.01, max: 20, noNaN: true }) }),
);
/** Small steps drift, large ones jump, exactly the band is no change; now and then the status is another. */
const STEP = fc.record({
  by: fc.oneof(
    fc.double({ min: -3, max: 3, noNaN: true }),
    fc.double({ min: -60, max: 60, noNaN: true }),
    fc.constant(0),
  ),
  status: fc.oneof(
    { weight: 8, arbitrary: fc.constant(StatusCodes.Good) },
    { weight: 1, arbitrary: fc.constant(StatusCodes.UncertainSensorNotAccurate) },
    { weight: 1, arbitrary: fc.constant(StatusCodes.BadSensorFailure) },
  ),
});
const SIGNAL = fc.record({ deadband: DEADBAND, steps: fc.array(STEP, { minLength: STEPS, maxLength: STEPS }) });

test('the server and the gateway withhold the same', { timeout: 60_000 + RUNS * 10_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(SIGNAL, { minLength: SIGNALS, maxLength: SIGNALS }), async (signals) => {
      for (const [i] of signals.entries()) set(i, 10);
      const nodes = names.map((name) => `nsu=${plc.namespace};s=${name}`);
      const plain = tagsOf(nodes, { sampling: 50, wantsRange: true });
      const there = await follow(plain.map((tag, i) => ({ ...tag, deadband: signals[i]!.deadband })));
      const here = await follow(plain);
      expect(there.sink.grants).toMatchObject({ deadbandsAtServer: SIGNALS });
      const level = signals.map(() => 10);
      for (let step = 0; step < STEPS; step++) {
        for (const [i, { steps }] of signals.entries()) {
          level[i]! += steps[step]!.by;
          set(i, level[i]!, steps[step]!.status);
        }
      }
      // An end that passes everywhere.
      for (const [i] of signals.entries()) set(i, 1e6);
      const ended = ({ sink }: typeof here) => plain.every(({ index }) => sink.last(index)?.value === 1e6);
      await until('the end', () => ended(there) && ended(here));
      // There was something to withhold, and something was.
      expect(here.sink.readings.length).toBeGreaterThan((SIGNALS * STEPS) / 20);
      expect(there.sink.readings.length).toBeLessThanOrEqual(here.sink.readings.length);
      // As in the gateway: what came is conditioned, whatever the server has left out of it.
      const sent = ({ sink }: typeof here) => {
        const rules = conditioner(plain.map(({ index }, i) => ({ tag: index, deadband: signals[i]!.deadband })));
        for (const { index } of plain) rules.describe(index, sink.facts.get(index) ?? {});
        const kept = recorder();
        for (const batch of sink.batches) kept.deliver(rules.apply(batch, now()));
        return kept;
      };
      const [those, these] = [sent(there), sent(here)];
      const told = ({ status, value }: { status: number; value: unknown }) =>
        isBad(status) ? status : [status, value];
      for (const { index } of plain) expect(those.of(index).map(told)).toEqual(these.of(index).map(told));
      await Promise.all([there.adapter.close(), here.adapter.close()]);
    }),
    { numRuns: RUNS, endOnFailure: true },
  );
});
