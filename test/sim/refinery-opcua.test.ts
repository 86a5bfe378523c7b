import { X509Certificate } from 'node:crypto';
import { createConnection } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { OPCUACertificateManager } from 'node-opcua-certificate-manager';
import {
  AttributeIds,
  ClientMonitoredItemGroup,
  type ClientSession,
  type DataValue,
  MessageSecurityMode,
  OPCUAClient,
  SecurityPolicy,
  StatusCodes,
  TimestampsToReturn,
  UserTokenType,
} from 'node-opcua-client';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type OpcUaSim, startOpcUaServer } from '../../sim/refinery/opcua.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';

const folder = scratch();
const open: (() => Promise<unknown>)[] = [];
let certificates: OPCUACertificateManager;

beforeAll(async () => {
  certificates = new OPCUACertificateManager({
    rootFolder: `${folder}/client`,
    automaticallyAcceptUnknownCertificate: true,
    disableFileWatchers: true,
  });
  await certificates.initialize();
});
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});
afterAll(() => certificates.dispose());

async function server(options: Partial<Parameters<typeof startOpcUaServer>[0]> = {}): Promise<OpcUaSim> {
  const sim = await startOpcUaServer({ folder: `${folder}/server`, tags: 60, ticking: false, ...options });
  open.push(() => sim.close());
  return sim;
}

async function client(sim: OpcUaSim, security?: { policy: SecurityPolicy; mode: MessageSecurityMode }, retries = 0) {
  const made = OPCUAClient.create({
    clientCertificateManager: certificates,
    securityPolicy: security?.policy ?? SecurityPolicy.Basic256Sha256,
    securityMode: security?.mode ?? MessageSecurityMode.SignAndEncrypt,
    endpointMustExist: false, // the refusal we want to see is the server's
    connectionStrategy: { maxRetry: retries, initialDelay: 50, maxDelay: 100 },
  });
  open.push(() => made.disconnect());
  await made.connect(sim.endpoint);
  return made;
}

async function session(sim: OpcUaSim, password = sim.password, on = client(sim)): Promise<ClientSession> {
  const user = { type: UserTokenType.UserName, userName: sim.user, password } as const;
  return (await on).createSession(user);
}

const node = (name: string) => ({ nodeId: `ns=2;s=${name}`, attributeId: AttributeIds.Value });

async function read(from: ClientSession, name: string): Promise<DataValue> {
  return (await from.read([node(name)], 0))[0]!;
}

/** Monitors tags as a gateway does; what arrives is in `values` by tag. */
async function monitor(on: ClientSession, names: readonly string[], sampling = 1_000, queueSize = 100) {
  const values = new Map<string, DataValue[]>(names.map((name) => [name, []]));
  const subscription = await on.createSubscription2({
    requestedPublishingInterval: 50,
    requestedLifetimeCount: 10_000,
    requestedMaxKeepAliveCount: 10,
    publishingEnabled: true,
  });
  const parameters = { samplingInterval: sampling, queueSize, discardOldest: true };
  const group = ClientMonitoredItemGroup.create(subscription, names.map(node), parameters, TimestampsToReturn.Both);
  group.on('changed', (_item, value, index) => values.get(names[index]!)!.push(value));
  await until('first value of every item', () => [...values.values()].every((list) => list.length > 0));
  return values;
}

describe('who gets in', () => {
  test('refuses a connection without encryption', async () => {
    const sim = await server();
    // OPC UA lets anybody ask for the endpoints without encryption; a session nobody gets.
    const plain = await client(sim, { policy: SecurityPolicy.None, mode: MessageSecurityMode.None });
    const offered = await plain.getEndpoints();
    expect(offered).toHaveLength(6);
    expect(offered.map((endpoint) => endpoint.securityMode)).not.toContain(MessageSecurityMode.None);
    const user = { type: UserTokenType.UserName, userName: sim.user, password: sim.password } as const;
    await expect(plain.createSession(user)).rejects.toThrow();
    await expect(plain.createSession()).rejects.toThrow();
    expect(sim.counters().sessions).toBe(0);
  });

  test('refuses a wrong password and an anonymous user', async () => {
    const sim = await server();
    await expect(session(sim, 'wrong')).rejects.toThrow(/BadUserAccessDenied|BadIdentityTokenRejected/);
    await expect((await client(sim)).createSession()).rejects.toThrow();
    expect(sim.counters().sessions).toBe(0);
  });

  test.each([SecurityPolicy.Aes128_Sha256_RsaOaep, SecurityPolicy.Aes256_Sha256_RsaPss])(
    'speaks %s',
    async (policy) => {
      const sim = await server();
      await client(sim, { policy, mode: MessageSecurityMode.Sign });
    },
  );

  test('lets in without encryption and name only when asked to', async () => {
    const sim = await server({ insecure: true, anonymous: true });
    const plain = await client(sim, { policy: SecurityPolicy.None, mode: MessageSecurityMode.None });
    expect((await read(await plain.createSession(), '20KQ001.COUNT')).value.value).toBe(0);
  });

  test('keeps its certificate from one start to the next', async () => {
    const first = await server();
    await first.close();
    const second = await server();
    expect(second.thumbprint).toBe(first.thumbprint);
    expect(new X509Certificate((await client(second)).serverCertificate as Buffer).raw).toEqual(second.certificate);
  });
});

