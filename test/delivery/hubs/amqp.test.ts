// What AMQP alone can do to the gateway: dispositions, links that end, connections cut at any byte, and messages by the
// links of twin and methods that the SDK would choke on. Nothing ends the process, nothing counts as delivered that is not.

import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import rhea from 'rhea';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { admits } from '../../../agent/src/delivery/hubs/amqp-filter.ts';
import type { Hub } from '../../../agent/src/delivery/hubs/hub.ts';
import { type IotEdgeOptions, iotEdgeHub } from '../../../agent/src/delivery/hubs/iot-edge.ts';
import { type LocalHub, startHub } from '../../../sim/hub/hub.ts';
import { scratch } from '../../support/scratch.ts';
import { until } from '../../support/until.ts';
import { faultOf, message } from './suite.ts';

const FUZZ = Number(process.env.FUZZ ?? 1_000);
/** Steps of the cuts, in bytes; 1 is every byte of the way in. */
const STEP = Number(process.env.CUT_STEP ?? 97);

const folder = scratch();
const forever = () => new AbortController().signal;
let local: LocalHub;
let environment: NodeJS.ProcessEnv;
let hubs: Hub[];

beforeEach(async () => {
  local = await startHub({ folder: `${folder}/hub` });
  environment = { ...process.env };
  Object.assign(process.env, local.environment);
  hubs = [];
});
afterEach(async () => {
  await Promise.all(hubs.map((hub) => hub.close()));
  await local.close();
  process.env = environment;
});

function make(options: IotEdgeOptions = {}): Hub {
  const hub = iotEdgeHub({ transport: 'amqp', ...options })();
  hubs.push(hub);
  return hub;
}
async function connected(options?: IotEdgeOptions): Promise<Hub> {
  const hub = make(options);
  await hub.connect(forever());
  return hub;
}

test.each([
  ['released', undefined, 'hub.closed'],
  ['modified', undefined, 'hub.closed'],
  ['rejected', undefined, 'hub.refused'],
  ['rejected', 'amqp:not-allowed', 'hub.refused'],
  ['rejected', 'amqp:link:message-size-exceeded', 'hub.too-large'],
] as const)('a message that is %s (%s) is not delivered: %s', async (kind, condition, code) => {
  const hub = await connected();
  local.faults.turnAway({ kind, ...(condition !== undefined && { condition }) });
  expect((await faultOf(hub.send(message(1)))).code).toBe(code);
  expect(local.messages).toEqual([]);
  await hub.send(message(1));
  expect(local.messages).toHaveLength(1);
});

test.each([undefined, 'amqp:internal-error'])(
  'a telemetry link that the hub ends (%s): no message is lost',
  async (condition) => {
    const hub = await connected();
    await hub.send(message(1));
    local.heads.amqp.detachTelemetry(condition);
    // Whether it is attached anew or the connection is lost: what was not taken is sent again.
    const second = await hub.send(message(2)).catch((error: unknown) => error);
    if (second !== undefined) await (await connected()).send(message(2));
    expect(local.account.summary()).toMatchObject({ readings: 2, missing: 0 });
  },
);

test('a connection that is cut at any byte of its beginning is a fault, and the next one delivers', {
  timeout: 600_000,
}, async () => {
  let desired = 0;
  const control = {
    methods: ['ping'],
    desired: () => void desired++,
    call: async () => ({ code: 200, payload: {} }),
    reporting: () => undefined,
  };
  let whole = false;
  for (let bytes = 0; !whole; bytes += STEP) {
    local.faults.cutAfter(bytes);
    const hub = make({ control });
    const seen = desired;
    const opened = await hub.connect(forever()).then(
      () => true,
      () => false,
    );
    // Cut after the twin came: the beginning is over.
    if (opened) await Promise.race([hub.lost, until('the twin', () => desired > seen)]);
    whole = desired > seen;
    await hub.close();
  }
  local.faults.cutAfter(undefined);
  await (await connected()).send(message(1));
  expect(local.account.summary()).toMatchObject({ readings: 1, missing: 0 });
});

