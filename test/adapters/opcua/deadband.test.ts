// A deadband is the same whether the server applies it or the gateway: the same signals through both give the same
// readings, for absolute deadbands and percentages of EURange, for jumps, drifts, and statuses that change.

import fc from 'fast-check';
import type { UAVariable } from 'node-opcua-address-space';
import { DataType, StatusCodes } from 'node-opcua-client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { opcuaAdapter } from '../../../agent/src/adapters/opcua/adapter.ts';
import type { OpcUaTag } from '../../../agent/src/adapters/opcua/options.ts';
import { conditioner } from '../../../agent/src/conditioning/conditioner.ts';
import { isBad } from '../../../agent/src/model/status.ts';
import { now } from '../../../agent/src/model/time.ts';
import { scratch } from '../../support/scratch.ts';
import { until } from '../../support/until.ts';
import { recorder } from '../recorder.ts';
import { openly, QUICK, type SmallServer, smallServer, tagsOf } from './rig.ts';

/** How many plants are tried; DEADBANDS=100 for the long form. */
const RUNS = Number(process.env.DEADBANDS ?? 4);
const SIGNALS = 8;
const RANGE = { low: -50, high: 150 };

let plc: SmallServer;
const variables: UAVariable[] = [];

beforeAll(async () => {
  plc = await smallServer((space) => {
    const namespace = space.registerNamespace('urn:plc');
    for (let i = 0; i < SIGNALS; i++)
      variables.push(
        namespace.addAnalogDataItem({
          organizedBy: space.rootFolder.objects,
          browseName: `S${i}`,
          nodeId: `s=S${i}`,
          dataType: i % 2 ? DataType.Int32 : DataType.Double,
          engineeringUnitsRange: RANGE,
          minimumSamplingInterval: 0,
        }),
      );
  });
});
afterAll(() => plc?.stop());

const set = (signal: number, value: number, status = StatusCodes.Good) => {
  const dataType = signal % 2 ? DataType.Int32 : DataType.Double;
  variables[signal]!.setValueFromSource({ dataType, value: signal % 2 ? Math.round(value) : value }, status);
};

async function follow(tags: readonly OpcUaTag[]) {
  const adapter = opcuaAdapter(openly(plc.endpoint, scratch(), tags), QUICK);
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
const SIGNAL = fc.record({ deadband: DEADBAND, steps: fc.array(STEP, { minLength: 60, maxLength: 60 }) });

test('the server and the gateway withhold the same', { timeout: 60_000 + RUNS * 10_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(SIGNAL, { minLength: SIGNALS, maxLength: SIGNALS }), async (signals) => {
      for (const [i] of signals.entries()) set(i, 10);
      const plain = tagsOf(
        variables.map((_, i) => `nsu=urn:plc;s=S${i}`),
        { sampling: 0 },
      );
      const there = await follow(plain.map((tag, i) => ({ ...tag, deadband: signals[i]!.deadband })));
      const here = await follow(plain);
      expect(there.sink.grants).toMatchObject({ deadbandsAtServer: SIGNALS });
      const level = signals.map(() => 10);
      for (let step = 0; step < 60; step++) {
        for (const [i, { steps }] of signals.entries()) {
          level[i]! += steps[step]!.by;
          set(i, level[i]!, steps[step]!.status);
        }
      }
      // An end that passes everywhere.
      for (const [i] of signals.entries()) set(i, 1e6);
      const ended = ({ sink }: typeof here) => plain.every(({ index }) => sink.last(index)?.value === 1e6);
      await until('the end', () => ended(there) && ended(here));
      const range = [RANGE.low, RANGE.high] as [number, number];
      const rules = conditioner(plain.map(({ index }, i) => ({ tag: index, deadband: signals[i]!.deadband, range })));
      const kept = recorder();
      for (const batch of here.sink.batches) kept.deliver(rules.apply(batch, now()));
      const told = ({ status, value }: { status: number; value: unknown }) =>
        isBad(status) ? status : [status, value];
      for (const { index } of plain) expect(there.sink.of(index).map(told)).toEqual(kept.of(index).map(told));
      await Promise.all([there.adapter.close(), here.adapter.close()]);
    }),
    { numRuns: RUNS, endOnFailure: true },
  );
});
