// Replies that are almost right: frames with bytes changed, cut, doubled, glued and torn, over the envelopes and the
// connection that every way has. No wrong value is ever believed. FUZZ=200000 runs so many; CI some thousands.

import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import type { Channel, Listener } from '../../agent/src/adapters/modbus/channel.ts';
import { connectionOver, type Manner, type Outcome } from '../../agent/src/adapters/modbus/connection.ts';
import type { Query } from '../../agent/src/adapters/modbus/frame.ts';
import { mbap } from '../../agent/src/adapters/modbus/mbap.ts';
import { rtu } from '../../agent/src/adapters/modbus/rtu.ts';
import { checked, framed, proof } from './modbus-peer.ts';

const RUNS = Number(process.env.FUZZ ?? 3_000);
// The long form takes about a second for 5,000 runs.
vi.setConfig({ testTimeout: 30_000 + RUNS });

const NETWORK = { datagrams: false, lasting: false, silence: 0, transmission: () => 0 };
const MANNERS: Record<string, () => Manner> = {
  tcp: () => ({ ...NETWORK, framing: mbap(0) }),
  udp: () => ({ ...NETWORK, framing: mbap(0), datagrams: true }),
  'rtu-over-tcp': () => ({ ...NETWORK, framing: rtu }),
  rtu: () => ({ ...NETWORK, framing: rtu, lasting: true }),
};

/** A channel whose far end is the test. Nothing of the gateway is replaced by it but the network itself. */
function looped(): Channel & { say(bytes: Buffer): void } {
  let listener: Listener | undefined;
  let open = true;
  return {
    get open() {
      return open;
    },
    listen(to) {
      listener = to;
    },
    write() {},
    async close() {
      open = false;
    },
    say(bytes) {
      if (open) listener?.received(bytes);
    },
  };
}

const query = fc.record({
  unit: fc.integer({ min: 1, max: 247 }),
  table: fc.constantFrom('coil', 'discrete', 'holding', 'input'),
  start: fc.nat(60_000),
  quantity: fc.integer({ min: 1, max: 125 }),
});

/** What is done to the bytes of a reply. */
const change = fc.oneof(
  fc.record({ kind: fc.constant('flip' as const), at: fc.nat(300), by: fc.integer({ min: 1, max: 255 }) }),
  fc.record({ kind: fc.constant('cut' as const), at: fc.nat(300), by: fc.integer({ min: 1, max: 20 }) }),
  fc.record({ kind: fc.constant('insert' as const), at: fc.nat(300), by: fc.nat(255) }),
  fc.record({ kind: fc.constant('repeat' as const), at: fc.nat(300), by: fc.integer({ min: 1, max: 20 }) }),
  fc.record({ kind: fc.constant('swap' as const), at: fc.nat(300), by: fc.integer({ min: 1, max: 8 }) }),
  /** Behind the change the checksum, or the header's length, is right again: a device that lies consistently. */
  fc.record({ kind: fc.constant('mend' as const), at: fc.constant(0), by: fc.constant(0) }),
);

type Change = { readonly kind: 'flip' | 'cut' | 'insert' | 'repeat' | 'swap' | 'mend'; at: number; by: number };

function apply(bytes: Buffer, { kind, at, by }: Change, serial: boolean): Buffer {
  const place = at % Math.max(1, bytes.length);
  const rest = bytes.subarray(place);
  const before = bytes.subarray(0, place);
  switch (kind) {
    case 'flip':
      return Buffer.concat([before, Buffer.from([(rest[0] ?? 0) ^ by]), rest.subarray(1)]);
    case 'cut':
      return Buffer.concat([before, rest.subarray(by)]);
    case 'insert':
      return Buffer.concat([before, Buffer.from([by]), rest]);
    case 'repeat':
      return Buffer.concat([before, rest.subarray(0, by), rest]);
    case 'swap':
      return Buffer.concat([before, rest.subarray(by, 2 * by), rest.subarray(0, by), rest.subarray(2 * by)]);
    case 'mend': {
      if (serial) return bytes.length > 2 ? checked(bytes.subarray(0, -2)) : bytes;
      const mended = Buffer.from(bytes);
      if (mended.length >= 6) mended.writeUInt16BE((mended.length - 6) & 0xffff, 4);
      return mended;
    }
  }
}

