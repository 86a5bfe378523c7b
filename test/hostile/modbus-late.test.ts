// Replies on a line that come when they were given up, where nothing but their shape tells them apart: exceptions, which
// all have one shape, and replies that outlive the connection. The device does one thing after the other, and whatever
// it says reaches whoever is connected then, as a transparent serial server has it. Every register proves which request it
// was read for.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { Transport } from '../../agent/src/adapters/modbus/transport.ts';
import { type Supervisor, supervisor } from '../../agent/src/adapters/supervisor.ts';
import { loadMapping } from '../../agent/src/config/load.ts';
import type { ResolvedSource } from '../../agent/src/config/plant.ts';
import { isGood, statusName } from '../../agent/src/model/status.ts';
import { wirer } from '../../agent/src/wiring.ts';
import { polled } from '../adapters/modbus/polled.ts';
import { tag } from '../adapters/modbus/tags.ts';
import { recorder } from '../adapters/recorder.ts';
import { scratch } from '../support/scratch.ts';
import { haveSocat } from '../support/serial-line.ts';
import { until } from '../support/until.ts';
import { type Ask, framed, honest, type Peer, peer, proof, type Reach, type Way } from './modbus-peer.ts';

const folder = scratch();
const WAYS: readonly Way[] = haveSocat() ? ['rtu-over-tcp', 'rtu'] : ['rtu-over-tcp'];

const block = (start: number, count: number) =>
  Array.from({ length: count }, (_, i) => tag(start + i, `holding:${start + i}`, { poll: 20 }));

/** A device on a line. @param work ms that a request takes, and its answer */
async function device(way: Way, work: (ask: Ask) => { takes: number; pdu: Buffer }): Promise<Peer> {
  let newest: Reach | undefined;
  let done = Promise.resolve();
  const made = await peer(way, (ask, to) => {
    newest = to;
    const { takes, pdu } = work(ask);
    done = done.then(async () => {
      await new Promise((resolve) => setTimeout(resolve, takes));
      newest!.write(framed(way, ask, pdu));
    });
  });
  onTestFinished(() => made.stop());
  return made;
}

test.for(WAYS)('%s: a late exception is not taken for the answer to another request', async (way) => {
  let asked = 0;
  const made = await device(way, (ask) => {
    const late = ask.start === 100 && ask.quantity === 10 && asked++ % 3 === 1;
    return late ? { takes: 600, pdu: Buffer.from([0x83, 6]) } : { takes: 30, pdu: honest(ask) };
  });
  const run = await polled(made.transport, [...block(100, 10), ...block(1_000, 5), ...block(2_000, 5)], {
    timeout: 400,
    clock: () => made.asks.length - 1,
    maxGap: 0,
    patience: { firstProbe: 20, lastProbe: 100, refusal: 500 },
  });
  const goods = () => run.sink.readings.filter(({ status }) => isGood(status));
  await until('many requests', () => {
    if (run.ended !== undefined) throw new Error('run ended', { cause: run.ended });
    return asked >= 12 && goods().length > 150;
  });
  await run.close();
  expect(goods().filter(({ tag, value, time }) => value !== proof(tag, time))).toEqual([]);
  // Nor are others Bad for it with what the device did not say of them.
  const others = run.sink.readings.filter(({ tag }) => tag >= 1_000).map(({ status }) => statusName(status));
  expect(others).not.toContain('BadResourceUnavailable');
});

test.for(WAYS)('%s: a unit that has lost a reply and then says exceptions alone is understood', async (way) => {
  let asked = 0;
  const made = await device(way, (ask) => ({
    takes: asked++ === 0 ? 600 : 5,
    pdu: Buffer.from([ask.function | 0x80, 6]),
  }));
  const run = await polled(made.transport, block(100, 10), {
    timeout: 400,
    patience: { firstProbe: 20, lastProbe: 100, refusal: 500 },
  });
  await until('the word of the device', () => {
    if (run.ended !== undefined) throw new Error('run ended', { cause: run.ended });
    return run.sink.parts.get('unit 1')?.includes('device busy');
  });
});

