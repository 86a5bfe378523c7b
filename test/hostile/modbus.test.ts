// Devices and networks that lie, stutter, hang up and answer too late, over every way there is. Whatever comes, no
// wrong value is ever Good: every register proves which address and which request it was read for. What is well goes
// on, and nothing is left behind.

import { describe, expect, type TestContext, test } from 'vitest';
import { Fault } from '../../agent/src/model/fault.ts';
import { isGood, statusName } from '../../agent/src/model/status.ts';
import { polled } from '../adapters/modbus/polled.ts';
import { tag } from '../adapters/modbus/tags.ts';
import type { Recorder } from '../adapters/recorder.ts';
import { haveSocat } from '../support/serial-line.ts';
import { until } from '../support/until.ts';
import {
  type Ask,
  checked,
  framed,
  honest,
  numbered,
  type Peer,
  peer,
  proof,
  type Reach,
  type Way,
} from './modbus-peer.ts';

/** A unit that is well, so that the source is never given up. */
const WELL = tag(5_000, 'holding:5000', { unitId: 2, poll: 20 });

/** Two blocks of the same size, so that a reply to one could be taken for a reply to the other. */
const TAGS = [100, 1_000].flatMap((start) =>
  Array.from({ length: 10 }, (_, i) => tag(start + i, `holding:${start + i}`, { poll: 20 })),
);

const STREAMS: readonly Way[] = ['tcp', 'rtu-over-tcp', 'rtu'];
const SOCKETS: readonly Way[] = ['tcp', 'rtu-over-tcp'];
const LINES: readonly Way[] = ['rtu-over-tcp', 'rtu'];
const NUMBERED: readonly Way[] = ['tcp', 'udp'];
const EVERY: readonly Way[] = ['tcp', 'udp', 'rtu-over-tcp', 'rtu'];
const WAYS = haveSocat() ? EVERY : EVERY.filter((way) => way !== 'rtu');

type Answer = (to: Reach, ask: Ask, way: Way) => void;

interface Trick {
  readonly answer: Answer;
  readonly ways: readonly Way[];
  /** What the readings of the request are: failed, refused, or as good as any. */
  readonly ends: 'bad' | 'refused' | 'good';
  /** A connection that was in use and is closed is made anew at once: that is no failure unless it goes on. */
  readonly mended?: boolean;
}

const whole = (way: Way, ask: Ask): Buffer => framed(way, ask, honest(ask));

/** Another PDU in a right envelope. */
const pdu = (make: (ask: Ask) => Buffer, ways = EVERY): Trick => ({
  answer: (to, ask, way) => to.write(framed(way, ask, make(ask))),
  ways,
  ends: 'bad',
});

/** The right reply with bytes changed; on lines with a checksum that is right again. */
const changed = (change: (bytes: Buffer, ask: Ask, unit: number) => void, ways: readonly Way[] = NUMBERED): Trick => ({
  answer(to, ask, way) {
    const bytes = numbered(way) ? whole(way, ask) : whole(way, ask).subarray(0, -2);
    change(bytes, ask, numbered(way) ? 6 : 0);
    to.write(numbered(way) ? bytes : checked(bytes));
  },
  ways,
  ends: 'bad',
});

const raw = (make: (right: Buffer) => Buffer, ways: readonly Way[] = EVERY, ends: Trick['ends'] = 'bad'): Trick => ({
  answer: (to, ask, way) => to.write(make(whole(way, ask))),
  ways,
  ends,
});

