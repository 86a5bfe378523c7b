// From notification messages to batches: the hot path. One batch per message; a tag is found by its client handle in
// an array. What the server admits to have lost (overflow bit) becomes a gap record.

import { DataChangeNotification, type NotificationMessage, StatusChangeNotification } from 'node-opcua-client';
import { BatchBuilder } from '../../../model/batch.ts';
import { Fault } from '../../../model/fault.ts';
import { hasOverflow, isBad, SEMANTICS_CHANGED, StatusCode } from '../../../model/status.ts';
import type { Timestamp } from '../../../model/time.ts';
import type { Sink } from '../../adapter.ts';
import type { Known } from '../source/failover.ts';
import { faultOf } from '../source/faults.ts';
import type { OpcUaTag } from '../source/options.ts';
import { GONE, type Roster } from '../source/roster.ts';
import { isUnreadable } from '../source/unreadable.ts';
import { type RawList, rawValues, undecodable, ValueReader } from '../values/raw.ts';
import type { Types } from '../values/types.ts';
import { type Overlap, overlap } from './overlap.ts';

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
  /** A new link, or messages are missing: what comes from now on is first. */
  renew(): Stretch;
  /** The stretch since the last `renew`. */
  stretch(): Stretch;
  /** Notes a reading that came by another way. */
  saw(position: number, time: Timestamp, status?: number): void;
  /** What was delivered of each tag last: a copy. */
  known(): Pick<Known, 'latest' | 'bad'>;
  /** Goes on where another server was left: what that one delivered is not delivered again. */
  follow(known: Pick<Known, 'latest' | 'bad' | 'behind'>): Overlap;
  /** From now on whatever comes is news. */
  part(): void;
}

/** What happens seldom, counted over the life of the process. */
export interface Counts {
  /** Values next to which a server's queue had dropped others. */
  overflows: number;
  /** Messages that were missing and had again. */
  republished: number;
  /** Messages that are missing for good. */
  lost: number;
}

/** From one `renew` to the next, after which it stays as it is. */
export interface Stretch {
  /** Time of the newest reading of the tag before it; -Infinity when there was none. */
  before(position: number): Timestamp;
  /** Time of the first reading of the tag in it; Infinity while there is none. */
  after(position: number): Timestamp;
}

/** What values say beside their value; told after they were delivered. */
export interface Remarks {
  /** The gap that an overflow made was recorded; by position, the readings at its ends. */
  overflowed(ends: ReadonlyMap<number, Ends>, from: Timestamp, to: Timestamp): void;
  /** Range, unit or meaning of these tags is not what it was (OPC 10000-4 section 7.39, SemanticsChanged). */
  changed(positions: readonly number[]): void;
  /** The nodes of these tags cannot be read any more; by position, the status. */
  vanished(statuses: ReadonlyMap<number, number>, sink: Sink): void;
  /** Of these they can be read again. */
  back(positions: readonly number[], sink: Sink): void;
}

export interface Ends {
  readonly from: Timestamp;
  readonly to: Timestamp;
}

/** The remarks of one message. */
interface Marks {
  readonly lossy: Map<number, Ends>;
  readonly changed: Set<number>;
  readonly vanished: Map<number, number>;
  readonly back: Set<number>;
}

