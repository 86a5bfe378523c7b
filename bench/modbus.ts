// The Modbus poller: what it costs and how evenly it asks. Servers are a process of their own. Prints figures; never
// passes or fails on time. What the machine itself does to a timer is measured beside it, in an idle process, and so are
// the garbage collector's pauses: jitter is at least what these two are.
//
//   npm run bench:modbus                 100,000 float32 every second over 50 connections, and a slow line; 20 s each
//   npm run bench:modbus -- --for 60     60 s each

import { type ChildProcess, fork } from 'node:child_process';
import { createServer, type Socket } from 'node:net';
import { loadavg } from 'node:os';
import { PerformanceObserver } from 'node:perf_hooks';
import { type ModbusOptions, type ModbusTag, modbusAdapter } from '../agent/src/adapters/modbus/adapter.ts';
import { modbusSurvey } from '../agent/src/adapters/modbus/survey.ts';
import { totalsOf } from '../agent/src/cli/plan.ts';
import type { Batch } from '../agent/src/model/batch.ts';
import { isGood } from '../agent/src/model/status.ts';
import { cost, quantile } from './processes.ts';

/** A server that answers every read with the same registers, after `delay` ms, one request after the other. */
function serve(delay: number, listening: (port: number) => void): void {
  const registers = Buffer.alloc(9 + 250);
  for (let i = 0; i < 62; i++) registers.writeFloatBE(12.31 + i, 9 + i * 4);
  const answer = (socket: Socket, ask: Buffer) => {
    const bytes = ask.readUInt16BE(10) * 2;
    const reply = Buffer.from(registers.subarray(0, 9 + bytes));
    ask.copy(reply, 0, 0, 2);
    reply.writeUInt16BE(3 + bytes, 4);
    reply[6] = ask[6]!;
    reply[7] = ask[7]!;
    reply[8] = bytes;
    if (delay === 0) socket.write(reply);
    else setTimeout(() => socket.write(reply), delay);
  };
  const server = createServer((socket) => {
    socket.setNoDelay(true);
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => {
      for (let at = 0; at + 12 <= chunk.length; at += 12) answer(socket, chunk.subarray(at, at + 12));
    });
  });
  server.listen(0, '127.0.0.1', () => listening((server.address() as { port: number }).port));
}

interface Servers {
  readonly ports: readonly number[];
  readonly process: ChildProcess;
}

function servers(count: number, delay: number): Promise<Servers> {
  const child = fork(import.meta.filename, ['--serve', String(count), String(delay)]);
  return new Promise((resolve) => {
    child.on('message', (ports) => resolve({ ports: ports as number[], process: child }));
  });
}

/** Does nothing but wait for the next moment, every 20 ms; answers a message with how late each was. */
function idle(): void {
  let late: number[] = [];
  let due = performance.now() + 20;
  const wait = () =>
    setTimeout(
      () => {
        late.push(performance.now() - due);
        due = Math.max(due + 20, performance.now());
        wait();
      },
      Math.max(1, Math.ceil(due - performance.now())),
    );
  wait();
  process.on('message', () => {
    process.send!(late);
    late = [];
  });
}

interface Idle {
  /** ms that each timer was late since this was asked last. */
  lateness(): Promise<number[]>;
  stop(): void;
}

function idleProcess(): Idle {
  const child = fork(import.meta.filename, ['--idle']);
  return {
    lateness: () =>
      new Promise((resolve) => {
        child.once('message', (late) => resolve(late as number[]));
        child.send('how late');
      }),
    stop: () => child.kill(),
  };
}

/** ms of each pause of the garbage collector. */
const pauses: number[] = [];
new PerformanceObserver((list) => pauses.push(...list.getEntries().map(({ duration }) => duration))).observe({
  entryTypes: ['gc'],
});

interface Load {
  readonly what: string;
  readonly sources: readonly ModbusOptions[];
  /** ms that one request takes, for the estimate of the line. */
  readonly roundTrip: number;
}

