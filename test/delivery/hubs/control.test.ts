// Twin and direct methods over the local hub: they work, come back after everything that ends a connection, and
// nothing that comes over the wire ends the process.

import type { ModuleClient } from 'azure-iot-device';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ControlDesk, Json, JsonObject, Report } from '../../../agent/src/delivery/control.ts';
import type { Hub } from '../../../agent/src/delivery/hubs/hub.ts';
import { iotEdgeHub } from '../../../agent/src/delivery/hubs/iot-edge.ts';
import { type LocalHub, startHub } from '../../../sim/hub/hub.ts';
import { scratch } from '../../support/scratch.ts';
import { until } from '../../support/until.ts';

const FUZZ = Number(process.env.FUZZ ?? 2_000);

const folder = scratch();
let local: LocalHub;
let environment: NodeJS.ProcessEnv;
let hubs: Hub[];
let transport: 'mqtt' | 'amqp';
let desk: ControlDesk & {
  seen: JsonObject[];
  calls: [string, Json | undefined][];
  report: Report | undefined;
  reported: JsonObject | undefined;
};

beforeEach(async () => {
  local = await startHub({ folder: `${folder}/hub` });
  environment = { ...process.env };
  Object.assign(process.env, local.environment);
  hubs = [];
  desk = {
    methods: ['ping', 'status'],
    seen: [],
    calls: [],
    report: undefined,
    reported: undefined,
    desired: (properties) => void desk.seen.push(properties),
    async call(name, payload) {
      desk.calls.push([name, payload]);
      if (payload === 'throw') throw new Error('out of order');
      return { code: 200, payload: payload === 'large' ? 'x'.repeat(200_000) : { name, payload: payload ?? null } };
    },
    reporting: (line) => {
      desk.report = line?.report;
      desk.reported = line?.reported;
    },
  };
});
afterEach(async () => {
  await Promise.all(hubs.map((hub) => hub.close()));
  await local.close();
  process.env = environment;
});

async function connected(): Promise<Hub> {
  const hub = iotEdgeHub({ transport, control: desk })();
  hubs.push(hub);
  await hub.connect(new AbortController().signal);
  await until('the twin', () => desk.report !== undefined && desk.seen.length > 0);
  return hub;
}

/** Calls a method until somebody is subscribed to answer. */
const ping = () => until('ping to be answered', () => local.invoke('ping', { n: 1 }, 1_000).catch(() => undefined));