test('rtu-over-tcp: a reply that comes on the next connection is not taken for another', async () => {
  let asked = 0;
  let newest: Reach | undefined;
  const made = await peer('rtu-over-tcp', (ask, to) => {
    newest = to;
    // The serial server drops its client while the device works.
    if (asked++ % 5 === 3) to.reset();
    setTimeout(() => newest!.write(framed('rtu-over-tcp', ask, honest(ask))), 30);
  });
  onTestFinished(() => made.stop());
  const run = await polled(made.transport, [...block(100, 5), ...block(1_000, 5), ...block(2_000, 5)], {
    timeout: 400,
    clock: () => made.asks.length - 1,
    maxGap: 0,
    patience: { firstProbe: 20, lastProbe: 100, refusal: 500 },
  });
  const goods = () => run.sink.readings.filter(({ status }) => isGood(status));
  await until('many requests', () => {
    if (run.ended !== undefined) throw new Error('run ended', { cause: run.ended });
    return asked >= 60 && goods().length > 100;
  });
  await run.close();
  expect(goods().filter(({ tag, value, time }) => value !== proof(tag, time))).toEqual([]);
});

const ENDS = ['given up', 'reloaded'] as const;

test.for(WAYS.flatMap((way) => ENDS.map((end) => [way, end] as const)))(
  '%s: what a device owes when the source is %s, it owes the next connection',
  async ([way, end]) => {
    const held: Buffer[] = [];
    let last = -1;
    let frozen = false;
    let anew = () => false;
    const made = await peer(way, (ask, to) => {
      const answer = framed(way, ask, honest(ask));
      last = ask.number;
      frozen ||= ask.number >= 6 && ask.start === 1_000;
      if (frozen && !anew()) held.push(answer);
      else [...held.splice(0), answer].forEach((each, i) => void setTimeout(() => to.write(each), i * 20));
    });
    onTestFinished(() => made.stop());

    const sink = recorder();
    /** The request that was the newest when a reading came. */
    const during: number[] = [];
    const wiring = wirer({ site: 'lavera', gateway: 'gw' }, join(folder, 'buffer.db'));
    let numbers: ReadonlyMap<string, number> | undefined;
    const begun = async (timeout: string): Promise<Supervisor> => {
      const wired = wiring.wire(await mapped(made.transport, timeout), numbers);
      numbers = wired.indices;
      const source = supervisor({
        source: wired.source,
        accept(batch) {
          for (let i = 0; i < batch.count; i++) during.push(last);
          if (batch.count > 0) sink.deliver(batch);
        },
        describe() {},
        lost() {},
        log() {},
      });
      onTestFinished(() => source.stop());
      source.start();
      return source;
    };
    const goods = () =>
      sink.readings.flatMap((reading, i) => (isGood(reading.status) ? [{ ...reading, during: during[i]! }] : []));

    let source = await begun(end === 'reloaded' ? '5s' : '300ms');
    anew = () => source.stats().connects > 1;
    await until('the device is silent', () => held.length > 0);
    if (end === 'reloaded') {
      await source.stop();
      anew = () => true;
      source = await begun('6s');
    }
    await until('the connection after', anew);
    const seen = goods().length;
    await until('values again', () => goods().length > seen + 100);
    await source.stop();
    const offset = (index: number) => [...numbers!.keys()][index]!.slice(1);
    expect(goods().filter(({ tag, value, during }) => value !== proof(Number(offset(tag)), during))).toEqual([]);
  },
);

/** Two blocks of the same size on a line, as the mapping says it; a tag is named after its register. */
async function mapped(transport: Transport, timeout: string): Promise<ResolvedSource> {
  const place =
    transport.kind === 'rtu'
      ? `modbus-rtu, device: ${transport.device}, baudRate: 115200, parity: none`
      : `modbus-rtu-over-tcp, host: 127.0.0.1, port: ${(transport as { port: number }).port}`;
  const list = [...block(100, 10), ...block(1_000, 10)].map(
    ({ name, index }) => `${name}: { address: "holding:${index}" }`,
  );
  const settings = `timeout: ${timeout}, retries: 0, maxGap: 0, defaults: { poll: 50ms }, tags: { ${list.join(', ')} }`;
  const file = join(folder, 'line.yaml');
  writeFileSync(
    file,
    `version: 1\nsite: lavera\nhub: { type: jsonl, path: "-" }\nsources:\n  line: { protocol: ${place}, ${settings} }\n`,
  );
  const loaded = await loadMapping(file, { env: {} });
  if ('mistakes' in loaded) throw new Error(loaded.mistakes.map(({ message }) => message).join('\n'));
  return loaded.plant.sources[0]!;
}
