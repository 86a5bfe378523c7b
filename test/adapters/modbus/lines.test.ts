// The line: connections side by side, failed ones, repetitions, pauses, what it counts, and what it leaves behind.

import { existsSync } from 'node:fs';
import type { Socket } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Outcome } from '../../../agent/src/adapters/modbus/connection.ts';
import { Line, type LineOptions } from '../../../agent/src/adapters/modbus/line.ts';
import type { Transport } from '../../../agent/src/adapters/modbus/transport.ts';
import { Fault } from '../../../agent/src/model/fault.ts';
import { startModbusServer } from '../../../sim/refinery/modbus.ts';
import { haveSocat, serialLine } from '../../support/serial-line.ts';
import { until } from '../../support/until.ts';
import { polled } from './polled.ts';
import { type Ask, checksum, refusal, reply, type Slave, slave } from './slave.ts';
import { tag } from './tags.ts';

const never = () => new AbortController().signal;
const tcp = (port: number): Transport => ({ kind: 'tcp', host: '127.0.0.1', port });

async function server(answer: (ask: Ask, socket: Socket) => void): Promise<Slave> {
  const made = await slave(answer);
  onTestFinished(() => made.stop());
  return made;
}

function line(transport: Transport, more: Partial<LineOptions> = {}): Line {
  const made = new Line({ transport, timeout: 2_000, delayBetweenRequests: 0, ...more });
  onTestFinished(() => made.close());
  return made;
}

const first = (outcome: Outcome) => (outcome.kind === 'data' ? outcome.data.getUint16(0) : outcome.kind);
const code = (thrown: unknown) => (thrown instanceof Fault ? thrown.code : thrown);

describe('connections side by side', () => {
  test('share the requests, and no more than allowed are made', async () => {
    const waiting: (() => void)[] = [];
    const peer = await server((ask, socket) => waiting.push(() => socket.write(reply(ask))));
    const three = line(tcp(peer.port), { connections: 3 });
    await three.open(never());
    const outcomes = Array.from({ length: 9 }, (_, i) => three.read(i + 1, 'holding', i, 1));
    for (let i = 0; i < 9; i += 3) {
      await until('three requests at once', () => peer.asks.length === i + 3 && waiting.length === 3);
      for (const answer of waiting.splice(0)) answer();
    }
    const values = (await Promise.all(outcomes)).map(first);
    expect(values).toEqual(Array.from({ length: 9 }, (_, i) => checksum(i + 1, i)));
    expect(peer.made).toBe(3);
    const groups = [0, 3, 6].map((i) => new Set(peer.asks.slice(i, i + 3).map(({ unit }) => unit)));
    expect(groups).toEqual([new Set([1, 2, 3]), new Set([4, 5, 6]), new Set([7, 8, 9])]);
  });

  test('one is enough while nothing waits', async () => {
    const peer = await server((ask, socket) => socket.write(reply(ask)));
    const many = line(tcp(peer.port), { connections: 8 });
    await many.open(never());
    for (let i = 0; i < 20; i++) await many.read(1, 'holding', i, 1);
    expect(peer.made).toBe(1);
  });

  test('a slow unit holds up one of two', async () => {
    const peer = await server((ask, socket) => {
      if (ask.unit === 2) return;
      socket.write(reply(ask));
    });
    const tags = [1, 2, 3].map((unit) => tag(unit, 'holding:5', { unitId: unit, poll: 20 }));
    const run = await polled(peer.port, tags, { connections: 2, timeout: 5_000 });
    await until('readings of the others', () => run.sink.of(1).length > 20 && run.sink.of(3).length > 20);
    expect(run.sink.of(2)).toEqual([]);
    expect(peer.asks.filter(({ unit }) => unit === 2)).toHaveLength(1);
  });

  test.each([
    ['refuses', (peer: Slave, socket: Socket) => peer.open > 1 && socket.resetAndDestroy()],
    ['hangs up on', (peer: Slave, socket: Socket) => peer.open > 1 && socket.end()],
  ])('a server that %s a second one is content with one, and nothing is lost', async (_, meet) => {
    const sockets = new Set<Socket>();
    const peer: Slave = await server((ask, socket) => {
      if (!sockets.has(socket)) {
        sockets.add(socket);
        if (meet(peer, socket)) return;
      }
      setTimeout(() => socket.destroyed || socket.write(reply(ask)), 5);
    });
    const tags = [1, 2, 3, 4].map((unit) => tag(unit, 'holding:5', { unitId: unit, poll: 20 }));
    const run = await polled(peer.port, tags, { connections: 4, timeout: 2_000 });
    await until('readings of all', () => tags.every(({ index }) => run.sink.of(index).length > 10));
    expect(run.sink.readings.filter(({ status }) => status !== 0)).toEqual([]);
    expect(peer.open).toBe(1);
    // It was tried now and then at the start, and not with every request.
    expect(peer.made).toBeLessThan(8);
  });

  test('a server that gives up the oldest for the newest is content with one', async () => {
    let last: Socket | undefined;
    const peer = await server((ask, socket) => {
      if (last !== socket) last?.resetAndDestroy();
      last = socket;
      setTimeout(() => socket.destroyed || socket.write(reply(ask)), 5);
    });
    const tags = [1, 2, 3].map((unit) => tag(unit, 'holding:5', { unitId: unit, poll: 20 }));
    const run = await polled(peer.port, tags, { connections: 3, timeout: 2_000 });
    await until('readings of all', () => tags.every(({ index }) => run.sink.of(index).length > 20));
    expect(run.sink.readings.filter(({ status }) => status !== 0)).toEqual([]);
    expect(peer.made).toBeLessThan(10);
  });
});