async function measure(
  { what, sources, roundTrip }: Load,
  server: ChildProcess,
  beside: Idle,
  duration: number,
): Promise<void> {
  const counts = { requests: 0, failed: 0, lost: 0, overruns: 0 };
  const last = new Map<number, number>();
  /** Of every request, and of the first of each source's cycle. */
  const off: number[] = [];
  const firsts: number[] = [];
  const leaders = new Set(sources.map(({ tags }) => tags[0]!.index));
  let readings = 0;
  let bad = 0;
  let watching = false;
  const adapters = sources.map((options) => modbusAdapter({ ...options, counts }));
  const deliver = (poll: number) => (batch: Batch) => {
    const now = performance.now();
    const first = batch.tag[0]!;
    const before = last.get(first);
    last.set(first, now);
    if (!watching) return;
    readings += batch.count;
    if (!isGood(batch.status[0]!)) bad++;
    // How far the time since the poll before is from the interval.
    if (before === undefined) return;
    off.push(Math.abs(now - before - poll));
    if (leaders.has(first)) firsts.push(Math.abs(now - before - poll));
  };
  const ending = new AbortController();
  await Promise.all(adapters.map((adapter) => adapter.connect(ending.signal)));
  const runs = adapters.map((adapter, i) => {
    const idle = { ready: () => undefined, granted() {}, describe() {}, gap() {}, trouble() {} };
    const sink = { ...idle, deliver: deliver(sources[i]!.tags[0]!.poll) };
    return adapter.run(sink, ending.signal);
  });
  // A start that is not measured: connections, compilation.
  await new Promise((resolve) => setTimeout(resolve, 5_000));
  await beside.lateness();
  pauses.length = 0;
  watching = true;
  const before = { ...counts };
  const mine = cost(process.pid);
  const theirs = cost(server.pid!);
  const begin = performance.now();
  await new Promise((resolve) => setTimeout(resolve, duration));
  const seconds = (performance.now() - begin) / 1_000;
  watching = false;
  const lateness = await beside.lateness();
  const collected = [...pauses];
  const after = cost(process.pid);
  const theirsAfter = cost(server.pid!);
  ending.abort();
  await Promise.all(runs);

  const totals = sources.map((options) => totalsOf(modbusSurvey(options).plan(), roundTrip));
  const sum = (of: (one: (typeof totals)[number]) => number) => totals.reduce((all, one) => all + of(one), 0);
  const spread = (values: number[]) => {
    const sorted = values.sort((a, b) => a - b);
    const at = (share: number) => `${quantile(sorted, share).toFixed(1)} ms`;
    return `p50 ${at(0.5)}, p99 ${at(0.99)}, most ${at(1)}`;
  };
  const rate = (counts.requests - before.requests) / seconds;
  const cpu = (after.cpu - mine.cpu) / seconds;
  const line = (name: string, text: string) => console.log(`  ${name.padEnd(26)}${text}`);
  console.log(`\n${what}`);
  line(
    'requests a cycle',
    `${sum((one) => one.requests)}; tag by tag ${sum((one) => one.tags)}, at the very least ${sum((one) => one.leastPerSecond)}`,
  );
  line(
    'requests a second',
    `${rate.toFixed(0)}, planned ${sum((one) => one.requestsPerSecond).toFixed(0)}; ${counts.failed - before.failed} failed, ${counts.overruns - before.overruns} polls of a group left out`,
  );
  line('readings a second', `${(readings / seconds).toFixed(0)}, ${bad} Bad`);
  line(
    'CPU of one core',
    `${(cpu * 100).toFixed(1)} %, ${((cpu * 1e6) / rate).toFixed(0)} µs a request, ${((cpu * 1e6) / (readings / seconds)).toFixed(2)} µs a reading`,
  );
  line('CPU of the servers', `${(((theirsAfter.cpu - theirs.cpu) / seconds) * 100).toFixed(1)} %`);
  line('RSS', `${(after.rss / 1e6).toFixed(0)} MB`);
  line('jitter, cycle begins', spread(firsts));
  line('jitter, every request', spread(off));
  line('an idle timer, meanwhile', spread(lateness));
  line('pauses of the collector', `${collected.length}, most ${Math.max(0, ...collected).toFixed(1)} ms`);
}

const COMMON = { timeout: 3_000, delayBetweenRequests: 0, maxRegisters: 125, maxGap: 16 };

function tag(index: number, offset: number, type: string, unitId = 1): ModbusTag {
  const address = { table: 'holding', offset } as const;
  return { index, name: `T${index}`, address, type, order: 'ABCD', unitId, poll: 1_000 };
}

function source(port: number, tags: readonly ModbusTag[]): ModbusOptions {
  return { name: `plc-${port}`, transport: { kind: 'tcp', host: '127.0.0.1', port }, tags, ...COMMON };
}

async function main(duration: number): Promise<void> {
  console.log(`load of the machine before: ${loadavg()[0]!.toFixed(1)}`);
  const beside = idleProcess();
  const fast = await servers(50, 0);
  const each = 2_000;
  const block = (i: number) => Array.from({ length: each }, (_, k) => tag(i * each + k, k * 2, 'float32'));
  const many = fast.ports.map((port, i) => source(port, block(i)));
  const what = '100,000 float32 every second, 50 connections';
  await measure({ what, sources: many, roundTrip: 0 }, fast.process, beside, duration);
  fast.process.kill();

  // Eight units behind one line; every value of a unit is followed by a hole of 0 to 6 registers.
  const slow = await servers(1, 20);
  let at = 0;
  const scattered = Array.from({ length: 1_000 }, (_, k) => {
    if (k % 125 === 0) at = 0;
    const one = tag(k, at, k % 3 === 0 ? 'uint16' : 'float32', 1 + Math.floor(k / 125));
    at += (k % 3 === 0 ? 1 : 2) + ((k * 7) % 11 < 7 ? 0 : (k * 5) % 7);
    return one;
  });
  const line = 'One slow line: 1,000 tags of 8 units every second, 20 ms a request';
  await measure(
    { what: line, sources: [source(slow.ports[0]!, scattered)], roundTrip: 20 },
    slow.process,
    beside,
    duration,
  );
  slow.process.kill();
  beside.stop();
  console.log(`\nload of the machine after: ${loadavg()[0]!.toFixed(1)}`);
}

if (process.argv[2] === '--serve') {
  const ports: number[] = [];
  const count = Number(process.argv[3]);
  for (let i = 0; i < count; i++) {
    serve(Number(process.argv[4]), (port) => {
      ports.push(port);
      if (ports.length === count) process.send!(ports);
    });
  }
  process.on('disconnect', () => process.exit());
} else if (process.argv[2] === '--idle') {
  idle();
  process.on('disconnect', () => process.exit());
} else {
  const at = process.argv.indexOf('--for');
  await main((at < 0 ? 20 : Number(process.argv[at + 1])) * 1_000);
  process.exit();
}