export function receiver(roster: Roster, remarks: Remarks, counts: Counts): Receiver {
  const builder = new BatchBuilder();
  const positions: number[] = []; // by client handle
  const free: number[] = [];
  /** Those whose last value says that their node cannot be read. */
  const vanished = new Set<number>();
  let latest = new Float64Array(roster.tags.length).fill(-Infinity);
  let first = new Float64Array(roster.tags.length).fill(Infinity);
  /** By position; 1: the newest reading is Bad. */
  let bad = new Uint8Array(roster.tags.length);
  let beside: Overlap | undefined;
  let columns = { before: new Float64Array(), after: first };
  /** Positions of the readings of one message. */
  let came = new Int32Array(1_024);

  /** Room for tags that came since. */
  const grow = () => {
    latest = longer(latest, roster.tags.length, -Infinity);
    first = longer(first, roster.tags.length, Infinity);
    const more = new Uint8Array(roster.tags.length);
    more.set(bad);
    bad = more;
    columns.after = first;
  };

  /** What a value says beside its value. */
  const mark = (marks: Marks | undefined, position: number, status: number, time: Timestamp): Marks | undefined => {
    const lossy = hasOverflow(status);
    const changed = (status & SEMANTICS_CHANGED) !== 0;
    const gone = isUnreadable(status);
    if (!lossy && !changed && gone === vanished.has(position)) return marks;
    const noted = marks ?? { lossy: new Map(), changed: new Set(), vanished: new Map(), back: new Set() };
    if (lossy) {
      counts.overflows += 1;
      beside?.admitted(position);
      const before = latest[position] as number;
      const from = noted.lossy.get(position)?.from ?? (before === -Infinity ? time : before);
      // The clock of the server may have been set back in between.
      noted.lossy.set(position, { from: Math.min(from, time), to: time });
    }
    if (changed) noted.changed.add(position);
    if (gone) {
      vanished.add(position);
      noted.vanished.set(position, status);
      noted.back.delete(position);
    } else if (vanished.delete(position)) {
      noted.back.add(position);
      noted.vanished.delete(position);
    }
    return noted;
  };

  const tell = ({ lossy, changed, vanished, back }: Marks, sink: Sink) => {
    if (lossy.size > 0) {
      const tags = [...lossy.keys()].map((position) => (roster.tags[position] as OpcUaTag).name);
      let from = Infinity;
      let to = -Infinity;
      for (const ends of lossy.values()) {
        from = Math.min(from, ends.from);
        to = Math.max(to, ends.to);
      }
      sink.gap({ reason: 'source-overflow', tags, from, to });
      remarks.overflowed(lossy, from, to);
    }
    if (changed.size > 0) remarks.changed([...changed]);
    if (vanished.size > 0) remarks.vanished(vanished, sink);
    if (back.size > 0) remarks.back([...back], sink);
  };

  const dataChange = (
    change: DataChangeNotification,
    sink: Sink,
    types: Types | undefined,
    rounds = 0,
  ): Promise<void> | undefined => {
    const list = rawValues(change);
    if (list === undefined) return undefined;
    const { indices } = roster;
    const learn = () => types?.learn().then(() => dataChange(change, sink, types, rounds + 1));
    const mayLearn = types !== undefined && rounds < MOST_ROUNDS;
    let count = 0;
    try {
      // Whether a reading is news is asked once of each.
      if (beside !== undefined && mayLearn && isWanting(list, types)) return learn();
      const values = new ValueReader(list, types);
      for (let i = 0; i < values.count; i++) {
        const position = positions[values.handle()] ?? NOBODY;
        values.next();
        if (position === NOBODY || indices[position] === GONE) continue;
        if (beside !== undefined && !beside.isNews(position, values.time)) continue;
        values.push(builder, indices[position] as number);
        // How many there are is the server's word only.
        if (count === came.length) came = doubled(came);
        came[count++] = position;
      }
    } catch (error) {
      // What was read of it so far is not to be trusted either.
      builder.take();
      throw undecodable(error);
    }
    if (mayLearn && types.wanting) {
      builder.take();
      return learn();
    }
    if (count === 0) return undefined;
    const batch = builder.take();
    let marks: Marks | undefined;
    for (let i = 0; i < count; i++) {
      const position = came[i] as number;
      const time = batch.time[i] as number;
      const status = batch.status[i] as number;
      if (status !== 0 || vanished.size > 0) marks = mark(marks, position, status, time);
      latest[position] = time;
      bad[position] = status >>> 31;
      if (first[position] === Infinity) first[position] = time;
    }
    sink.deliver(batch);
    if (marks) tell(marks, sink);
    return undefined;
  };

  return {
    handle(position) {
      if (position >= latest.length) grow();
      vanished.delete(position);
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
    renew() {
      const before = latest.slice();
      first = new Float64Array(latest.length).fill(Infinity);
      // Whoever holds the stretch before keeps what it was.
      columns = { before, after: first };
      return stretchOf(columns);
    },
    stretch: () => stretchOf(columns),
    known: () => ({ latest: latest.slice(), bad: bad.slice() }),
    follow(known) {
      const length = Math.max(latest.length, known.latest.length);
      latest = longer(known.latest, length, -Infinity);
      bad = new Uint8Array(length);
      bad.set(known.bad);
      first = new Float64Array(length).fill(Infinity);
      columns = { before: latest.slice(), after: first };
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
        } else if (notification instanceof StatusChangeNotification) {
          const { value } = notification.status;
          if (turn === undefined) ended(value);
          else turn = turn.then(() => ended(value));
        }
      }
      return turn;
    },
  };
}

function doubled(list: Int32Array): Int32Array<ArrayBuffer> {
  const more = new Int32Array(2 * list.length);
  more.set(list);
  return more;
}

/** Whether there is a type in it that must be learned first. */
function isWanting(list: RawList, types: Types): boolean {
  const values = new ValueReader(list, types);
  for (let i = 0; i < values.count; i++) {
    values.handle();
    values.next();
  }
  return types.wanting;
}

const stretchOf = (columns: { readonly before: Float64Array; readonly after: Float64Array }): Stretch => ({
  before: (position) => columns.before[position] ?? -Infinity,
  after: (position) => columns.after[position] ?? Infinity,
});

function longer(column: Float64Array, length: number, filler: number): Float64Array<ArrayBuffer> {
  const long = new Float64Array(length).fill(filler);
  long.set(column);
  return long;
}

/** The server tells that the subscription belongs to another session now. */
export const isTransfer = ({ notificationData }: NotificationMessage): boolean =>
  notificationData?.length === 1 &&
  notificationData[0] instanceof StatusChangeNotification &&
  notificationData[0].status.value === StatusCode.GoodSubscriptionTransferred;

/** The server tells that a subscription ended (@throws Fault), or something about it that changes nothing for us. */
export function ended(status: number): void {
  if (!isBad(status) && status !== StatusCode.GoodSubscriptionTransferred) return;
  throw new Fault('source.closed', faultOf(status, 'the subscription has ended').message);
}