const TRICKS: Record<string, Trick> = {
  'length 0': changed((bytes) => bytes.writeUInt16BE(0, 4)),
  'length 1': changed((bytes) => bytes.writeUInt16BE(1, 4)),
  'length 65535': changed((bytes) => bytes.writeUInt16BE(65_535, 4)),
  'length one short': changed((bytes) => bytes.writeUInt16BE(bytes.length - 7, 4)),
  'length one long': changed((bytes) => bytes.writeUInt16BE(bytes.length - 5, 4)),
  'protocol id 1': changed((bytes) => bytes.writeUInt16BE(1, 2)),
  'the transaction before': changed((bytes, ask) => bytes.writeUInt16BE((ask.transaction - 1) & 0xffff, 0)),
  'another transaction, 256 later': changed((b, ask) => b.writeUInt16BE((ask.transaction + 256) & 0xffff, 0)),
  'another unit': changed((bytes, _, unit) => bytes.writeUInt8(2, unit), EVERY),
  'unit 0': changed((bytes, _, unit) => bytes.writeUInt8(0, unit), EVERY),
  'another table': changed((bytes, _, unit) => bytes.writeUInt8(4, unit + 1), EVERY),
  'a write function': changed((bytes, _, unit) => bytes.writeUInt8(16, unit + 1), EVERY),
  'a byte count that is short': changed((bytes, _, unit) => bytes.writeUInt8(18, unit + 2), EVERY),
  'a byte count that is long': changed((bytes, _, unit) => bytes.writeUInt8(22, unit + 2), EVERY),
  'a byte count of 0': changed((bytes, _, unit) => bytes.writeUInt8(0, unit + 2), EVERY),
  'an exception of another function': pdu(() => Buffer.from([0x84, 2])),
  'fewer registers, consistently': pdu((ask) => honest(ask, -1)),
  'more registers, consistently': pdu((ask) => honest(ask, 1)),
  'a PDU of one byte': pdu((ask) => Buffer.from([ask.function])),
  'a PDU without data': pdu((ask) => Buffer.from([ask.function, 20])),
  'a long exception': pdu(() => Buffer.from([0x83, 2, 0])),
  'an exception without code': pdu(() => Buffer.from([0x83])),
  'the faulty reply of another client': raw(() => Buffer.from('00040000000500030A0004', 'hex')),
  'the faulty exception of pymodbus issue 1917': raw(() => Buffer.from('0186020001', 'hex')),
  'the envelope of another way': {
    answer: (to, ask, way) => to.write(framed(numbered(way) ? 'rtu' : 'tcp', ask, honest(ask))),
    ways: EVERY,
    ends: 'bad',
  },
  text: raw(() => Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')),
  'a megabyte': raw(() => Buffer.alloc(1_000_000, 0x01), SOCKETS),
  'ten thousand bytes': raw(() => Buffer.alloc(10_000, 0x01), LINES),
  'a reply and another in one piece': raw((right) => Buffer.concat([right, right])),
  'noise in front': raw((right) => Buffer.concat([Buffer.from([0xff, 0x00, 0x55]), right]), NUMBERED),
  'noise in front, on a line': raw((right) => Buffer.concat([Buffer.from([0xff, 0x01, 0x03]), right]), LINES, 'good'),
  'noise behind, on a line': raw((right) => Buffer.concat([right, Buffer.from([0xff, 0x00])]), LINES, 'good'),
  'an echo of the request': {
    answer(to, ask, way) {
      const request = Buffer.from([ask.unit, ask.function, ask.start >> 8, ask.start & 0xff, 0, ask.quantity]);
      to.write(Buffer.concat([checked(request), whole(way, ask)]));
    },
    ways: LINES,
    ends: 'good',
  },
  'the late reply of another unit in front': {
    answer: (to, ask, way) =>
      to.write(Buffer.concat([framed(way, { ...ask, unit: 7 }, honest({ ...ask, number: 9_999 })), whole(way, ask)])),
    ways: LINES,
    ends: 'good',
  },
  'a wrong checksum': raw((right) => Buffer.concat([right.subarray(0, -1), Buffer.from([right.at(-1)! ^ 1])]), LINES),
  'a flipped bit': raw((right) => {
    const bytes = Buffer.from(right);
    bytes[8]! ^= 4;
    return bytes;
  }, LINES),
  'nothing but noise': raw(() => Buffer.alloc(700, 0x55), LINES),
  'exception 0': { ...pdu(() => Buffer.from([0x83, 0])), ends: 'refused' },
  'exception 255': { ...pdu(() => Buffer.from([0x83, 255])), ends: 'refused' },
  'no answer': { answer() {}, ways: EVERY, ends: 'bad' },
  'half an answer': raw((right) => right.subarray(0, 15)),
  'byte after byte, too slowly': {
    answer: (to, ask, way) => drip(whole(way, ask), to, 40),
    ways: STREAMS,
    ends: 'bad',
  },
  'byte after byte': { answer: (to, ask, way) => drip(whole(way, ask), to, 0), ways: STREAMS, ends: 'good' },
  'FIN before the answer': { answer: (to) => to.end(), ways: SOCKETS, ends: 'bad', mended: true },
  'FIN in the middle': {
    answer: (to, ask, way) => to.end(whole(way, ask).subarray(0, 15)),
    ways: SOCKETS,
    ends: 'bad',
    mended: true,
  },
  'RST in the middle': {
    answer(to, ask, way) {
      to.write(whole(way, ask).subarray(0, 15));
      to.reset();
    },
    ways: SOCKETS,
    ends: 'bad',
    mended: true,
  },
  'a doubled datagram': {
    answer(to, ask, way) {
      for (let i = 0; i < 3; i++) to.write(whole(way, ask));
    },
    ways: ['udp'],
    ends: 'good',
  },
  'a right answer from another address': {
    answer: (to, ask, way) => to.forge(whole(way, ask)),
    ways: ['udp'],
    ends: 'bad',
  },
  'a forged answer from another address in front': {
    answer(to, ask, way) {
      to.forge(framed(way, ask, honest({ ...ask, number: 9_999 })));
      to.write(whole(way, ask));
    },
    ways: ['udp'],
    ends: 'good',
  },
};

function drip(bytes: Buffer, to: Reach, pause: number): void {
  bytes.forEach((_, i) => {
    setTimeout(() => to.write(bytes.subarray(i, i + 1)), i * pause);
  });
}

interface Scene {
  readonly peer: Peer;
  readonly sink: Recorder;
  ended(): unknown;
  close(): Promise<void>;
}

/** An adapter at work on a device with these manners. Readings carry the number of the newest request as their time. */
async function scene(way: Way, answer: Answer, context: TestContext, timeout: number, tags = TAGS): Promise<Scene> {
  const made = await peer(way, (ask, to) => answer(to, ask, way));
  context.onTestFinished(() => made.stop());
  const run = await polled(made.transport, tags, {
    timeout,
    clock: () => made.asks.length - 1,
    maxGap: 0,
    finished: context.onTestFinished,
    patience: { firstProbe: 20, lastProbe: 100, refusal: 500 },
  });
  return { peer: made, sink: run.sink, ended: () => run.ended, close: () => run.close() };
}

/** Good readings whose value is not what their register held for the request that was under way. */
function lies({ readings }: Recorder): unknown[] {
  return readings.filter(({ tag, status, value, time }) => isGood(status) && value !== proof(tag, time));
}

const goods = ({ readings }: Recorder) => readings.filter(({ status }) => isGood(status)).length;
const statuses = ({ readings }: Recorder) => new Set(readings.map(({ status }) => statusName(status)));

const STATUS: Readonly<Record<Trick['ends'], readonly string[]>> = {
  bad: ['BadCommunicationError', 'BadTimeout'],
  refused: ['BadDeviceFailure'],
  good: [],
};

const cases = WAYS.flatMap((way) =>
  Object.entries(TRICKS)
    .filter(([, { ways }]) => ways.includes(way))
    .map(([name, trick]) => [way, name, trick] as const),
);

describe.concurrent('now and then', () => {
  test.for(cases)('%s: %s', async ([way, , { answer, ends, mended }], context) => {
    let asked = 0;
    const sometimes: Answer = (to, ask) => {
      if (ask.unit === 1 && asked++ % 4 === 1) answer(to, ask, way);
      else to.write(whole(way, ask));
    };
    // A loaded machine must not make a timeout of what is harmless.
    const { sink, ...run } = await scene(way, sometimes, context, ends === 'good' ? 2_000 : 300, [...TAGS, WELL]);
    await until('tricks and good answers', () => {
      if (run.ended() !== undefined) throw new Error('run ended', { cause: run.ended() });
      return asked >= 12 && goods(sink) >= 60;
    });
    await run.close();
    expect(lies(sink)).toEqual([]);
    expect(sink.faults()).toEqual([]);
    const odd = [...statuses(sink)].filter((name) => name !== 'Good' && !STATUS[ends].includes(name));
    expect(odd.filter((name) => ends === 'good' || name !== 'BadTimeout')).toEqual([]);
    if (ends !== 'good' && !mended) expect(statuses(sink).size).toBeGreaterThan(1);
    await until('no connection left', () => run.peer.open === 0);
  });
});

describe.concurrent('always', () => {
  test.for(cases.filter(([, , { ends }]) => ends === 'bad'))('%s: %s', async ([way, , { answer }], context) => {
    const { sink, ...run } = await scene(way, answer, context, 40);
    const ended = await until('the end', run.ended);
    expect(ended instanceof Fault ? ended.class : ended).toBe('session');
    expect([...statuses(sink)].filter((name) => !STATUS.bad.includes(name))).toEqual([]);
    expect(sink.faults()).toEqual([]);
    // Each tag was told bad, once for each way in which it failed.
    for (const { index } of TAGS) expect(sink.of(index).length).toBeOneOf([1, 2]);
    await until('no connection left', () => run.peer.open === 0);
  });
});

/** Answers late: nothing at first, then to every request the answer to the one before. */
function oneBehind(): Answer {
  let held: Buffer | undefined;
  return (to, ask, way) => {
    const late = held;
    held = whole(way, ask);
    if (late) to.write(late);
  };
}

/** Every fourth answer comes during the next request, in front of that one's own. */
function overtaken(): Answer {
  let held: Buffer | undefined;
  let asked = 0;
  return (to, ask, way) => {
    const late = held;
    held = undefined;
    if (ask.unit === 1 && asked++ % 4 === 1) held = whole(way, ask);
    else {
      if (late) to.write(late);
      setTimeout(() => to.write(whole(way, ask)), late ? 3 : 0);
    }
  };
}

/**
 * Every fourth answer comes by itself, after its request was given up. On a line the device does one thing after the
 * other, so that what it is asked meanwhile is answered behind it; on a network it need not.
 */
function afterwards(): Answer {
  let asked = 0;
  let free = 0;
  return (to, ask, way) => {
    const late = ask.unit === 1 && asked++ % 4 === 1;
    const takes = late ? 260 + (asked % 3) * 50 : 0;
    const now = performance.now();
    const begin = numbered(way) ? now : Math.max(now, free);
    free = begin + takes;
    setTimeout(() => to.write(whole(way, ask)), free - now);
  };
}

/** Answers come in pairs, the second first. */
function reordered(): Answer {
  let held: Buffer | undefined;
  return (to, ask, way) => {
    if (ask.number % 5 === 1) held = whole(way, ask);
    else {
      to.write(whole(way, ask));
      if (held) to.write(held);
      held = undefined;
    }
  };
}

describe.concurrent('late replies never become values', () => {
  test.for(WAYS)('%s: each reply is the one to the request before', async (way, context) => {
    const { sink, ...run } = await scene(way, oneBehind(), context, 60);
    const ended = await until('the end', run.ended);
    expect(ended instanceof Fault ? ended.class : ended).toBe('session');
    expect(lies(sink)).toEqual([]);
    expect(goods(sink)).toBe(0);
  });

  const manners = { overtaken, afterwards, reordered };
  const all = WAYS.flatMap((way) =>
    Object.entries(manners)
      .filter(([name]) => name !== 'reordered' || numbered(way))
      .map(([name, answer]) => [way, name, answer] as const),
  );
  test.for(all)('%s: %s', async ([way, , answer], context) => {
    const { sink, ...run } = await scene(way, answer(), context, 250, [...TAGS, WELL]);
    await until('many requests, and good answers after failures', () => {
      if (run.ended() !== undefined) throw new Error('run ended', { cause: run.ended() });
      return run.peer.asks.length >= 60 && goods(sink) >= 150;
    });
    await run.close();
    expect(lies(sink)).toEqual([]);
    expect(statuses(sink).has('Good')).toBe(true);
  });
});