test('one connection is never open next to another', async () => {
  let most = 0;
  const peer: Slave = await server((ask, socket) => {
    most = Math.max(most, peer.open);
    if (ask.number % 2 === 0) socket.write(reply(ask));
  });
  const run = await polled(peer.port, [tag(1, 'holding:1', { poll: 20 })], { timeout: 30 });
  await until('ten connections', () => peer.made >= 10 || run.ended);
  expect(run.ended).toBeUndefined();
  // The FIN of the connection before may still be on its way.
  expect(most).toBeLessThanOrEqual(2);
});

describe('repetitions', () => {
  test('a lost reply is asked for again, as often as allowed', async () => {
    const peer = await server((ask, socket) => ask.number % 3 === 2 && socket.write(reply(ask)));
    const patient = line(tcp(peer.port), { retries: 2, timeout: 100 });
    expect(first(await patient.read(1, 'holding', 7, 1))).toBe(checksum(1, 7));
    expect(peer.asks).toHaveLength(3);
  });

  test('a unit that was silent costs one timeout, until it answers again', async () => {
    const silent = new Set([2]);
    const peer = await server((ask, socket) => silent.has(ask.unit) || socket.write(reply(ask)));
    const patient = line(tcp(peer.port), { retries: 3, timeout: 50 });
    expect(first(await patient.read(2, 'holding', 7, 1))).toBe('timeout');
    expect(peer.asks).toHaveLength(4);
    expect(first(await patient.read(2, 'holding', 7, 1))).toBe('timeout');
    expect(peer.asks).toHaveLength(5);
    silent.clear();
    expect(first(await patient.read(2, 'holding', 7, 1))).toBe(checksum(2, 7));
    silent.add(2);
    await patient.read(2, 'holding', 7, 1);
    expect(peer.asks).toHaveLength(10);
  });

  test('an exception is an answer', async () => {
    const peer = await server((ask, socket) => socket.write(refusal(ask, 2)));
    expect(await line(tcp(peer.port), { retries: 5 }).read(1, 'holding', 7, 1)).toEqual({ kind: 'exception', code: 2 });
    expect(peer.asks).toHaveLength(1);
  });
});

test('why the server ended a connection is told', async () => {
  const peer = await server((_, socket) => socket.end());
  const one = line(tcp(peer.port));
  expect(await one.read(1, 'holding', 7, 1)).toEqual({ kind: 'closed', reason: 'the server closed the connection' });
});