test('what is no AMQP is a fault, and the process lives', async () => {
  local.faults.cutAfter(undefined);
  const { createServer } = await import('node:tls');
  const { readFileSync } = await import('node:fs');
  const { key, certificate } = JSON.parse(readFileSync(`${folder}/hub/server.pem.json`, 'utf8'));
  const answers = [
    'HTTP/1.1 400 Bad Request\r\n\r\n',
    // An open with a value of no type, a transfer in a session that there is not, an open with nothing after it.
    'AMQP\0\x01\0\0\0\0\0\x0f\x02\0\0\0\0S\x10\xc0\x02\x01\xff',
    'AMQP\0\x01\0\0\0\0\0\x0c\x02\0\0\x05\0S\x14\x45',
    'AMQP\0\x01\0\0\0\0\0\x0c\x02\0\0\0\0S\x10\x45',
    `AMQP\x00\x01\x00\x00${'\xff'.repeat(64)}`,
  ];
  for (const answer of answers) {
    const server = createServer({ key, cert: certificate }, (socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => socket.write(Buffer.from(answer, 'latin1')));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    process.env.IOTEDGE_GATEWAYHOSTNAME = `localhost:${port}`;
    const { fault } = await faultOf(make({ connectDeadline: 1_500 }).connect(forever()));
    expect(fault.code).toMatch(/^hub\.(closed|unreachable|timeout|refused)$/);
    await Promise.all(hubs.map((hub) => hub.close()));
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }
});

test('what the SDK would choke on is answered or dropped, and the next call works', { timeout: 120_000 }, async () => {
  const seen: object[] = [];
  const hub = await connected({
    control: {
      methods: ['ping'],
      desired: (properties) => void seen.push(properties),
      call: async () => ({ code: 200, payload: {} }),
      reporting: () => undefined,
    },
  });
  await until('ping', () => local.invoke('ping', {}, 1_000).catch(() => undefined));
  await until('the subscription', () => {
    local.desire({ a: 1 });
    return seen.length > 1;
  });
  const before = seen.length;
  expect(await local.invoke('write', {})).toMatchObject({ status: 404, payload: { code: 'unknown-method' } });

  const text = fc.oneof(
    fc.string(),
    fc.constantFrom('', 'null', '[]', '1', '{', `${'['.repeat(50_000)}${']'.repeat(50_000)}`),
    fc.constant(`${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`),
  );
  const data = text.map((each) => rhea.message.data_section(Buffer.from(each)));
  const body = fc.oneof(
    data,
    text,
    fc.constantFrom(undefined, null, 7),
    fc.constant(rhea.message.sequence_section([1])),
  );
  const id = fc.constantFrom(undefined, '', 'x', '__proto__', 'constructor', randomUUID(), Buffer.alloc(16, 7), 12);
  const message_annotations = fc.constantFrom(undefined, {}, { status: 200 }, { status: 404 }, { status: 'x' });
  const application_properties = fc.constantFrom(
    undefined,
    {},
    { 'IoThub-methodname': 'ping' },
    { 'IoThub-methodname': 7 },
  );
  const spoiled = fc.record({ body, correlation_id: id, message_annotations, application_properties });
  let sent = 0;
  for (const [link, what] of fc.sample(fc.tuple(fc.constantFrom('twin', 'methods'), spoiled), {
    numRuns: FUZZ,
    seed: 5,
  })) {
    local.heads.amqp.raw(link as 'twin' | 'methods', what as never);
    if (++sent % 50 === 0) expect(await local.invoke('ping', { sent })).toMatchObject({ status: 200 });
  }
  expect(await local.invoke('ping', { last: true })).toMatchObject({ status: 200 });
  for (const properties of seen.slice(before)) expect(properties).toMatchObject({ a: 1 });
  await hub.send(message(1));
});

test.each([
  ['/devices/d/modules/m/twin', { correlation_id: randomUUID() }, 'pass'],
  ['/devices/d/modules/m/twin', { correlation_id: 'constructor' }, 'drop'],
  ['/devices/d/modules/m/twin', {}, 'drop'],
  ['/devices/d/modules/m/twin', { body: rhea.message.data_section(Buffer.from('{"a":1}')) }, 'pass'],
  ['/devices/d/modules/m/twin', { body: 'text' }, 'drop'],
  ['/devices/d/modules/m/methods/devicebound', {}, 'drop'],
  ['/devices/d/modules/m/methods/devicebound', { application_properties: { 'IoThub-methodname': 'ping' } }, 'drop'],
  [
    '/devices/d/modules/m/methods/devicebound',
    { application_properties: { 'IoThub-methodname': 'ping' }, correlation_id: Buffer.alloc(16, 1) },
    'pass',
  ],
  ['/devices/d/modules/m/messages/events', { body: undefined }, 'pass'],
])('%s %o: %s', (endpoint, received, verdict) => {
  expect(admits(endpoint, received, ['ping']).do).toBe(verdict);
});
