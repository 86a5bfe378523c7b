// Servers that misbehave on the wire while readings flow: wrong envelopes, chunks without end, contents that are bombs. No
// crash, bounded memory, another source that goes on; the reason is told where the link ends, and once the server
// behaves again readings flow as if nothing had been.

import type { Socket } from 'node:net';
import type { AddressSpace } from 'node-opcua-address-space';
import { DataType, Variant } from 'node-opcua-client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isGood } from '../../agent/src/model/status.ts';
import { openly, QUICK, type SmallServer, smallServer, tagsOf } from '../adapters/opcua/rig.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { changes, isPublish, oneValue, published, variant, type Wish } from './publish-frame.ts';
import { drip, flood, frame, relay, uint32 } from './raw-peer.ts';
import { type Accepted, endure, type Neighbour, startNeighbour, watch } from './watched.ts';

let small: SmallServer;
let neighbour: Neighbour;
const pki = scratch();
let count = 0;

beforeAll(async () => {
  neighbour = await startNeighbour();
  const fill = (space: AddressSpace) => {
    const namespace = space.registerNamespace('urn:plc');
    for (const name of ['A', 'B']) {
      namespace.addVariable({
        organizedBy: space.rootFolder.objects,
        browseName: name,
        nodeId: `s=${name}`,
        dataType: DataType.Double,
        minimumSamplingInterval: 50,
        value: { get: () => new Variant({ dataType: DataType.Double, value: name === 'A' ? count++ : 7 }) },
      });
    }
  };
  // A link that is cut leaves its session behind for a while.
  small = await smallServer(fill, { capabilities: { maxSessions: 1_000 } });
});
afterAll(async () => {
  await small?.stop();
  await neighbour?.stop();
});

/** Takes the place of a frame that the server sends while the attack lasts. */
type Attack = (message: Buffer, near: Socket) => void;

/**
 * A source behind a relay that attacks it, once readings flow, until `over` says so.
 * @returns what was read during the attack, and why the link ended; empty when it did not
 */
async function attacked(attack: Attack, over: (read: readonly Accepted[], reason: string) => boolean) {
  let armed = false;
  const wire = await relay(small.port, (message, near) => (armed ? attack(message, near) : void near.write(message)));
  const read: Accepted[] = [];
  const options = openly(wire.endpoint, pki, tagsOf(['nsu=urn:plc;s=A', 'nsu=urn:plc;s=B']));
  const source = watch(options, { ...QUICK, keepAlive: 800 }, (reading) => read.push(reading));
  const flows = async () => {
    const { length } = read;
    await until('it reads', () => read.slice(length).some(({ tag, status }) => tag === 0 && isGood(status)), 25_000);
  };
  try {
    await flows();
    read.length = 0;
    armed = true;
    let reason = '';
    await endure(neighbour, 'the attack', () => {
      reason = source.reason() || reason;
      return over(read, reason);
    });
    const during = { read: [...read], reason, log: source.log.join('\n') };
    armed = false;
    await flows();
    return during;
  } finally {
    await source.supervisor.stop();
    await wire.stop();
  }
}

const told = (_: unknown, reason: string) => reason !== '';

const spoilt = (spoil: (message: Buffer) => Buffer) => (message: Buffer, near: Socket) =>
  void near.write(spoil(message));
const with32 = (at: number, change: (number: number) => number) =>
  spoilt((message) => {
    message.writeUInt32LE(change(message.readUInt32LE(at)) >>> 0, at);
    return message;
  });

describe.concurrent('an envelope', { timeout: 60_000 }, () => {
  test.each<[string, Attack]>([
    ['sent twice', spoilt((message) => Buffer.concat([message, message]))],
    ['of rubbish', spoilt((message) => Buffer.alloc(message.length, 0x5a))],
    ['that is good, of rubbish', spoilt((message) => message.fill(0xff, 24))],
    ['of no size', with32(4, () => 0)],
    ['of 7 bytes', with32(4, () => 7)],
    ['of 12 bytes', spoilt((message) => frame('MSGF', message.subarray(8, 12)))],
    ['of 4 GB', with32(4, () => 0xffff_ffff)],
    ['one byte too short', with32(4, (size) => size - 1)],
    ['one byte too long', with32(4, (size) => size + 1)],
    ['cut off', (message, near) => void near.end(message.subarray(0, 17))],
    ['cut off, and then silence', (message, near) => void near.write(message.subarray(0, 17))],
    ['with a sequence number ahead', with32(16, (number) => number + 1_000)],
    ['with a sequence number back', with32(16, (number) => number - 100)],
    ['for a request nobody made', with32(20, () => 4_000_000)],
    ['for request 0', with32(20, () => 0)],
    ['of an error', spoilt(() => frame('ERRF', uint32(0x8002_0000, 0xffff_ffff)))],
    ['of an error with a reason of 2 GB', spoilt(() => frame('ERRF', uint32(0x8002_0000, 0x7fff_ffff)))],
    ['given up half way', spoilt((message) => frame('MSGA', message.subarray(8)))],
    ['of a chunk mark that does not exist', spoilt((message) => frame('MSGX', message.subarray(8)))],
    ['of an acknowledgement', spoilt(() => frame('ACKF', uint32(0, 1, 1, 1, 1)))],
    ['of a new channel', spoilt((message) => frame('OPNF', message.subarray(8)))],
    ['byte by byte', (message, near) => drip(near, message, 300)],
    ['that never comes', () => {}],
    ['in chunks without end', (message, near) => flood(near, frame('MSGC', chunkLike(message)))],
    ['in chunks of nothing without end', (message, near) => flood(near, frame('MSGC', message.subarray(8, 24)))],
  ])('%s ends the link, and the reason is told', async (_, attack) => {
    const { reason } = await attacked(attack, told);
    expect(reason).toMatch(/^source\.(closed|protocol|refused|timeout|unready|silent): /);
  });
});