const FUNCTION = { coil: 1, discrete: 2, holding: 3, input: 4 } as const;

/** The honest PDU: registers of proofs, bits of whatever. */
function pdu({ table, start, quantity }: Query): Buffer {
  const bits = table === 'coil' || table === 'discrete';
  const data = Buffer.alloc(bits ? Math.ceil(quantity / 8) : quantity * 2);
  for (let i = 0; i * 2 + 1 < data.length; i++) data.writeUInt16BE(proof(start + i, 1), i * 2);
  return Buffer.concat([Buffer.from([FUNCTION[table], data.length]), data]);
}

const data = (outcome: Outcome): string | undefined => {
  if (outcome.kind !== 'data') return undefined;
  const { buffer, byteOffset, byteLength } = outcome.data;
  return Buffer.from(buffer, byteOffset, byteLength).toString('hex');
};

describe.each(Object.entries(MANNERS))('%s', (way, manner) => {
  const serial = way.startsWith('rtu');
  const wrap = (asked: Query, body: Buffer) =>
    framed(serial ? 'rtu' : 'tcp', { transaction: 0, unit: asked.unit }, body);

  /** What comes of a request when these bytes come, in these pieces. */
  async function answered(asked: Query, bytes: Buffer, pieces: readonly number[]): Promise<Outcome> {
    const channel = looped();
    const connection = connectionOver(channel, manner());
    const outcome = connection.read(asked, 60_000);
    let at = 0;
    for (const piece of way === 'udp' ? [] : pieces) {
      channel.say(bytes.subarray(at, at + piece));
      at += piece;
    }
    channel.say(bytes.subarray(at));
    // Whatever is still awaited will not come.
    await connection.close();
    return outcome;
  }

  const pieces = fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 5 });

  test('a right reply in any pieces is believed', async () => {
    await fc.assert(
      fc.asyncProperty(query, pieces, async (asked, cuts) => {
        const right = pdu(asked);
        const outcome = await answered(asked, wrap(asked, right), cuts);
        expect(data(outcome)).toBe(right.subarray(2).toString('hex'));
      }),
      { numRuns: Math.max(100, RUNS / 20) },
    );
  });

  test('a spoiled reply is never believed, unless its data are what the device sent', async () => {
    await fc.assert(
      fc.asyncProperty(
        query,
        fc.array(change, { minLength: 1, maxLength: 4 }),
        pieces,
        async (asked, changes, cuts) => {
          const right = wrap(asked, pdu(asked));
          const spoiled = changes.reduce((bytes, each) => apply(bytes, each, serial), right);
          const got = data(await answered(asked, spoiled, cuts));
          if (got === undefined) return;
          // What is believed has the length that was asked for, ...
          expect(got.length / 2).toBe(pdu(asked).length - 2);
          // ... and stands in the bytes that came, in an envelope whose every field is right: nothing is made up.
          const frame = wrap(asked, Buffer.concat([pdu(asked).subarray(0, 2), Buffer.from(got, 'hex')]));
          expect(spoiled.includes(frame)).toBe(true);
          // On a line the checksum vouches for the data; only who mends it can change them.
          if (serial && !changes.some(({ kind }) => kind === 'mend')) expect(right.includes(frame)).toBe(true);
        },
      ),
      { numRuns: RUNS },
    );
  });

  test('the reply to another request is never believed', async () => {
    await fc.assert(
      fc.asyncProperty(query, query, pieces, async (asked, other, cuts) => {
        const theirs = serial
          ? wrap(other, pdu(other))
          : framed('tcp', { transaction: 1, unit: other.unit }, pdu(other));
        // Without a number the shape is all there is; line.ts keeps replies of one shape apart.
        const alike =
          other.unit === asked.unit && pdu(other).length === pdu(asked).length && other.table === asked.table;
        if (serial && alike) return;
        expect((await answered(asked, theirs, cuts)).kind).not.toBe('data');
      }),
      { numRuns: Math.max(100, RUNS / 5) },
    );
  });
});