describe('values', () => {
  test('a value that was set is read with its status and source time, exactly', async () => {
    const sim = await server();
    const on = await session(sim);
    const sourceTime = new Date('2026-11-22T10:00:00.123Z');
    sim.set('20FIC101.PV', 12.31, { status: StatusCodes.UncertainLastUsableValue, sourceTime });
    const value = await read(on, '20FIC101.PV');
    expect(value.value.value).toBe(Math.fround(12.31));
    expect(value.statusCode.name).toBe('UncertainLastUsableValue');
    expect(value.sourceTimestamp).toEqual(sourceTime);
  });

  test('monitored items get every value that was set, in order', async () => {
    const sim = await server();
    const values = await monitor(await session(sim), ['20YT138.FLOAT']);
    const sent = Array.from({ length: 50 }, (_, i) => i + 0.5);
    for (const value of sent) sim.set('20YT138.FLOAT', value);
    const got = values.get('20YT138.FLOAT')!;
    await until('51 values', () => got.length >= 51);
    expect(got.slice(1).map((v) => v.value.value)).toEqual(sent);
  });

  test('every type travels both ends of its width', async () => {
    const sim = await server();
    const on = await session(sim);
    const moment = new Date('2026-11-22T10:00:00.123Z');
    const cases: [string, Parameters<OpcUaSim['set']>[1], unknown][] = [
      ['20YT130.SBYTE', -128, -128],
      ['20YT133.UINT16', 65_535, 65_535],
      ['20YT136.INT64', -(2n ** 63n), [0x8000_0000, 0]],
      ['20YT137.UINT64', 2n ** 64n - 1n, [0xffff_ffff, 0xffff_ffff]],
      ['20YT139.DOUBLE', Math.PI, Math.PI],
      ['20P101.RUN', false, false],
      ['20U001.MODE', 'TURNDOWN é', 'TURNDOWN é'],
      ['20U001.LASTSTART', moment, moment],
      ['20U001.SNAPSHOT', Buffer.from([0, 255]), Buffer.from([0, 255])],
      ['20CI153.CODES', [1, -2, 3, -4], Int32Array.of(1, -2, 3, -4)],
    ];
    for (const [name, value, expected] of cases) {
      sim.set(name, value);
      expect((await read(on, name)).value.value, name).toEqual(expected);
    }
  });

  test('an analog tag tells its unit and range', async () => {
    const sim = await server();
    const on = await session(sim);
    const property = async (name: string) => {
      const found = await on.translateBrowsePath({
        startingNode: 'ns=2;s=20TI105.PV',
        relativePath: { elements: [{ targetName: { name }, isInverse: false, includeSubtypes: true }] },
      } as never);
      return (await on.read({ nodeId: found.targets![0]!.targetId, attributeId: AttributeIds.Value })).value.value;
    };
    expect(await property('EURange')).toMatchObject({ low: 0, high: 400 });
    expect((await property('EngineeringUnits')).displayName.text).toBe('degC');
  });

  test('an unknown tag is a mistake of the test', async () => {
    const sim = await server();
    expect(() => sim.set('20FIC999.PV', 1)).toThrow(RangeError);
  });
});