// Without security nobody can tell whose these are: the library takes them, and nothing is worse for it. With security the
// signature covers them (opcua-fuzz.test.ts).
describe.concurrent('an envelope', { timeout: 60_000 }, () => {
  test.each<[string, Attack]>([
    ['of another channel', with32(8, (channel) => channel + 1)],
    ['of another token', with32(12, (token) => token + 1)],
    ['of a closed channel', spoilt((message) => frame('CLOF', message.subarray(8)))],
  ])('%s is taken as the server’s where there is no security', async (_, attack) => {
    const { reason } = await attacked(attack, (read) => read.length > 3);
    expect(reason).toBe('');
  });
});

/** A chunk as the server's, of the largest size. */
const chunkLike = (message: Buffer) => Buffer.concat([message.subarray(8, 24), Buffer.alloc(60_000, 0x11)]);

/** Puts this into the next Publish response, once; what follows it is numbered on. */
function once(wish: Wish): Attack {
  let shift: number | undefined;
  return (message, near) => {
    if (shift === undefined && isPublish(message)) {
      const frames = published(message, wish);
      shift = frames.length - 1;
      for (const each of frames) near.write(each);
      return;
    }
    if (message.toString('latin1', 0, 3) === 'MSG') message.writeUInt32LE(message.readUInt32LE(16) + (shift ?? 0), 16);
    near.write(message);
  };
}

const DEEP = 100_000;
const deep = (...level: readonly number[]) => Buffer.alloc(DEEP * level.length, Buffer.from(level));
const text = (bytes: readonly number[]) => Buffer.concat([uint32(bytes.length), Buffer.from(bytes)]);
const int64 = (value: bigint) => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(value);
  return bytes;
};
const HUGE = 0x7fff_ffff;
const ARRAY = 0x80;
const MATRIX = 0xc0;

/** A bomb in a message: afterwards the source reads on, or the link ended and says why. */
async function bombed(wish: Wish) {
  const { read, reason, log } = await attacked(once(wish), (accepted, why) => why !== '' || accepted.length > 3);
  if (reason !== '') expect(reason).toMatch(/^source\.|: Bad/);
  return { read, log };
}

