// Two real servers that serve the same counter: one dies, says that it is no good, flaps, both die. What the gateway
// delivers is whole but for what a gap record covers.

import type { AddressSpace, UAVariable } from 'node-opcua-address-space';
import { DataType, Variant } from 'node-opcua-client';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Adapter } from '../../../../agent/src/adapters/adapter.ts';
import { redundantAdapter } from '../../../../agent/src/adapters/opcua/redundancy/redundant.ts';
import { redundantSet, type ServerSet, standing } from '../../../../agent/src/adapters/opcua/redundancy/set.ts';
import { now } from '../../../../agent/src/model/time.ts';
import { scratch } from '../../../support/scratch.ts';
import { until } from '../../../support/until.ts';
import { type Recorder, recorder } from '../../recorder.ts';
import { openly, QUICK, type SmallServer, smallServer, tagsOf } from '../rig.ts';

interface Plc extends SmallServer {
  count(value: number): void;
  level(value: number): void;
}

async function plc(port?: number): Promise<Plc> {
  let counter: UAVariable | undefined;
  const fill = (space: AddressSpace) => {
    const ns = space.registerNamespace('urn:test:plc');
    counter = ns.addVariable({
      browseName: 'counter',
      nodeId: 's=counter',
      organizedBy: space.rootFolder.objects,
      dataType: 'UInt32',
      minimumSamplingInterval: 0,
    });
    counter.setValueFromSource({ dataType: DataType.UInt32, value: 0 });
  };
  const one = await smallServer(fill, port === undefined ? {} : { port });
  return {
    ...one,
    count: (value) => counter?.setValueFromSource({ dataType: DataType.UInt32, value }),
    level: (value) => setLevel(one, value),
  };
}

function setLevel({ server }: SmallServer, value: number): void {
  const node = server.engine.addressSpace?.findNode('i=2267') as UAVariable;
  node.bindVariable({ get: () => new Variant({ dataType: DataType.Byte, value }) }, true);
}

let a: Plc;
let b: Plc;
let set: ServerSet;
let adapter: Adapter;
let sink: Recorder;
let run: Promise<unknown>;
let stop: AbortController;
let ticker: NodeJS.Timeout;
let count: number;
/** When each number was made. */
let made: number[];

const used = () => standing(set).findIndex(({ used }) => used);
const values = () => sink.of(0).map(({ value }) => value as number);

beforeEach(async () => {
  count = 0;
  made = [];
  [a, b] = await Promise.all([plc(), plc()]);
  const options = openly(a.endpoint, scratch(), tagsOf(['nsu=urn:test:plc;s=counter'], { sampling: 0 }));
  set = redundantSet(options, [a.endpoint, b.endpoint], { steady: 300, dwell: 60_000 });
  adapter = redundantAdapter(set, QUICK);
  sink = recorder();
  stop = new AbortController();
  ticker = setInterval(() => {
    count++;
    made[count] = now();
    for (const each of [a, b]) each.count(count);
  }, 100);
  await adapter.connect(stop.signal);
  run = adapter.run(sink, stop.signal).catch((error: unknown) => error);
  await until('readings', () => values().length > 2);
  await until('the other stands by', () => standing(set).every(({ health }) => health === 'healthy'));
});
afterEach(async () => {
  clearInterval(ticker);
  stop.abort();
  await run;
  await adapter.close();
  await Promise.all([a.stop().catch(() => {}), b.stop().catch(() => {})]);
});

/** Every number that never came was made in a time that a gap record covers. */
function complete(): void {
  const came = new Set(values());
  const unexplained: number[] = [];
  for (let value = Math.min(...came); value < Math.max(...came); value++) {
    const at = made[value] as number;
    const covered = sink.gaps.some(({ from, to }) => from <= at && at <= (to ?? 0));
    if (!came.has(value) && !covered) unexplained.push(value);
  }
  expect(unexplained).toEqual([]);
  expect(sink.faults()).toEqual([]);
}

test('the server in use dies: the other takes over, and a gap record says for which time', async () => {
  expect(used()).toBe(0);
  await a.stop();
  const stood = values().length;
  await until('readings of the other', () => used() === 1 && values().length > stood + 3);
  await until('the gap record', () => sink.gaps.length > 0);
  expect(sink.gaps).toHaveLength(1);
  const [gap] = sink.gaps;
  expect(gap).toMatchObject({ reason: 'source-down' });
  expect(gap?.to).toBeGreaterThan(gap?.from ?? 0);
  // Half a minute of a loaded machine at most, three seconds on one that is not.
  expect((gap?.to ?? 0) - (gap?.from ?? 0)).toBeLessThan(30e7);
  complete();
});

test('a server that says it has no data is left; one that recovers is not returned to', async () => {
  a.level(1);
  await until('the change', () => used() === 1);
  const stood = values().length;
  a.level(255);
  await until('readings of the other', () => values().length > stood + 5);
  expect(used()).toBe(1);
  await until('the gap record', () => sink.gaps.length > 0);
  expect(sink.gaps).toHaveLength(1);
  complete();
});

test('a degraded server is left once, however both flap afterwards', async () => {
  a.level(100);
  await until('the change', () => used() === 1);
  for (let i = 0; i < 8; i++) {
    const [worse, better] = i % 2 === 0 ? [b, a] : [a, b];
    worse.level(100);
    better.level(255);
    const stood = values().length;
    await until('readings', () => values().length > stood + 4);
  }
  await until('the gap record', () => sink.gaps.length > 0);
  expect(sink.gaps).toHaveLength(1);
  expect(sink.readies).toBe(2);
  complete();
});

test('both dead: run ends with a fault, as the supervisor wants it', async () => {
  await Promise.all([a.stop(), b.stop()]);
  expect(await run).toMatchObject({ code: expect.stringMatching(/^source\./) });
  await expect(adapter.connect(stop.signal)).rejects.toMatchObject({ code: 'source.unreachable' });
});

test('the first is not there at the start: the second is used', async () => {
  stop.abort();
  await run;
  await adapter.close();
  await a.stop();
  stop = new AbortController();
  adapter = redundantAdapter(set, QUICK);
  await adapter.connect(stop.signal);
  expect(used()).toBe(1);
  run = adapter.run(sink, stop.signal);
});