test('the pause after connecting is kept', async () => {
  const peer = await server((ask, socket) => socket.write(reply(ask)));
  const shy = line(tcp(peer.port), { connectDelay: 200 });
  await shy.open(never());
  const opened = performance.now();
  await shy.close();
  const other = line(tcp(peer.port), { connectDelay: 200 });
  const begin = performance.now();
  await other.read(1, 'holding', 0, 1);
  // A timer of 200 ms may ring a fraction of a millisecond early.
  expect(performance.now() - begin).toBeGreaterThan(199);
  expect(opened).toBeGreaterThan(0);
});

test('requests, failures and the time they took are counted', async () => {
  const counts = { requests: 0, failed: 0, lost: 0, overruns: 0 };
  const peer = await server((ask, socket) => ask.unit === 1 && socket.write(reply(ask)));
  const counted = line(tcp(peer.port), { counts, timeout: 60 });
  for (let i = 0; i < 5; i++) await counted.read(1, 'holding', i, 1);
  expect(counts).toEqual({ requests: 5, failed: 0, lost: 0, overruns: 0 });
  await counted.read(2, 'holding', 0, 1);
  await counted.read(2, 'holding', 0, 1);
  expect(counts).toMatchObject({ requests: 7, failed: 2 });
  // The whole time, and no more than the machine was slow.
  expect(counts.lost).toBeGreaterThan(110);
});

describe('UDP', () => {
  const TAGS = [tag(1, 'holding:500', { poll: 30 }), tag(2, 'holding:501', { poll: 30 })];

  test('is read, survives a restart, and is given up when nobody is there', async () => {
    const sim = await startModbusServer({ site: 'flare', ticking: false, carrier: 'udp' });
    onTestFinished(() => sim.close());
    sim.setRegister(1, 'holding', 500, [7, 8]);
    const run = await polled({ kind: 'udp', host: 'localhost', port: sim.port }, TAGS, { retries: 1 });
    await until('readings', () => run.sink.of(2).length > 5);
    expect(run.sink.last(2)?.value).toBe(8);
    await sim.stop();
    const ended = await until('the end', () => run.ended);
    expect(code(ended)).toBeOneOf(['source.closed', 'source.timeout']);
    await sim.restart();
    const again = await polled({ kind: 'udp', host: '127.0.0.1', port: sim.port }, TAGS);
    await until('readings', () => again.sink.of(2).length > 2);
  });

  test('a name that nobody knows is unreachable', async () => {
    const lost = line({ kind: 'udp', host: 'plc.invalid', port: 502 }, { timeout: 10 });
    expect(code(await lost.open(never()).catch((thrown: unknown) => thrown))).toBe('source.unreachable');
  });

  test('an abort ends the search for a name', async () => {
    const lost = line({ kind: 'udp', host: 'plc.invalid', port: 502 });
    expect(code(await lost.open(AbortSignal.abort()).catch((thrown: unknown) => thrown))).toBe('source.closed');
  });
});

const port = (device: string): Transport => ({
  kind: 'rtu',
  device,
  baudRate: 19_200,
  dataBits: 8,
  parity: 'even',
  stopBits: 1,
});

describe('a serial port', () => {
  test('that is not there is unreachable', async () => {
    const thrown = await line(port('/dev/ttyNONE')).open(never()).catch((each: unknown) => each); // biome-ignore format: one line
    expect(code(thrown)).toBe('source.unreachable');
    expect(String(thrown)).toContain('ENOENT');
  });

  test('that is no serial port says so', async () => {
    expect(existsSync('/dev/null')).toBe(true);
    const thrown = await line(port('/dev/null')).open(never()).catch((each: unknown) => each); // biome-ignore format: one line
    expect(code(thrown)).toBe('source.unreachable');
  });

  test.skipIf(!haveSocat())("is one user's at a time, and free again when it is closed", async () => {
    const sim = await startModbusServer({ site: 'flare', ticking: false, carrier: 'rtu-over-tcp' });
    onTestFinished(() => sim.close());
    sim.setRegister(1, 'holding', 500, [77]);
    const { device, stop } = await serialLine(sim.port);
    onTestFinished(stop);
    for (let i = 0; i < 5; i++) {
      const one = line(port(device));
      await one.open(never());
      expect(first(await one.read(1, 'holding', 500, 1))).toBe(77);
      const thrown = await line(port(device)).open(never()).catch((each: unknown) => each); // biome-ignore format: one line
      expect(code(thrown)).toBe('source.unreachable');
      await one.close();
    }
  });

  test.skipIf(!haveSocat())('wakes up for a reply by itself: nothing else happens meanwhile', async () => {
    const sim = await startModbusServer({ site: 'flare', ticking: false, carrier: 'rtu-over-tcp' });
    onTestFinished(() => sim.close());
    const { device, stop } = await serialLine(sim.port);
    onTestFinished(stop);
    const quiet = line(port(device), { timeout: 10_000 });
    await quiet.open(never());
    const begin = performance.now();
    for (let i = 0; i < 10; i++) await quiet.read(1, 'holding', 500, 1);
    // Ten times the deadline, were it not for keepAwake in serial.ts.
    expect(performance.now() - begin).toBeLessThan(10_000);
  });
});

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