describe.concurrent('a value', { timeout: 60_000 }, () => {
  test.each<[string, Buffer]>([
    ['array of 2^31-1 doubles', variant(ARRAY | 11, uint32(HUGE))],
    ['array of 2^31-1 booleans', variant(ARRAY | 1, uint32(HUGE))],
    ['array of 2^31-1 bytes', variant(ARRAY | 3, uint32(HUGE))],
    ['array of 2^31-1 Int64', variant(ARRAY | 8, uint32(HUGE))],
    ['array of 2^31-1 texts', variant(ARRAY | 12, uint32(HUGE))],
    ['array of 2^31-1 variants', variant(ARRAY | 24, uint32(HUGE))],
    ['array of 2^31-1 structures', variant(ARRAY | 22, uint32(HUGE))],
    ['array of 50 million doubles', variant(ARRAY | 11, uint32(50_000_000))],
    ['array of -5 doubles', variant(ARRAY | 11, uint32(-5))],
    ['matrix of 65536 by 65536 with one element', variant(MATRIX | 11, uint32(1, 0, 0, 2, 65_536, 65_536))],
    ['matrix of nothing by 2^31-1', variant(MATRIX | 11, uint32(0, 2, 0, HUGE))],
    ['matrix of -1 by -1', variant(MATRIX | 11, uint32(1, 0, 0, 2, -1, -1))],
    ['matrix of 2^31-1 dimensions', variant(MATRIX | 11, uint32(0, HUGE))],
    ['matrix of a million dimensions', variant(MATRIX | 11, uint32(0, 1_000_000), Buffer.alloc(4_000_000, 1))],
    ['of dimensions without an array', variant(0x4b, int64(0n))],
    ['in 100,000 variants', variant(deep(24))],
    ['in 100,000 arrays of variants', variant(deep(ARRAY | 24, 1, 0, 0, 0))],
    ['in 100,000 DataValues', variant(deep(23, 1))],
    ['in 100,000 DiagnosticInfos', variant(25, deep(0x40))],
    ['text of 2 GB', variant(12, uint32(HUGE))],
    ['text of -2 bytes', variant(12, uint32(-2))],
    ['text that is no UTF-8', variant(12, text([0xff, 0xfe, 0xc3, 0x28, 0xed, 0xa0, 0x80]))],
    ['bytes of 2 GB', variant(15, uint32(HUGE))],
    ['time before all times', variant(13, int64(-(2n ** 63n)))],
    ['time after all times', variant(13, int64(2n ** 63n - 1n))],
    ['node id of a kind that does not exist', variant(17, 0x3f, int64(0n))],
    ['GUID of two bytes', variant(14, 1, 2)],
    ['text in all languages', variant(21, 0xff, uint32(HUGE))],
    ['of type 26', variant(26, int64(0n))],
    ['of type 63', variant(63, int64(0n))],
    ['structure of 2 GB', variant(22, Buffer.from([1, 0, 0x2b, 3, 1]), uint32(HUGE))],
    ['structure of -2 bytes', variant(22, Buffer.from([1, 0, 0x2b, 3, 1]), uint32(-2))],
    ['structure in an encoding that does not exist', variant(22, Buffer.from([1, 0, 0x2b, 3, 7]), uint32(0))],
    ['structure that is a message of the protocol', variant(22, Buffer.from([1, 0, 0x3d, 3, 1]), uint32(0))],
    ['with every mark and nothing behind them', Buffer.from([0xff])],
    ['that is missing', Buffer.alloc(0)],
  ])('%s', async (_, value) => {
    const { read } = await bombed({ notifications: oneValue(value) });
    // Whatever became of it, no value of the tag beside it is another than the server's.
    for (const reading of read) if (reading.tag === 1 && isGood(reading.status)) expect(reading.value).toBe(7);
  });

  test('text that is no UTF-8 is a text', async () => {
    const notifications = oneValue(variant(12, text([0x61, 0xff])));
    const { read } = await bombed({ notifications });
    expect(read.map(({ value }) => value)).toContain('a\ufffd');
  });
});

describe.concurrent('a message', { timeout: 60_000 }, () => {
  const item = Buffer.concat([uint32(0), variant(11, int64(0n))]);
  test.each<[string, Wish]>([
    ['of 2^31-1 values', { notifications: changes(uint32(HUGE)) }],
    ['of -5 values', { notifications: changes(uint32(-5)) }],
    ['of 2^31-1 notifications', { notifications: uint32(HUGE) }],
    ['with a notification longer than it', { notifications: changes(uint32(0, -1), HUGE) }],
    ['with a notification shorter than its values', { notifications: changes(Buffer.concat([uint32(1), item]), 6) }],
    ['with a notification of -2 bytes', { notifications: changes(uint32(0, -1), -2) }],
    [
      'with a notification of a type that does not exist',
      { notifications: Buffer.concat([uint32(1), Buffer.from([1, 0, 0xff, 0x7f, 1]), uint32(4, 0)]) },
    ],
    ['with 2^31-1 numbers to be had again', { notifications: uint32(0), available: uint32(HUGE) }],
    ['with diagnostics in 100,000 diagnostics', { notifications: uint32(0), diagnostics: deep(0x40) }],
    [
      'with a million values for handles that nobody gave out',
      {
        notifications: changes(
          Buffer.concat([uint32(1_000_000), Buffer.alloc(5_000_000, Buffer.from([9, 9, 9, 9, 0])), uint32(-1)]),
        ),
      },
    ],
    [
      'with a million values for one tag',
      { notifications: changes(Buffer.concat([uint32(1_000_000), Buffer.alloc(5_000_000), uint32(-1)])) },
    ],
  ])('%s', async (_, wish) => {
    await bombed(wish);
  });

  test('with two million values is more than a message may have', async () => {
    const notifications = changes(Buffer.concat([uint32(2_000_000), Buffer.alloc(20_000_000), uint32(-1)]));
    const { log } = await bombed({ notifications });
    expect(log).toContain('max message size exceeded');
  });
});
