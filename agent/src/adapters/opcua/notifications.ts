// From notification messages to batches: the hot path. One batch per message; a tag is found by its client handle in
// an array. What the server admits to have lost (overflow bit) becomes a gap record.

import { DataChangeNotification, type NotificationMessage, StatusChangeNotification } from 'node-opcua-client';
import { BatchBuilder } from '../../model/batch.ts';
import { describe, Fault } from '../../model/fault.ts';
import { hasOverflow, isBad } from '../../model/status.ts';
import type { Timestamp } from '../../model/time.ts';
import type { Sink } from '../adapter.ts';
import type { Known } from './failover.ts';
import { faultOf } from './faults.ts';
import type { OpcUaTag } from './options.ts';
import { type Overlap, overlap } from './overlap.ts';
import { rawValues, ValueReader } from './raw.ts';
import { GONE, type Roster } from './roster.ts';
import type { Types } from './types.ts';

const NOBODY = -1;

/** Structures in structures are learned one round after the other. */
const MOST_ROUNDS = 32;

export interface Receiver {
  /** A new client handle for the tag at this position. */
  handle(position: number): number;
  /** Whatever still comes for this handle is nobody's. */
  forget(handle: number): void;
  /** The server did not take the handle: it may be given out again. */
  release(handle: number): void;
  /**
   * Takes a message; a promise when types of the server must be learned for it first. @throws Fault `source.closed` when
   * the server ended the subscription, `source.protocol` when the message cannot be decoded
   */
  take(message: NotificationMessage, sink: Sink, types?: Types): Promise<void> | undefined;
  /** Time of the newest reading of the tag at this position; -Infinity before the first. */
  latest(position: number): Timestamp;
  /** Time of the first reading of the tag since `renew`; Infinity before it. */
  first(position: number): Timestamp;
  /** A new link: what comes from now on is first. */
  renew(): void;
  /** Notes a reading that came by another way. */
  saw(position: number, time: Timestamp, status?: number): void;
  /** What was delivered of each tag last: a copy. */
  known(): Pick<Known, 'latest' | 'bad'>;
  /** Goes on where another server was left: what that one delivered is not delivered again. */
  follow(known: Pick<Known, 'latest' | 'bad' | 'behind'>): Overlap;
  /** From now on whatever comes is news. */
  part(): void;
  /** Values of the hot path since the start, and those that a server's queue had dropped others next to. */
  readonly overflows: number;
}

/** @param overflowed told of every gap that an overflow makes, after it was recorded */
export function receiver(
  roster: Roster,
  overflowed: (positions: readonly number[], from: Timestamp, to: Timestamp) => void,
): Receiver {
  const builder = new BatchBuilder();
  const positions: number[] = []; // by client handle
  const free: number[] = [];
  let latest = new Float64Array(roster.tags.length).fill(-Infinity);
  let first = new Float64Array(roster.tags.length).fill(Infinity);
  /** By position; 1: the newest reading is Bad. */
  let bad = new Uint8Array(roster.tags.length);
  let beside: Overlap | undefined;
  let overflows = 0;

  /** Room for tags that came since. */
  const grow = () => {
    latest = longer(latest, roster.tags.length, -Infinity);
    first = longer(first, roster.tags.length, Infinity);
    const more = new Uint8Array(roster.tags.length);
    more.set(bad);
    bad = more;
  };

  const dataChange = (
    change: DataChangeNotification,
    sink: Sink,
    types: Types | undefined,
    rounds = 0,
  ): Promise<void> | undefined => {
    const list = rawValues(change);
    if (list === undefined) return undefined;
    const values = new ValueReader(list, types);
    const { indices } = roster;
    let lossy: Set<number> | undefined;
    let from = Infinity;
    let to = -Infinity;
    try {
      for (let i = 0; i < values.count; i++) {
        const position = positions[values.handle()] ?? NOBODY;
        values.next();
        if (position === NOBODY || indices[position] === GONE) continue;
        const { time } = values;
        if (beside !== undefined && !beside.isNews(position, time)) continue;
        values.push(builder, indices[position] as number);
        if (hasOverflow(values.status)) {
          overflows += 1;
          lossy ??= new Set();
          lossy.add(position);
          beside?.admitted(position);
          const before = latest[position] as number;
          from = Math.min(from, before === -Infinity ? time : before);
          to = Math.max(to, time);
        }
        latest[position] = time;
        bad[position] = values.status >>> 31;
        if (first[position] === Infinity) first[position] = time;
      }
    } catch (error) {
      // What was read of it so far is not to be trusted either.
      builder.take();
      throw new Fault('source.protocol', `a notification cannot be decoded: ${describe(error)}`, error);
    }
    if (types?.wanting && rounds < MOST_ROUNDS) {
      builder.take();
      return types.learn().then(() => dataChange(change, sink, types, rounds + 1));
    }
    if (builder.count > 0) sink.deliver(builder.take());
    if (lossy) {
      const names = [...lossy].map((position) => (roster.tags[position] as OpcUaTag).name);
      sink.gap({ reason: 'source-overflow', tags: names, from, to });
      overflowed([...lossy], from, to);
    }
    return undefined;
  };

  return {
    handle(position) {
      if (position >= latest.length) grow();
      const handle = free.pop() ?? positions.length;
      positions[handle] = position;
      return handle;
    },
    forget: (handle) => {
      positions[handle] = NOBODY;
    },
    release(handle) {
      positions[handle] = NOBODY;
      free.push(handle);
    },
    latest: (position) => latest[position] ?? -Infinity,
    first: (position) => first[position] ?? Infinity,
    renew: () => {
      first.fill(Infinity);
    },
    known: () => ({ latest: latest.slice(), bad: bad.slice() }),
    follow(known) {
      const length = Math.max(latest.length, known.latest.length);
      latest = longer(known.latest, length, -Infinity);
      bad = new Uint8Array(length);
      bad.set(known.bad);
      first = new Float64Array(length).fill(Infinity);
      beside = overlap(known);
      return beside;
    },
    part() {
      beside = undefined;
    },
    saw: (position, time, status = 0) => {
      if (position >= latest.length) grow();
      latest[position] = time;
      bad[position] = status >>> 31;
      if (first[position] === Infinity) first[position] = time;
    },
    take({ notificationData }, sink, types) {
      let turn: Promise<void> | undefined;
      for (const notification of notificationData ?? []) {
        if (notification instanceof DataChangeNotification) {
          if (turn === undefined) turn = dataChange(notification, sink, types);
          else turn = turn.then(() => dataChange(notification, sink, types));
        } else if (notification instanceof StatusChangeNotification) ended(notification.status.value);
      }
      return turn;
    },
    get overflows() {
      return overflows;
    },
  };
}

function longer(column: Float64Array, length: number, filler: number): Float64Array<ArrayBuffer> {
  const long = new Float64Array(length).fill(filler);
  long.set(column);
  return long;
}

/** The server tells that a subscription ended (@throws Fault), or something about it that changes nothing for us. */
export function ended(status: number): void {
  if (!isBad(status)) return;
  throw new Fault('source.closed', faultOf(status, 'the subscription has ended').message);
}