describe.each(['mqtt', 'amqp'] as const)('over %s', (by) => {
  beforeEach(() => {
    transport = by;
  });

  test('desired properties come whole, at first and after each change', async () => {
    local.desire({ logLevel: 'debug', waivers: { a: { until: '2027-01-01' } } });
    await connected();
    expect(desk.seen.at(-1)).toMatchObject({ logLevel: 'debug', waivers: { a: { until: '2027-01-01' } } });
    // Desired changes are subscribed to when the twin has come.
    await until('a change', () => {
      local.desire({ logLevel: 'info' });
      return desk.seen.at(-1)?.logLevel === 'info';
    });
    local.desire({ waivers: { a: null } });
    await until('the deletion', () => JSON.stringify(desk.seen.at(-1)?.waivers) === '{}');
  });

  test('what is reported arrives, merged', async () => {
    await connected();
    await desk.report!({ version: '1', sources: { a: 'running', b: 'waiting' } });
    await desk.report!({ sources: { b: null } });
    expect(local.twin.reported).toMatchObject({ version: '1', sources: { a: 'running' } });
  });

  test('methods are answered, each as it deserves', async () => {
    await connected();
    await ping();
    expect(await local.invoke('status', { a: [1] })).toEqual({
      status: 200,
      payload: { name: 'status', payload: { a: [1] } },
    });
    expect(await local.invoke('ping', 'throw')).toEqual({
      status: 500,
      payload: { code: 'failed', message: 'out of order' },
    });
    expect(await local.invoke('ping', 'large')).toMatchObject({ status: 413, payload: { code: 'too-large' } });
    expect(await local.invoke('write', {})).toEqual({
      status: 404,
      payload: { code: 'unknown-method', message: 'there is no method "write"; there are ping, status' },
    });
  });

  test('an edgeHub made anew: twin and methods work again without a restart of the module (issue 1255)', async () => {
    const hub = await connected();
    await ping();
    await local.faults.recreate();
    await hub.lost;
    expect(desk.report).toBeUndefined();
    await hub.close();
    local.desire({ logLevel: 'warn' });
    await connected();
    await ping();
    expect(desk.seen.at(-1)).toMatchObject({ logLevel: 'warn' });
    await desk.report!({ version: '2' });
    expect(local.twin.reported).toMatchObject({ version: '2' });
  });

  test('a new connection is told what the twin holds', async () => {
    const hub = await connected();
    await desk.report!({ version: '1' });
    await hub.close();
    await connected();
    expect(desk.reported).toMatchObject({ version: '1' });
  });

  test('a token that is renewed under way: twin and methods go on', async () => {
    let client: ModuleClient | undefined;
    const hub = iotEdgeHub({
      transport,
      control: desk,
      onClient(given) {
        client = given;
      },
    })();
    hubs.push(hub);
    await hub.connect(new AbortController().signal);
    await until('the twin', () => desk.report !== undefined);
    await ping();
    const { sign } = local.requests;
    // As the SDK does it every 45 minutes.
    const { _authenticationProvider } = client!._transport as never as {
      _authenticationProvider: { setTokenRenewalValues(valid: number, margin: number): void };
    };
    _authenticationProvider.setTokenRenewalValues(3_600, 900);
    await until('the renewal', () => local.requests.sign > sign);
    await ping();
    await desk.report!({ version: '3' });
    expect(local.twin.reported).toMatchObject({ version: '3' });
    await until('a change of the desired properties', () => {
      local.desire({ logLevel: 'error' });
      return desk.seen.at(-1)?.logLevel === 'error';
    });
  });
});

test('what the SDK would choke on over MQTT is answered or dropped, and the next call works', {
  timeout: 120_000,
}, async () => {
  transport = 'mqtt';
  const hub = await connected();
  await ping();
  const seen = desk.seen.length;
  let answered = 0;
  const json = fc.json();
  const broken = fc.oneof(
    fc.string(),
    fc.uint8Array({ maxLength: 64 }),
    json.map((text) => text.slice(0, -1)),
    fc.constantFrom('', 'null', '[]', '"text"', '1', '{', '{"a":', `${'['.repeat(50_000)}${']'.repeat(50_000)}`),
    fc.constant(`${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`),
  );
  const topic = fc.oneof(
    fc.constantFrom(
      '$iothub/methods/POST/ping/?$rid=',
      '$iothub/methods/POST/ping/',
      '$iothub/methods/POST//?$rid=fuzz',
      '$iothub/methods/POST/none/?$rid=%ZZ',
      '$iothub/methods/res/200/?$rid=1',
      '$iothub/twin/res/200/?$rid=1',
      '$iothub/twin/res/200/',
      '$iothub/twin/res/204/?$rid=x&$version=y',
      '$iothub/twin/PATCH/properties/desired/?$version=1',
      '$iothub/twin/PATCH/properties/desired/',
    ),
    fc.nat(1_000).map((rid) => `$iothub/methods/POST/ping/?$rid=fuzz-${rid}`),
  );
  for (const [to, what] of fc.sample(fc.tuple(topic, broken), { numRuns: FUZZ, seed: 5 })) {
    local.heads.mqtt.raw(to, what);
    if (++answered % 100 === 0) expect(await local.invoke('ping', { n: answered })).toMatchObject({ status: 200 });
  }
  expect(await local.invoke('ping', { last: true })).toMatchObject({ status: 200 });
  // The desired properties are as they were: what is no object was no change, and objects in there are JSON's own.
  for (const properties of desk.seen.slice(seen)) expect(properties).toMatchObject({ $version: 1 });
  await hub.send({
    id: 'a/e/1-1',
    body: Buffer.from('x'),
    contentType: 'application/json',
    contentEncoding: 'utf-8',
    properties: {},
  });
});
