// There is no code path that writes to a device: whatever a device answers, on every way only whole requests of the
// four read functions leave the gateway; and in the sources there is one place where a request is made.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { polled } from '../adapters/modbus/polled.ts';
import { tag } from '../adapters/modbus/tags.ts';
import { haveSocat } from '../support/serial-line.ts';
import { until } from '../support/until.ts';
import { checked, framed, honest, numbered, peer, type Way } from './modbus-peer.ts';

const WAYS = (['tcp', 'udp', 'rtu-over-tcp', 'rtu'] as const satisfies Way[]).filter((way) => way !== 'rtu' || haveSocat()); // biome-ignore format: one line

/** What is no request to read, of everything that came. */
function strangers(way: Way, received: readonly Buffer[]): string[] {
  const length = numbered(way) ? 12 : 8;
  const requests = received.flatMap((bytes) => {
    const count = Math.ceil(bytes.length / length);
    return Array.from({ length: count }, (_, i) => bytes.subarray(i * length, (i + 1) * length));
  });
  return requests.filter((request) => !isRead(way, request)).map((request) => request.toString('hex'));
}

function isRead(way: Way, request: Buffer): boolean {
  if (numbered(way)) {
    const header = request.subarray(2, 6).toString('hex') === '00000006';
    return request.length === 12 && header && request[7]! >= 1 && request[7]! <= 4;
  }
  return (
    request.length === 8 && request[1]! >= 1 && request[1]! <= 4 && checked(request.subarray(0, 6)).equals(request)
  );
}

describe.concurrent('on the wire', () => {
  test.for(WAYS)('%s: only the four functions that read', async (way, context) => {
    const made = await peer(way, (ask, to) => {
      const manner = ask.number % 14;
      if (manner === 12) return;
      if (manner === 13) to.write(Buffer.alloc(40, ask.number));
      else if (manner === 0) to.write(framed(way, ask, honest(ask)));
      else to.write(framed(way, ask, Buffer.from([ask.function | 0x80, manner])));
    });
    context.onTestFinished(() => made.stop());
    const tables = ['coil', 'discrete', 'holding', 'input'];
    const tags = tables.flatMap((table, i) =>
      [0, 300, 65_000].map((place, j) =>
        tag(i * 3 + j, `${table}:${place}`, { poll: 10, type: i < 2 ? 'bool' : 'uint16', unitId: i + 1 }),
      ),
    );
    // When all units fail at once the source is given up, and made anew as the supervisor does it.
    for (let i = 0; i < 20 && made.asks.length <= 200; i++) {
      const run = await polled(made.transport, tags, {
        timeout: 60,
        retries: 1,
        finished: context.onTestFinished,
        patience: { firstProbe: 5, lastProbe: 10, refusal: 20 },
      });
      await until('two hundred requests', () => made.asks.length > 200 || run.ended);
      await run.close();
    }
    expect(made.asks.length).toBeGreaterThan(200);
    expect(strangers(way, made.received)).toEqual([]);
    expect(new Set(made.asks.map((ask) => ask.function))).toEqual(new Set([1, 2, 3, 4]));
  });
});

describe('in the sources', () => {
  const folder = join(import.meta.dirname, '../../agent/src/adapters/modbus');
  const sources = readdirSync(folder)
    .filter((name) => name.endsWith('.ts'))
    .map((name) => ({ name, text: readFileSync(join(folder, name), 'utf8').replace(/^\s*(\/\/|\*|\/\*\*).*$/gm, '') }));
  const using = (pattern: RegExp) => sources.filter(({ text }) => pattern.test(text)).map(({ name }) => name);

  test('one function makes requests, and the two envelopes call it', () => {
    expect(using(/\bwriteUInt8\((READ|code)/)).toEqual(['frame.ts']);
    expect(using(/\bwriteRequest\(/)).toEqual(['frame.ts', 'mbap.ts', 'rtu.ts']);
  });

  test('bytes leave through a channel, which sends requests alone', () => {
    expect(using(/\bchannel\.write\(/)).toEqual(['connection.ts']);
    expect(sources.find(({ name }) => name === 'connection.ts')!.text.match(/channel\.write\((.*)\)/)![1]).toBe(
      'exchange.request',
    );
    expect(using(/\b(socket|port)\.(write|send|end)\(/)).toEqual(['serial.ts', 'tcp.ts', 'udp.ts']);
  });
});
