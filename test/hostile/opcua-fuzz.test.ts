// Messages of a real server with bits flipped, cut, repeated and mixed up on their way to the adapter, by a seeded
// generator. No crash, no rejection that nobody catches (either fails this file), no value told as Good that the damaged
// message did not hold; and of a connection that is signed and encrypted nothing damaged is taken at all.
//
//   OPCUA_FUZZ=20000 npm test -- test/hostile/opcua-fuzz.test.ts      the long form
//   OPCUA_FUZZ_SEED=7                                                 another series

import { mkdirSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import type { AddressSpace } from 'node-opcua-address-space';
import { DataType, Variant } from 'node-opcua-client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type OpcUaOptions, opcuaAdapter } from '../../agent/src/adapters/opcua/adapter.ts';
import { keep } from '../../agent/src/adapters/opcua/kept.ts';
import { Kind, valueAt } from '../../agent/src/model/batch.ts';
import { Fault } from '../../agent/src/model/fault.ts';
import { isGood } from '../../agent/src/model/status.ts';
import { openly, pkiTrusting, QUICK, type SmallServer, smallServer, tagsOf } from '../adapters/opcua/rig.ts';
import { mint } from '../support/mint.ts';
import { scratch } from '../support/scratch.ts';
import { type CertificateServer, certificateServer } from './certificate-server.ts';
import { relay } from './raw-peer.ts';

const ROUNDS = Number(process.env.OPCUA_FUZZ ?? 200);
const SEED = Number(process.env.OPCUA_FUZZ_SEED ?? 1);
const LANES = 8;
/** A connection of its own for each of these: fewer. */
const SEALED_ROUNDS = Math.ceil(ROUNDS / 5);
const PATIENCE = 120_000 + 200 * ROUNDS;

let open: SmallServer;
let sealed: CertificateServer;
let trusting: string;
const served = new Set<number>();
let count = 0;

beforeAll(async () => {
  const fill = (space: AddressSpace) => {
    const namespace = space.registerNamespace('urn:plc');
    for (const name of ['A', 'B']) {
      const get = () => {
        if (name === 'A') served.add(++count);
        return new Variant({ dataType: DataType.Double, value: name === 'A' ? count : 7 });
      };
      namespace.addVariable({
        organizedBy: space.rootFolder.objects,
        browseName: name,
        nodeId: `s=${name}`,
        dataType: DataType.Double,
        minimumSamplingInterval: 50,
        value: { get },
      });
    }
  };
  open = await smallServer(fill, { capabilities: { maxSessions: 100_000, maxSubscriptions: 100_000 } });
  const shown = await mint({ name: 'PLC 7', uri: 'urn:lavera:plc7', hosts: ['127.0.0.1', 'localhost'] });
  const own = await mint({ name: 'fieldgate', uri: 'urn:test:gateway:fieldgate', hosts: ['127.0.0.1'] });
  trusting = pkiTrusting(shown.der);
  for (const place of ['own/certs', 'own/private']) mkdirSync(join(trusting, place), { recursive: true });
  writeFileSync(join(trusting, 'own/certs/fieldgate.pem'), own.pem);
  writeFileSync(join(trusting, 'own/private/private_key.pem'), own.keyPem, { mode: 0o600 });
  sealed = await certificateServer({ chain: [shown.pem], keyPem: shown.keyPem, applicationUri: 'urn:lavera:plc7' });
  sealed.server.engine.serverCapabilities.maxSessions = 100_000;
  fill(sealed.server.engine.addressSpace as AddressSpace);
});
afterAll(async () => {
  await sealed?.stop();
  await open?.stop();
});

type Random = () => number;

/** Numbers from 0 to below 1, the same series for the same seed (mulberry32). */
function series(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

const below = (random: Random, most: number) => Math.floor(random() * most);

const DAMAGE: readonly ((message: Buffer, random: Random, earlier: Buffer) => Buffer)[] = [
  (message, random) => flipped(message, random, 1),
  (message, random) => flipped(message, random, 1 + below(random, 8)),
  // What stands behind the envelope is the more interesting part.
  (message, random) => Buffer.concat([message.subarray(0, 24), flipped(message.subarray(24), random, 2)]),
  (message, random) => message.subarray(0, below(random, message.length)),
  (message, random) => resized(message.subarray(0, 24 + below(random, Math.max(1, message.length - 24)))),
  (message, random) => resized(Buffer.concat([message, Buffer.alloc(1 + below(random, 64), below(random, 256))])),
  (message, random) => number(message, random, [0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff]),
  (message, random) => {
    const at = below(random, message.length);
    return resized(Buffer.concat([message.subarray(0, at), message.subarray(at + 1 + below(random, 8))]));
  },
  (_message, _random, earlier) => earlier,
];

function flipped(message: Buffer, random: Random, bits: number): Buffer {
  const copy = Buffer.from(message);
  for (let i = 0; i < bits && copy.length > 0; i++) {
    const at = below(random, copy.length);
    copy.writeUInt8(copy.readUInt8(at) ^ (1 << below(random, 8)), at);
  }
  return copy;
}

function number(message: Buffer, random: Random, numbers: readonly number[]): Buffer {
  const copy = Buffer.from(message);
  if (copy.length > 4) copy.writeUInt32LE(numbers[below(random, numbers.length)]!, below(random, copy.length - 4));
  return copy;
}

/** With the size in its head that it has. */
function resized(message: Buffer): Buffer {
  const copy = Buffer.from(message);
  if (copy.length >= 8) copy.writeUInt32LE(copy.length, 4);
  return copy;
}

async function turns(most: number): Promise<void> {
  for (let i = 0; i < most; i++) await new Promise((resolve) => setTimeout(resolve, 2));
}

interface Told {
  readonly tag: number;
  readonly value: unknown;
}

/** One link, from the beginning until it breaks or `stop` aborts; how it ended. */
async function link(options: OpcUaOptions, stop: AbortSignal, tell: (reading: Told) => void): Promise<unknown> {
  const adapter = opcuaAdapter(options, { ...QUICK, request: 1_500, connect: 3_000 }, keep(options));
  try {
    await adapter.connect(stop);
    await adapter.run(
      {
        deliver(batch) {
          for (let i = 0; i < batch.count; i++) {
            if (!isGood(batch.status[i]!) || batch.kind[i] === Kind.Null) continue;
            tell({ tag: batch.tag[i]!, value: valueAt(batch, i) });
          }
        },
        ready: () => undefined,
        describe: () => {},
        granted: () => {},
        gap: () => {},
        trouble: () => {},
      },
      stop,
    );
    return undefined;
  } catch (error) {
    return error;
  } finally {
    await adapter.close();
  }
}

const isRight = ({ tag, value }: Told) => (tag === 0 ? served.has(value as number) : value === 7);
const NODES = ['nsu=urn:plc;s=A', 'nsu=urn:plc;s=B'];

test('without security: a damaged message is taken for what it says, or ends the link; never more', {
  timeout: PATIENCE,
}, async () => {
  let damaged = 0;
  let links = 0;
  let wrong = 0;
  let right = 0;
  const ends = new Map<string, number>();
  const lane = async (seed: number) => {
    const random = series(seed);
    const held: Buffer[] = [];
    let flows = false;
    const wire = await relay(open.port, (message, near) => {
      held.push(message);
      if (held.length > 20) held.shift();
      // Most of it once values flow: a link that is refused while it connects takes its time.
      if (random() > (flows ? 0.5 : 0.02) || damaged >= ROUNDS) return void near.write(message);
      damaged += 1;
      const damage = DAMAGE[below(random, DAMAGE.length)]!;
      near.write(damage(message, random, held[below(random, held.length)]!));
    });
    const options = { ...openly(wire.endpoint, scratch(), tagsOf(NODES)), publishing: 50 };
    while (damaged < ROUNDS) {
      links += 1;
      flows = false;
      const stop = new AbortController();
      const timer = setInterval(() => damaged >= ROUNDS && stop.abort(), 50);
      const end = await link(options, stop.signal, (reading) => {
        flows = true;
        if (isRight(reading)) right += 1;
        else wrong += 1;
      });
      clearInterval(timer);
      // The end of the test is nobody's fault.
      if (end === undefined || stop.signal.aborted) continue;
      expect(end, `seed ${seed}`).toBeInstanceOf(Fault);
      const { code } = end as Fault;
      expect(code, `seed ${seed}: ${(end as Fault).message}`).not.toBe('internal.unexpected');
      ends.set(code, (ends.get(code) ?? 0) + 1);
    }
    await wire.stop();
  };
  await Promise.all(Array.from({ length: LANES }, (_, i) => lane(SEED * 1_000 + i)));
  process.stdout.write(
    `${damaged} damaged messages on ${links} links: ${right} values right, ${wrong} as the damage says; ` +
      `${[...ends].map(([code, times]) => `${code} ${times}`).join(', ')}\n`,
  );
  expect(right).toBeGreaterThan(0);
  // A damaged message holds one value of each tag, or a few after a pause: what is wrong cannot be more than these.
  expect(wrong).toBeLessThan(4 * damaged);
});

test('signed and encrypted: nothing damaged is taken', { timeout: PATIENCE }, async () => {
  let round = 0;
  let values = 0;
  const accepted: string[] = [];
  const lane = async () => {
    while (round < SEALED_ROUNDS) {
      const seed = SEED * 1_000_000 + round++;
      const random = series(seed);
      let connection: Socket | undefined;
      let connections = 0;
      let frames = 0;
      let told = 0;
      let toldBefore = -1;
      let armed = false;
      const held: Buffer[] = [];
      // Half of them while it connects, half once values flow; the first message (ACK) is not signed.
      const target = random() < 0.5 ? 2 + below(random, 12) : Number.POSITIVE_INFINITY;
      const wire = await relay(Number(new URL(sealed.endpoint).port), (message, near) => {
        if (near !== connection) {
          connection = near;
          connections += 1;
          frames = 0;
        }
        frames += 1;
        // The first connection asks for the endpoints, without security.
        if (connections < 2 || (frames < target && told < 4)) {
          if (connections > 1) held.push(message);
          return void near.write(message);
        }
        if (armed) return;
        armed = true;
        const damage = DAMAGE[below(random, DAMAGE.length)]!;
        // What was sent before is in this process already: some turns of its loop, and it has been taken.
        turns(20).then(() => {
          toldBefore = told;
          near.write(damage(message, random, held.at(-1) ?? message));
        });
      });
      const options: OpcUaOptions = {
        name: 'plc',
        endpoint: wire.endpoint,
        publishing: 50,
        pki: trusting,
        applicationUri: 'urn:test:gateway:fieldgate',
        tags: tagsOf(NODES),
      };
      const end = await link(options, new AbortController().signal, (reading) => {
        told += 1;
        values += 1;
        if (!isRight(reading)) accepted.push(`seed ${seed}: ${JSON.stringify(reading)}`);
      });
      expect(end, `seed ${seed}`).toBeInstanceOf(Fault);
      expect((end as Fault).code, `seed ${seed}: ${(end as Fault).message}`).not.toBe('internal.unexpected');
      if (toldBefore >= 0 && told > toldBefore)
        accepted.push(`seed ${seed}: ${told - toldBefore} values after the damage`);
      await wire.stop();
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  process.stdout.write(
    `${round} damaged messages, each on a link of its own: ${accepted.length} taken; ${values} values before\n`,
  );
  expect(accepted).toEqual([]);
  expect(values).toBeGreaterThan(0);
});
