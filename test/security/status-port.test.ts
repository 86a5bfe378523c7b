// The status port of a running gateway under attack, all at once: sixty connections that send a byte now and then,
// headers without end, pipelined requests, addresses of a megabyte, HTTP/1.0, names of other hosts. Acquisition goes
// on reading by reading, memory is bounded, and afterwards the port answers as before.

import { readFileSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { decodeRows } from '../../sim/hub/decode.ts';
import { type LocalHub, startHub } from '../../sim/hub/hub.ts';
import { type ModbusSim, startModbusServer } from '../../sim/refinery/modbus.ts';
import { type Agent, startAgent } from '../support/agent.ts';
import { freePort } from '../support/free-port.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';

/** How long the attack lasts. */
const SECONDS = Number(process.env.ATTACK_SECONDS ?? 12);
const POLL = 100;

const folder = scratch();
let port: number;
let hub: LocalHub;
let plc: ModbusSim;
let agent: Agent;
/** Source times of the tag's readings, ms. */
const times: number[] = [];
const sockets = new Set<Socket>();
const answers = new Map<string, number>();

beforeAll(async () => {
  port = await freePort();
  plc = await startModbusServer({ site: 'flare' });
  hub = await startHub({
    folder: join(folder, 'hub'),
    onMessage({ body, contentEncoding }) {
      const rows = decodeRows(body, contentEncoding);
      if (typeof rows === 'string') throw new Error(rows);
      for (const row of rows) if ('tag' in row) times.push(Date.parse(row.ts));
    },
  });
  writeFileSync(
    join(folder, 'fieldgate.yaml'),
    `version: 1
site: lavera
gateway: gw-1
hub: { type: iot-edge, maxDelay: 100ms }
buffer: { path: ${join(folder, 'buffer.db')} }
sources:
  plc:
    protocol: modbus-tcp
    host: ${plc.host}
    port: ${plc.port}
    defaults: { poll: ${POLL}ms }
    tags: { A.PV: { address: 400001 } }
`,
  );
  agent = startAgent(['run', '--config', join(folder, 'fieldgate.yaml')], {
    ...hub.environment,
    FIELDGATE_HTTP: `127.0.0.1:${port}`,
  });
  await until('readings', () => times.length > 20).catch((error: Error) => {
    throw new Error(`${error.message}\n${agent.stderr()}`);
  });
}, 60_000);

afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  await agent?.end('SIGKILL');
  await hub?.close();
  await plc?.close();
});

/** A connection whose answer is counted under its status line. */
function open(): Socket {
  const socket = connect(port, '127.0.0.1');
  sockets.add(socket);
  socket.on('error', () => {});
  socket.on('close', () => sockets.delete(socket));
  socket.on('data', (chunk: Buffer) => {
    for (const [line] of chunk.toString('latin1').matchAll(/^HTTP\/1\.1 \d+/gm)) {
      answers.set(line, (answers.get(line) ?? 0) + 1);
    }
  });
  return socket;
}

const memory = () => Number(/^VmRSS:\s*(\d+)/m.exec(readFileSync(`/proc/${agent.pid}/status`, 'utf8'))?.[1]) / 1_000;

/** Writes on sockets of its own, forever, while the attack lasts; opens another where one was closed. */
const ATTACKS: Readonly<
  Record<string, { readonly sockets: number; readonly everyMs: number; write(socket: Socket, turn: number): void }>
