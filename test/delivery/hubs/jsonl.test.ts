// A file or a pipe as a hub: the contract over a named pipe whose reader can stop and go away, then what concerns
// files: durability's order, torn lines, paths that cannot be.

import { execFileSync, spawn } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import type { Hub } from '../../../agent/src/delivery/hubs/hub.ts';
import { jsonlHub } from '../../../agent/src/delivery/hubs/jsonl.ts';
import { scratch } from '../../support/scratch.ts';
import { until } from '../../support/until.ts';
import { faultOf, hubSuite, message, type Peer } from './suite.ts';

const folder = scratch();
const forever = () => new AbortController().signal;
let hubs: Hub[] = [];
let files = 0;

afterEach(async () => {
  await Promise.all(hubs.map((hub) => hub.close()));
  hubs = [];
});

const fresh = () => join(folder, `f${++files}`);

/** The reader of a named pipe. It polls: a pipe without a writer is at its end, and again at its beginning later. */
async function pipePeer(): Promise<Peer> {
  const path = fresh();
  execFileSync('mkfifo', [path]);
  const chunk = Buffer.alloc(1 << 20);
  let text = '';
  let reading = true;
  let fd: number | undefined = fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
  let writer = false;
  const timer = setInterval(() => {
    if (!reading || fd === undefined) return;
    try {
      for (;;) {
        const n = fs.readSync(fd, chunk, 0, chunk.length, null);
        writer = n > 0;
        if (n === 0) return;
        text += chunk.toString('utf8', 0, n);
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      writer = true;
    }
  }, 2);
  const stop = () => {
    if (fd !== undefined) fs.closeSync(fd);
    fd = undefined;
    writer = false;
  };
  return {
    hub: (deadlines) => jsonlHub({ path, ...deadlines })(),
    received: () => (text === '' ? [] : text.split(/(?<=\n)/)),
    connections: () => (writer ? 1 : 0),
    die: async () => stop(),
    async revive() {
      reading = true;
      fd ??= fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
    },
    silence() {
      reading = false;
    },
    resume() {
      reading = true;
    },
    async close() {
      clearInterval(timer);
      stop();
    },
  };
}

hubSuite('jsonl into a pipe', pipePeer, { answersConnect: false, noticesDeath: false });

test('jsonl into a pipe: a message torn by close does not spoil the next one', async () => {
  const path = fresh();
  execFileSync('mkfifo', [path]);
  const reader = fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
  const factory = jsonlHub({ path });
  const first = factory();
  await first.connect(forever());
  // More than the pipe takes.
  const sent = faultOf(first.send(message(1, 250_000)));
  await until('the first byte', () => {
    try {
      return fs.readSync(reader, Buffer.alloc(1)) === 1;
    } catch {
      return false; // EAGAIN: nothing yet.
    }
  });
  await first.close();
  await sent;
  fs.readSync(reader, Buffer.alloc(200_000));
  const second = factory();
  hubs.push(second);
  await second.connect(forever());
  await second.send(message(2));
  const rest = Buffer.alloc(1_000);
  const text = rest.toString('utf8', 0, fs.readSync(reader, rest));
  fs.closeSync(reader);
  expect(text.split('\n').slice(-2)).toEqual([lineOf(2).trimEnd(), '']);
  expect(text.startsWith('\n') || text.includes('x\n')).toBe(true);
});

async function connected(path: string): Promise<Hub> {
  const hub = jsonlHub({ path })();
  hubs.push(hub);
  await hub.connect(forever());
  return hub;
}

const lineOf = (n: number) => message(n).body.toString();

describe('jsonl into a file', () => {
  test('appends bodies in order; a body without a newline gets one', async () => {
    const path = fresh();
    fs.writeFileSync(path, 'before\n');
    const hub = await connected(path);
    const bare = { ...message(2), body: Buffer.from(lineOf(2).trimEnd()) };
    await Promise.all([hub.send(message(1)), hub.send(bare), hub.send(message(3))]);
    expect(fs.readFileSync(path, 'utf8')).toBe(`before\n${lineOf(1)}${lineOf(2)}${lineOf(3)}`);
  });

  test('the torn beginning of a row is removed, whole rows stay', async () => {
    for (const torn of [lineOf(2).slice(0, 30), lineOf(2).slice(0, -2)]) {
      const path = fresh();
      fs.writeFileSync(path, lineOf(1) + torn);
      await (await connected(path)).send(message(2));
      expect(fs.readFileSync(path, 'utf8')).toBe(lineOf(1) + lineOf(2));
    }
  });

  test('a whole row, or bytes that are not ours, are kept and ended with a newline', async () => {
    for (const last of [lineOf(2).trimEnd(), 'somebody else’s line', '{"other":1']) {
      const path = fresh();
      fs.writeFileSync(path, lineOf(1) + last);
      await (await connected(path)).send(message(3));
      expect(fs.readFileSync(path, 'utf8')).toBe(`${lineOf(1)}${last}\n${lineOf(3)}`);
    }
  });

  test('a long file of one line is not searched for its beginning', async () => {
    const path = fresh();
    fs.writeFileSync(path, 'x'.repeat(3_000_000));
    await (await connected(path)).send(message(1));
    expect(fs.statSync(path).size).toBe(3_000_001 + lineOf(1).length);
  });

  test('a path that cannot be is a fault of configuration', async () => {
    for (const path of [join(folder, 'no', 'folder'), folder]) {
      expect((await faultOf(connected(path))).code).toBe('hub.configuration');
    }
  });

  test.runIf(fs.existsSync('/dev/full'))('a full disk is a fault, and the connection is lost', async () => {
    const hub = await connected('/dev/full');
    const { code, fault } = await faultOf(hub.send(message(1)));
    expect(code).toBe('hub.closed');
    expect(fault.cause).toMatchObject({ code: 'ENOSPC' });
    await hub.lost;
  });

  test('a compressed body is a fault of configuration', async () => {
    const hub = await connected(fresh());
    expect((await faultOf(hub.send({ ...message(1), contentEncoding: 'gzip' }))).code).toBe('hub.configuration');
  });
});

describe('jsonl to standard output', () => {
  const program = `
    import { jsonlHub } from ${JSON.stringify(new URL('../../../agent/src/delivery/hubs/jsonl.ts', import.meta.url))};
    const factory = jsonlHub({ path: '-', sendDeadline: 10_000 });
    const hub = factory();
    await hub.connect(new AbortController().signal);
    const message = { id: 'm', contentType: 'application/json', contentEncoding: 'utf-8', properties: {} };
    for (let n = 0; n < 40; n++) {
      const body = Buffer.from(JSON.stringify({ n, fill: 'x'.repeat(20_000) }) + '\\n');
      const error = await hub.send({ ...message, body }).then(() => undefined, (error) => error);
      if (error !== undefined) {
        await hub.lost;
        await hub.close();
        process.stderr.write(error.code + ' ' + error.cause.code);
        process.exit(3);
      }
    }
    await hub.close();
  `;

  test('waits for a slow reader and loses nothing', async () => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let text = '';
    let chunks = 0;
    for await (const chunk of child.stdout) {
      text += chunk;
      // More than the pipe holds is written before the first pause ends.
      if (chunks++ % 5 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const lines = text.trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line).n)).toEqual(Array.from({ length: 40 }, (_, n) => n));
  });

  test('a reader that goes away is a fault, not the end of the process', async () => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let told = '';
    child.stderr.on('data', (chunk) => {
      told += chunk;
    });
    const exit = new Promise((resolve) => child.once('close', resolve));
    child.stdout.destroy();
    expect(await exit).toBe(3);
    expect(told).toBe('hub.closed EPIPE');
  });
});
