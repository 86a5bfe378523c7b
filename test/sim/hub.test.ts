// The local hub against the plain, unmodified ModuleClient of the SDK: what a module on a real device could do, it can
// do here; what edgeHub would refuse is refused; every fault begins and ends when told.

import { readFileSync } from 'node:fs';
import { connect as tlsConnect } from 'node:tls';
import { Message, ModuleClient, type Twin } from 'azure-iot-device';
import { Mqtt } from 'azure-iot-device-mqtt';
import mqtt from 'mqtt';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { spawnHub } from '../../sim/hub/child.ts';
import { type LocalHub, type Receipt, startHub } from '../../sim/hub/hub.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';

const folder = scratch();
let hub: LocalHub;
let clients: ModuleClient[];
let receipts: { properties: Receipt['properties']; bytes: number; at: number }[];

beforeEach(async () => {
  receipts = [];
  hub = await startHub({ folder, onReceipt: (receipt) => receipts.push(receipt) });
  for (const name of Object.keys(hub.developmentEnvironment)) delete process.env[name];
  Object.assign(process.env, hub.environment);
  clients = [];
});

afterEach(async () => {
  hub.faults.resume();
  hub.faults.cut();
  await Promise.all(clients.map((client) => client.close().catch(() => undefined)));
  await hub.close();
});

/** A client as the SDK makes it; only its retrying is off, so that a fault is seen when it happens. */
async function newClient(): Promise<ModuleClient> {
  const client = await ModuleClient.fromEnvironment(Mqtt);
  client.setRetryPolicy({ shouldRetry: () => false, nextRetryTimeout: () => -1 } as never);
  client.on('error', () => undefined);
  client.on('disconnect', () => undefined);
  clients.push(client);
  return client;
}

async function open(): Promise<ModuleClient> {
  const client = await newClient();
  await client.open();
  return client;
}

function messageOf(n: number, body = row(n)): Message {
  const message = new Message(Buffer.from(body));
  message.messageId = `gw/e1/${n}-${n}`;
  message.contentType = 'application/json';
  message.contentEncoding = 'utf-8';
  const properties = {
    site: 's',
    gateway: 'gw',
    stream: 'live',
    epoch: 'e1',
    count: '1',
    format: 'rows',
    odd: 'ü &=/?+%',
  };
  for (const [name, value] of Object.entries({ ...properties, seqFirst: `${n}`, seqLast: `${n}` })) {
    message.properties.add(name, value);
  }
  return message;
}

function row(n: number): string {
  return `${JSON.stringify({ gateway: 'gw', tag: 'T', ts: '2026-11-22T10:00:00.000Z', value: n, status: 'Good', seq: n })}\n`;
}

/** Sends until the client has noticed that its connection was cut, and has made another. */
const delivered = (client: ModuleClient, n: number) =>
  until('the client to connect again', () =>
    failed(client.sendOutputEvent('readings', messageOf(n))).then((no) => !no),
  );

const failed = (promise: Promise<unknown>) =>
  promise.then(
    () => false,
    () => true,
  );