> = {
  slowloris: {
    sockets: 60,
    everyMs: 400,
    write: (socket, turn) =>
      void socket.write(turn === 0 ? 'GET /status HTTP/1.1\r\nHost: localhost\r\n' : `X-${turn}: y\r\n`),
  },
  'headers without end': {
    sockets: 4,
    everyMs: 20,
    write: (socket, turn) =>
      void socket.write(
        turn === 0 ? 'GET /metrics HTTP/1.1\r\nHost: localhost\r\n' : `X-${turn}: ${'y'.repeat(1_000)}\r\n`.repeat(50),
      ),
  },
  pipelining: {
    sockets: 4,
    everyMs: 50,
    write: (socket) => void socket.write('GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(20)),
  },
  'answers that nobody takes': {
    sockets: 4,
    everyMs: 200,
    write(socket, turn) {
      if (turn === 0) socket.pause();
      socket.write('GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n');
    },
  },
  'an address of a megabyte': {
    sockets: 2,
    everyMs: 100,
    write: (socket, turn) => void socket.write(turn === 0 ? `GET /${'x'.repeat(1_000_000)}` : 'x'),
  },
  'a body of a megabyte': {
    sockets: 2,
    everyMs: 100,
    write: (socket) =>
      void socket.write(
        `POST /status HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n${'x'.repeat(100_000)}`,
      ),
  },
  'HTTP/1.0': { sockets: 2, everyMs: 100, write: (socket) => void socket.write('GET /healthz HTTP/1.0\r\n\r\n') },
  'names of others': {
    sockets: 2,
    everyMs: 100,
    write: (socket) => void socket.write('GET /status HTTP/1.1\r\nHost: rebound.example\r\n\r\n'),
  },
  garbage: { sockets: 2, everyMs: 100, write: (socket) => void socket.write(Buffer.from([0x16, 3, 1, 2, 0, 1, 0xff])) },
};

function begin(): () => void {
  const timers = Object.values(ATTACKS).map(({ sockets: count, everyMs, write }) => {
    const own: { socket: Socket; turn: number }[] = [];
    return setInterval(() => {
      while (own.length < count) own.push({ socket: open(), turn: 0 });
      own.forEach((each, i) => {
        if (each.socket.destroyed) own[i] = { socket: open(), turn: 0 };
        else if (!each.socket.connecting && each.socket.writableLength < 4_000_000) write(each.socket, each.turn++);
      });
    }, everyMs);
  });
  return () => {
    for (const timer of timers) clearInterval(timer);
    for (const socket of sockets) socket.destroy();
  };
}

it('stays out of the way of acquisition', { timeout: 60_000 + SECONDS * 2_000 }, async () => {
  const before = memory();
  const from = Date.now();
  const end = begin();
  let most = 0;
  await until(
    `${SECONDS} s of attack`,
    () => {
      most = Math.max(most, memory());
      return Date.now() - from > SECONDS * 1_000;
    },
    SECONDS * 1_000 + 20_000,
  );
  end();
  const to = Date.now();
  // The port is there again for those whose turn it is.
  await until(
    'an answer afterwards',
    async () => {
      const response = await fetch(`http://127.0.0.1:${port}/metrics`).catch(() => undefined);
      return response?.status === 200;
    },
    30_000,
  );
  await until('the readings of the attack', () => times.some((time) => time > to), 30_000);
  expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200);

  const during = times.filter((time) => time >= from && time <= to);
  console.log(
    `attack: ${SECONDS} s, ${during.length} of ${Math.round((to - from) / POLL)} polls, ${before.toFixed(0)} MB before and at most ` +
      `${most.toFixed(0)} MB, ` +
      `answers ${[...answers]
        .map(([line, count]) => `${line.slice(9)}: ${count}`)
        .sort()
        .join(', ')}`,
  );
  // Every kind of attack came through to its answer; those of garbage and of no end are 400 and 431.
  for (const code of [200, 400, 405, 421, 431]) expect([...answers.keys()]).toContain(`HTTP/1.1 ${code}`);
  // Polls are not lost: a machine under load may be late, never by half.
  expect(during.length).toBeGreaterThan((to - from) / POLL / 2);
  expect(most - before).toBeLessThan(100);
  expect(await agent.end('SIGTERM')).toBe(0);
  expect(hub.account.summary()).toMatchObject({ missing: 0, malformed: 0 });
});