describe('nothing is left behind', () => {
  /** What keeps a process alive, by kind; timers of the test itself come and go. */
  const held = () => {
    const counts: Record<string, number> = {};
    for (const kind of process.getActiveResourcesInfo()) counts[kind] = (counts[kind] ?? 0) + 1;
    return { sockets: (counts.TCPSocketWrap ?? 0) + (counts.UDPWRAP ?? 0) + (counts.TLSWrap ?? 0), timers: counts.Timeout ?? 0 }; // biome-ignore format: one line
  };

  test.each([
    [100, 'TCP, refused', tcp(1)],
    [100, 'RTU over TCP, refused', { kind: 'rtu-over-tcp', host: '127.0.0.1', port: 1 } as const],
    // A name server may take its time to say no.
    [3, 'a name that nobody knows', { kind: 'tcp', host: 'plc.invalid', port: 502 } as const],
    [100, 'no serial port', port('/dev/ttyNONE')],
    [100, 'a device that is no serial port', port('/dev/null')],
  ])('of %d failed connections: %s', async (count, _, transport) => {
    const before = held();
    for (let i = 0; i < count; i++) {
      const lost = new Line({ transport, timeout: 100, delayBetweenRequests: 0 });
      expect(await lost.open(never()).catch(code)).toBe('source.unreachable');
      expect(await lost.read(1, 'holding', 0, 1).catch(code)).toBe('source.unreachable');
      await lost.close();
    }
    await until('as much as before', () => held().sockets <= before.sockets && held().timers <= before.timers + 1);
  });

  test('of a hundred connections that were closed with requests under way and waiting', async () => {
    const peer = await server(() => {});
    const before = held();
    const outcomes: Promise<unknown>[] = [];
    for (let i = 0; i < 100; i++) {
      const lost = new Line({ transport: tcp(peer.port), timeout: 60_000, delayBetweenRequests: 0, connections: 2 });
      await lost.open(never());
      outcomes.push(...[1, 2, 3, 4].map((unit) => lost.read(unit, 'holding', 0, 1).catch(code)));
      if (i % 2 === 0) await until('a request', () => peer.asks.length > i);
      await lost.close();
    }
    // Every promise settles.
    const settled = await Promise.all(outcomes);
    expect(settled).toHaveLength(400);
    await until('no connection', () => peer.open === 0);
    await until('as much as before', () => held().sockets <= before.sockets && held().timers <= before.timers + 1);
  });

  test('of thousands of failed requests, memory stays flat', async () => {
    const peer = await server((ask, socket) => {
      if (ask.number % 3 === 0) socket.write(Buffer.alloc(300, 1));
      else if (ask.number % 3 === 1) socket.resetAndDestroy();
      else socket.write(reply(ask));
    });
    const busy = line(tcp(peer.port), { timeout: 1_000 });
    const heap = () => {
      collect();
      return process.memoryUsage().heapUsed;
    };
    const round = async (count: number) => {
      for (let i = 0; i < count; i++) await busy.read(1, 'holding', i & 0xff, 10);
      peer.forget();
    };
    await round(500);
    const before = heap();
    await round(1_500);
    // A leaked socket has some thousand bytes: 1,500 of them would be seen.
    expect(heap() - before).toBeLessThan(8_000_000);
    expect(peer.open).toBeLessThanOrEqual(2);
  });
});
