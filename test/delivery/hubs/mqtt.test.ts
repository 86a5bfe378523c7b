// An MQTT broker as a hub: against aedes (3.1.1), against a small broker that speaks 5, and against mosquitto when
// there is one on the PATH.

import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { Aedes } from 'aedes';
import mqtt from 'mqtt';
import { afterEach, describe, expect, test } from 'vitest';
import type { Hub } from '../../../agent/src/delivery/hubs/hub.ts';
import { type MqttOptions, mqttHub } from '../../../agent/src/delivery/hubs/mqtt.ts';
import { certificatesOf } from '../../../sim/hub/certificates.ts';
import { openGate } from '../../../sim/hub/gate.ts';
import { scratch } from '../../support/scratch.ts';
import { until } from '../../support/until.ts';
import { type Broker5Options, startBroker5 } from './broker5.ts';
import { faultOf, hubSuite, message, type Peer } from './suite.ts';

const TOPIC = 'site/lavera/gw';
const folder = scratch();
const forever = () => new AbortController().signal;
let ends: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const end of ends.reverse()) await end();
  ends = [];
});

/** aedes behind a gate that can be shut and silenced. */
async function aedesPeer(): Promise<Peer> {
  const broker = await Aedes.createBroker();
  const received: string[] = [];
  broker.authorizePublish = (client, packet, done) => {
    if (client !== null && packet.topic === TOPIC) received.push(packet.payload.toString());
    done(null);
  };
  const inner = join(mkdtempSync(join(folder, 'b')), 'mqtt.sock');
  const server = createServer((socket) => void broker.handle(socket));
  await new Promise<void>((resolve) => server.listen(inner, resolve));
  const gate = await openGate(0, inner);
  return {
    hub: (deadlines) => mqttHub({ url: `mqtt://127.0.0.1:${gate.port}`, topic: TOPIC, clientId: 'gw', ...deadlines })(),
    received: () => received,
    connections: () => gate.connections,
    die: () => gate.shut(),
    async revive() {
      gate.resume();
      await gate.open();
    },
    silence: () => gate.silence(),
    resume: () => gate.resume(),
    async close() {
      await gate.shut();
      await new Promise<void>((resolve) => broker.close(() => resolve()));
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

hubSuite('mqtt to aedes', aedesPeer, { answersConnect: true, noticesDeath: true });

function hubTo(port: number, options: Partial<MqttOptions> = {}): Hub {
  const hub = mqttHub({ url: `mqtt://127.0.0.1:${port}`, topic: TOPIC, clientId: 'gw', ...options })();
  ends.push(() => hub.close());
  return hub;
}

async function broker5(options?: Broker5Options) {
  const broker = await startBroker5(options);
  ends.push(() => broker.close());
  return broker;
}

describe('mqtt 5', () => {
  test('carries the properties of a message', async () => {
    const broker = await broker5();
    const hub = hubTo(broker.port);
    await hub.connect(forever());
    await hub.send(message(3));
    const [packet] = broker.published;
    expect(packet).toMatchObject({ topic: TOPIC, qos: 1, retain: false });
    expect(packet?.properties?.contentType).toBe('application/json');
    expect({ ...packet?.properties?.userProperties }).toEqual({
      messageId: message(3).id,
      contentEncoding: 'utf-8',
      ...message(3).properties,
    });
    expect(broker.connects[0]).toMatchObject({ protocolVersion: 5, clean: true, clientId: 'gw' });
  });

  test('never has more messages on the way than the broker takes', async () => {
    const broker = await broker5({ properties: { receiveMaximum: 3 } });
    const hub = hubTo(broker.port);
    await hub.connect(forever());
    await Promise.all(Array.from({ length: 20 }, (_, n) => hub.send(message(n))));
    expect(broker.published).toHaveLength(20);
    expect(broker.mostInFlight).toBe(3);
  });

  test('a message beyond the maximum packet size is a fault of its own and costs no connection', async () => {
    const broker = await broker5({ properties: { maximumPacketSize: 1_000 } });
    const hub = hubTo(broker.port);
    await hub.connect(forever());
    expect((await faultOf(hub.send(message(1, 2_000)))).code).toBe('hub.too-large');
    await hub.send(message(2));
  });

  test('what the broker answers to a publish is told by its code', async () => {
    const refusing = await broker5({ puback: 135 });
    const refused = hubTo(refusing.port);
    await refused.connect(forever());
    expect((await faultOf(refused.send(message(1)))).code).toBe('hub.refused');
    // "No matching subscribers" is an acknowledgement.
    const broker = await broker5({ puback: 16 });
    const hub = hubTo(broker.port);
    await hub.connect(forever());
    await hub.send(message(1));
  });

  test('a broker that disconnects gives its reason', async () => {
    const broker = await broker5({ disconnect: 151 });
    const hub = hubTo(broker.port);
    await hub.connect(forever());
    expect((await faultOf(hub.send(message(1)))).code).toBe('hub.closed');
    expect((await hub.lost).message).toContain('151');
  });

  test('a broker that disconnects because of the size means the largest message', async () => {
    const broker = await broker5({ disconnect: 149 });
    const hub = hubTo(broker.port);
    await hub.connect(forever());
    const sent = [message(1), message(2, 5_000), message(3)].map((each) => faultOf(hub.send(each)));
    const codes = (await Promise.all(sent)).map(({ code }) => code);
    expect(codes).toEqual(['hub.closed', 'hub.too-large', 'hub.closed']);
  });

  test('a refused connection is told apart from an unreachable one', async () => {
    const broker = await broker5({ connack: 135 });
    expect((await faultOf(hubTo(broker.port).connect(forever()))).code).toBe('hub.refused');
    expect(broker.connects).toHaveLength(1);
  });

  test('a broker that refuses version 5, in either way, is asked once in 3.1.1', async () => {
    for (const connack of [132, 'silent close'] as const) {
      const broker = await broker5({ connack });
      await faultOf(hubTo(broker.port).connect(forever()));
      expect(broker.connects.map(({ protocolVersion }) => protocolVersion)).toEqual([5, 4]);
    }
  });

  test('a version that is asked for alone is the only one', async () => {
    const broker = await broker5({ connack: 132 });
    expect((await faultOf(hubTo(broker.port, { protocolVersion: 5 }).connect(forever()))).code).toBe('hub.refused');
    expect(broker.connects).toHaveLength(1);
  });

  test('user and password are sent; a password that cannot be read is a fault of configuration', async () => {
    const broker = await broker5();
    const user = { name: 'fieldgate', password: async () => 'secret' };
    await hubTo(broker.port, { user }).connect(forever());
    expect(broker.connects[0]).toMatchObject({ username: 'fieldgate', password: Buffer.from('secret') });
    const missing = {
      name: 'fieldgate',
      password: () => Promise.reject(Object.assign(new Error(), { code: 'ENOENT' })),
    };
    const { code } = await faultOf(hubTo(broker.port, { user: missing }).connect(forever()));
    expect(code).toBe('hub.configuration');
  });

  test('a password that is never told ends at the deadline', async () => {
    const user = { name: 'fieldgate', password: () => new Promise<string>(() => undefined) };
    const { code } = await faultOf(hubTo(1, { user, connectDeadline: 100 }).connect(forever()));
    expect(code).toBe('hub.timeout');
  });
});

describe('mqtts', () => {
  test('trusts the CA of the mapping, and nobody else', async () => {
    const certificates = await certificatesOf(join(folder, 'tls'));
    const broker = await Aedes.createBroker();
    const server = createTlsServer({ key: certificates.key, cert: certificates.certificate }, (socket) => {
      socket.on('error', () => undefined);
      broker.handle(socket);
    });
    server.on('tlsClientError', () => undefined);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    ends.push(async () => {
      await new Promise<void>((resolve) => broker.close(() => resolve()));
      await new Promise((resolve) => server.close(resolve));
    });
    const { port } = server.address() as { port: number };
    const url = `mqtts://localhost:${port}`;
    const hub = hubTo(port, { url, ca: certificates.caFile });
    await hub.connect(forever());
    await hub.send(message(1));
    expect((await faultOf(hubTo(port, { url }).connect(forever()))).code).toBe('hub.configuration');
    const none = hubTo(port, { url, ca: join(folder, 'none.pem') });
    expect((await faultOf(none.connect(forever()))).code).toBe('hub.configuration');
  });
});

function mosquitto(): string | undefined {
  try {
    return execFileSync('sh', ['-c', 'PATH=$PATH:/usr/sbin command -v mosquitto'], { encoding: 'utf8' }).trim();
  } catch {
    return undefined;
  }
}

const program = mosquitto();
if (program === undefined) console.warn('SKIPPED: mqtt to mosquitto: no mosquitto on the PATH (Debian: mosquitto)');

describe.skipIf(program === undefined)('mqtt to mosquitto', () => {
  test('a message arrives with its properties', async () => {
    const port = await freePort();
    const file = join(mkdtempSync(join(tmpdir(), 'fieldgate-test-')), 'mosquitto.conf');
    writeFileSync(file, `listener ${port} 127.0.0.1\nallow_anonymous true\nuser root\n`);
    const process = spawn(program!, ['-c', file], { stdio: 'ignore' });
    ends.push(() => new Promise((resolve) => process.once('exit', resolve) && process.kill()));
    const reader = await until('mosquitto', () =>
      mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, { protocolVersion: 5 }).catch(() => undefined),
    );
    ends.push(() => reader.endAsync(true));
    const packets: { properties?: { userProperties?: Record<string, string | string[]> } }[] = [];
    reader.on('message', (_topic, _payload, packet) => void packets.push(packet as never));
    await reader.subscribeAsync(TOPIC, { qos: 1 });
    const hub = hubTo(port);
    await hub.connect(forever());
    // More at once than mosquitto's receive maximum of 20.
    await Promise.all(Array.from({ length: 50 }, (_, n) => hub.send(message(n))));
    await until('the messages', () => packets.length === 50);
    expect({ ...packets[7]?.properties?.userProperties }).toMatchObject(message(7).properties);
  });
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