describe('the local hub', () => {
  test('acknowledges a message, with its properties and its receipt', async () => {
    const client = await open();
    await client.sendOutputEvent('readings', messageOf(1));
    expect(hub.messages).toHaveLength(1);
    expect(hub.messages[0]).toMatchObject({
      output: 'readings',
      id: 'gw/e1/1-1',
      contentType: 'application/json',
      contentEncoding: 'utf-8',
      properties: { site: 's', odd: 'ü &=/?+%', seqFirst: '1' },
    });
    expect(receipts[0]?.bytes).toBe(row(1).length);
    expect(Math.abs(receipts[0]!.at - Date.now())).toBeLessThan(5_000);
    expect(hub.account.summary()).toMatchObject({ messages: 1, readings: 1, malformed: 0 });
    expect(hub.requests).toMatchObject({ trustBundle: 1, sign: 1 });
  });

  test('takes the connection string of development mode', async () => {
    for (const name of Object.keys(hub.environment)) delete process.env[name];
    Object.assign(process.env, hub.developmentEnvironment);
    await (await open()).sendOutputEvent('readings', messageOf(1));
    expect(hub.account.summary().messages).toBe(1);
    expect(hub.requests).toMatchObject({ trustBundle: 0, sign: 0 });
  });

  test('is the same hub when it starts again in its folder, on its port', async () => {
    const { port, connectionString } = hub;
    const certificate = readFileSync(hub.caFile, 'utf8');
    await hub.close();
    hub = await startHub({ folder, port });
    expect(hub.connectionString).toBe(connectionString);
    expect(readFileSync(hub.caFile, 'utf8')).toBe(certificate);
  });

  test('works in a folder whose path is too long for a socket', async () => {
    const deep = await startHub({ folder: `${folder}/${'deep/'.repeat(30)}` });
    expect(Buffer.byteLength(deep.environment.IOTEDGE_WORKLOADURI!)).toBeLessThan(108);
    Object.assign(process.env, deep.environment);
    await (await open()).sendOutputEvent('readings', messageOf(1));
    expect(deep.account.summary().messages).toBe(1);
    await deep.close();
  });

  test('presents a certificate for localhost and 127.0.0.1 that its CA signed', async () => {
    const ca = readFileSync(hub.caFile);
    for (const host of ['localhost', '127.0.0.1']) {
      const socket = tlsConnect({ host, port: hub.port, ca, ...(host === 'localhost' && { servername: host }) });
      await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
      socket.destroy();
    }
  });

  test('refuses whoever does not prove to be the module', async () => {
    const ca = readFileSync(hub.caFile);
    const key = /SharedAccessKey=([^;]+)/.exec(hub.connectionString)![1]!;
    const { sign } = await import('../../sim/hub/token.ts');
    const token = (resource: string, expiry: number, by = key) => {
      const sr = encodeURIComponent(resource);
      return `SharedAccessSignature sr=${sr}&sig=${encodeURIComponent(sign(by, `${sr}\n${expiry}`))}&se=${expiry}`;
    };
    const soon = Math.floor(Date.now() / 1000) + 60;
    const own = 'local.azure-devices.net/devices/edge-01/modules/fieldgate';
    const user = 'local.azure-devices.net/edge-01/fieldgate/?api-version=2021-04-12';
    const id = 'edge-01/fieldgate';
    const attempt = (username: string, clientId: string, password: string) =>
      mqtt
        .connectAsync(`mqtts://localhost:${hub.port}`, { ca, username, clientId, password, protocolVersion: 4 }, false)
        .then(
          (client) => client.endAsync(true).then(() => 'accepted'),
          (error: { code?: number }) => error.code,
        );
    expect(await attempt(user, id, token(own, soon))).toBe('accepted');
    expect(await attempt(user, id, token(own, soon, 'YW5vdGhlcg=='))).toBe(5);
    expect(await attempt(user, id, token(own, soon - 120))).toBe(5);
    expect(await attempt(user, id, token(`${own}2`, soon))).toBe(5);
    expect(await attempt(user, id, 'secret')).toBe(5);
    expect(await attempt(user, id, `${token(own, soon)}0`)).toBe(5);
    expect(await attempt(user, 'edge-01/other', token(own, soon))).toBe(2);
    expect(await attempt('somebody', id, token(own, soon))).toBe(4);
    expect(hub.refusals).toHaveLength(7);
  });

  test('twin: get, desired pushed, reported kept', async () => {
    const client = await open();
    hub.desire({ order: 'oldest-first', deep: { a: 1, b: 2 } });
    const twin = (await client.getTwin()) as Twin;
    expect(twin.properties.desired).toMatchObject({ order: 'oldest-first', $version: 2 });
    const patches: unknown[] = [];
    twin.on('properties.desired', (patch) => patches.push(patch));
    await until('the subscription', async () => {
      hub.desire({ deep: { a: null } });
      return patches.length > 1;
    });
    expect(patches.at(-1)).toMatchObject({ deep: { a: null } });
    expect(hub.twin.desired).toMatchObject({ deep: { b: 2 } });
    await new Promise<void>((resolve, reject) =>
      twin.properties.reported.update({ state: 'running', old: null }, (error: unknown) =>
        error ? reject(error) : resolve(),
      ),
    );
    expect(hub.twin.reported).toMatchObject({ state: 'running', $version: 2 });
  });

  test('direct methods are answered, or time out', async () => {
    const client = await open();
    client.onMethod('double', (request, response) => void response?.send(207, { twice: request?.payload.n * 2 }));
    const answer = await until('the method', () => hub.invoke('double', { n: 21 }, 300).catch(() => undefined));
    expect(answer).toEqual({ status: 207, payload: { twice: 42 } });
    await expect(hub.invoke('unknown', {}, 50)).rejects.toMatchObject({ name: 'MethodTimeout' });
  });
});