describe('updates', () => {
  test('counters go up by exactly one per update, whatever the sampling interval', async () => {
    const sim = await server({ tags: 200, counters: 0.2 });
    const names = sim.signals.filter((s) => s.process === 'counter').map((s) => s.name);
    expect(names).toHaveLength(40);
    const on = await session(sim);
    const values = await monitor(on, names, 250);
    for (let i = 0; i < 20; i++) sim.tick();
    await until('20 updates of 40 counters', () => names.every((name) => values.get(name)!.length > 20));
    for (const name of names) {
      expect(values.get(name)!.map((v) => v.value.value)).toEqual(Array.from({ length: 21 }, (_, i) => i));
    }
    expect(sim.counters()).toMatchObject({ updates: 20, recorded: 800, watched: 40, sessions: 1, subscriptions: 1 });
    await on.close();
    sim.tick();
    expect(sim.counters()).toMatchObject({ updates: 21, recorded: 800, watched: 0, sessions: 0, subscriptions: 0 });
  });

  test('a slower sampling interval skips updates', async () => {
    const sim = await server();
    const values = await monitor(await session(sim), ['20KQ001.COUNT'], 5_000);
    for (let i = 0; i < 20; i++) sim.tick();
    const got = values.get('20KQ001.COUNT')!;
    await until('four updates', () => got.length >= 5);
    expect(got.map((v) => v.value.value)).toEqual([0, 5, 10, 15, 20]);
  });

  test('ticks by itself, at source times a whole period apart', async () => {
    const sim = await server({ ticking: true, period: 100 });
    const values = await monitor(await session(sim), ['20KQ001.COUNT'], 100);
    const got = values.get('20KQ001.COUNT')!;
    await until('ten updates', () => got.length > 10);
    sim.pause();
    const paused = sim.counters().updates;
    for (const value of got.slice(1)) expect(value.sourceTimestamp!.getTime() % 100).toBe(0);
    await sleep(250); // nothing to wait for: that nothing happens is the point
    expect(sim.counters().updates).toBe(paused);
  });

  test('a queue that overflows marks the value beside the gap, Bad ones too', async () => {
    const sim = await server();
    const values = await monitor(await session(sim), ['20FIC101.PV'], 1_000, 3);
    const got = values.get('20FIC101.PV')!;
    sim.freeze();
    for (let i = 0; i < 10; i++) sim.set('20FIC101.PV', i, { status: StatusCodes.BadSensorFailure });
    sim.thaw();
    await until('three values', () => got.length >= 4);
    expect(got.slice(1).map((v) => [v.value.value, v.statusCode.hasOverflowBit])).toEqual([
      [7, true],
      [8, false],
      [9, false],
    ]);
  });
});

describe('faults', () => {
  test('stop closes the port; restart opens it again, without the old sessions', async () => {
    const sim = await server();
    await session(sim);
    await sim.stop();
    const refused = await new Promise<NodeJS.ErrnoException>((resolve) => {
      createConnection(sim.port, '127.0.0.1').on('error', resolve);
    });
    expect(refused.code).toBe('ECONNREFUSED');
    sim.tick();
    await sim.restart();
    expect(sim.counters()).toMatchObject({ sessions: 0, updates: 1 });
    expect((await read(await session(sim), '20KQ001.COUNT')).value.value).toBe(1);
  });

  test('cut resets the connections; the session lives on and is taken up again', async () => {
    const sim = await server();
    const stubborn = await client(sim, undefined, -1);
    const on = await session(sim, sim.password, Promise.resolve(stubborn));
    let lost = 0;
    stubborn.on('connection_lost', () => lost++);
    sim.cut();
    await until('the client to notice', () => lost === 1);
    expect(sim.counters().sessions).toBe(1);
    await until('a new connection', () => sim.counters().connections === 1);
    await until('an answer', async () => (await read(on, '20KQ001.COUNT').catch(() => undefined))?.statusCode.isGood());
    expect(sim.counters().sessions).toBe(1);
  });

  test('frozen, the connection stays open and nothing passes; thawed, what was held back arrives', async () => {
    const sim = await server();
    const on = await session(sim);
    sim.freeze();
    let answered = false;
    const answer = read(on, '20KQ001.COUNT').finally(() => {
      answered = true;
    });
    const late = createConnection(sim.port, '127.0.0.1');
    open.push(async () => late.destroy());
    await until('the new connection to be accepted', () => sim.counters().connections === 2);
    expect(answered).toBe(false);
    sim.thaw();
    expect((await answer).value.value).toBe(0);
  });
});

test('10,000 tags start and are monitored within seconds', async () => {
  const begin = performance.now();
  const sim = await server({ tags: 10_000 });
  expect(performance.now() - begin).toBeLessThan(15_000);
  const names = sim.signals.map((s) => s.name);
  const values = await monitor(await session(sim), names, 1_000, 5);
  sim.tick();
  const counters = sim.signals.filter((s) => s.process === 'counter').map((s) => s.name);
  await until('the update', () => counters.every((name) => values.get(name)!.length === 2));
});