describe('the faults of the local hub', () => {
  test('down: the port is closed, connections are cut; up, or after a time: it is open', async () => {
    const client = await open();
    await hub.faults.down();
    expect(await failed(client.sendOutputEvent('readings', messageOf(1)))).toBe(true);
    expect(await failed(open())).toBe(true);
    await hub.faults.up();
    await (await open()).sendOutputEvent('readings', messageOf(2));
    await hub.faults.down(30);
    await until('the port to open by itself', () => open().catch(() => undefined));
    expect(hub.account.summary().messages).toBe(1);
  });

  test('black hole: nothing is read, connections stand; resumed, what was sent arrives', async () => {
    const client = await open();
    hub.faults.silence();
    let done = false;
    const sent = client.sendOutputEvent('readings', messageOf(1)).then(() => {
      done = true;
    });
    const other = await newClient();
    const opening = other.open();
    await until('the new connection', () => hub.connections === 2);
    expect(done).toBe(false);
    expect(hub.account.summary().messages).toBe(0);
    hub.faults.resume();
    // The newcomer has the same client id: it takes the place of the older connection when its CONNECT is read.
    await opening;
    await sent.catch(() => undefined);
    await other.sendOutputEvent('readings', messageOf(2));
  });

  test('acknowledgements: withheld until released, lost once, late', async () => {
    let client = await open();
    hub.faults.withholdAcks();
    let done = false;
    const sent = client.sendOutputEvent('readings', messageOf(1)).then(() => {
      done = true;
    });
    await until('the record', () => hub.faults.withheldAcks === 1);
    expect(hub.account.summary().messages).toBe(1);
    expect(done).toBe(false);
    hub.faults.releaseAcks();
    await sent;

    hub.faults.loseAcks(1);
    expect(await failed(client.sendOutputEvent('readings', messageOf(2)))).toBe(true);
    expect(hub.account.summary().messages).toBe(2);
    client = await open();
    await client.sendOutputEvent('readings', messageOf(2));
    expect(hub.account.summary()).toMatchObject({ messages: 3, readings: 2, double: 1, doubleById: 1 });

    hub.faults.delayAcks(80);
    const start = performance.now();
    await client.sendOutputEvent('readings', messageOf(3));
    expect(performance.now() - start).toBeGreaterThan(70);
  });

  test('made anew: sessions are gone, so an old subscription is deaf (issue 1255)', async () => {
    const client = await open();
    client.onMethod('ping', (_request, response) => void response?.send(200, {}));
    await until('the method', () => hub.invoke('ping', {}, 300).catch(() => undefined));
    await hub.faults.recreate();
    await until('the connection to be cut', () => hub.connections === 0);
    // The same ModuleClient connects again, believes itself subscribed, and hears nothing.
    await delivered(client, 1);
    await expect(hub.invoke('ping', {}, 200)).rejects.toMatchObject({ name: 'MethodTimeout' });
  });

  test('cut without the loss of the session: the subscription is still there', async () => {
    const client = await open();
    client.onMethod('ping', (_request, response) => void response?.send(200, {}));
    await until('the method', () => hub.invoke('ping', {}, 300).catch(() => undefined));
    hub.faults.cut();
    await until('the connection to be cut', () => hub.connections === 0);
    await delivered(client, 1);
    expect(await hub.invoke('ping', {}, 2_000)).toMatchObject({ status: 200 });
  });

  test('a message of more than 262,144 bytes, properties included, closes the connection', async () => {
    const client = await open();
    // The SDK looks at the body alone.
    expect(await failed(client.sendOutputEvent('readings', messageOf(1, 'x'.repeat(262_000))))).toBe(true);
    expect(hub.account.summary().messages).toBe(0);
    expect(hub.refusals.at(-1)).toMatch(/^message of 26\d{4} bytes$/);
    expect(await failed((await open()).sendOutputEvent('readings', messageOf(2, 'x'.repeat(261_000))))).toBe(false);
  });

  test('connections refused by order', async () => {
    hub.faults.refuse(3);
    expect(await failed(open())).toBe(true);
    hub.faults.refuse(undefined);
    await open();
  });

  test('the workload API answers errors, closes, signs wrongly', async () => {
    for (const kind of ['error', 'close', 'wrong-key'] as const) {
      hub.faults.workload(kind, 'sign');
      expect(await failed(open())).toBe(true);
    }
    hub.faults.workload('error', 'trust-bundle');
    expect(await failed(open())).toBe(true);
    hub.faults.workload(undefined);
    await open();
    hub.faults.workload('hang', 'sign');
    let done = false;
    void open().then(
      () => {
        done = true;
      },
      () => undefined,
    );
    await until('the request', () => hub.requests.sign >= 5);
    expect(done).toBe(false);
  });
});

test('the local hub as a process of its own', async () => {
  const child = await spawnHub({ folder: `${folder}/child`, deviceId: 'edge-02', moduleId: 'gate' });
  Object.assign(process.env, child.environment);
  const client = await open();
  await client.sendOutputEvent('readings', messageOf(1));
  expect(await child.call('summary')).toMatchObject({ messages: 1, readings: 1 });
  expect(await child.call('epochs')).toEqual([
    { gateway: 'gw', epoch: 'e1', delivered: [{ first: 1, last: 1 }], missing: [], explained: [] },
  ]);
  await child.call('faults.down');
  expect(await failed(open())).toBe(true);
  await child.call('faults.up');
  await open();
  await expect(child.call('faults.nonsense')).rejects.toThrow('no call');
  await child.close();
  await child.close();
});
