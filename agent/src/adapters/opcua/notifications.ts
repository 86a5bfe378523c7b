// From notification messages to batches: the hot path. One batch per message; a tag is found by its client handle in
// an array. What the server admits to have lost (overflow bit) becomes a gap record.

import { DataChangeNotification, type NotificationMessage, StatusChangeNotification } from 'node-opcua-client';
import { BatchBuilder } from '../../model/batch.ts';
import { Fault } from '../../model/fault.ts';
import { hasOverflow, isBad } from '../../model/status.ts';
import type { Timestamp } from '../../model/time.ts';
import type { Sink } from '../adapter.ts';
import { faultOf } from './faults.ts';
import type { OpcUaTag } from './options.ts';
import { rawValues, ValueReader } from './raw.ts';

const NOBODY = -1;

export interface Receiver {
  /** A new client handle for the tag at this position. */
  handle(position: number): number;
  /** Whatever still comes for this handle is nobody's. */
  forget(handle: number): void;
  /** The server did not take the handle: it may be given out again. */
  release(handle: number): void;
  /** Takes a message. @throws Fault when the server ended the subscription */
  take(message: NotificationMessage, sink: Sink): void;
  /** Time of the newest reading of the tag at this position; -Infinity before the first. */
  latest(position: number): Timestamp;
  /** Time of the first reading of the tag since `renew`; Infinity before it. */
  first(position: number): Timestamp;
  /** A new link: what comes from now on is first. */
  renew(): void;
  /** Notes a reading that came by another way. */
  saw(position: number, time: Timestamp): void;
  /** Values of the hot path since the start, and those that a server's queue had dropped others next to. */
  readonly overflows: number;
}

/** @param overflowed told of every gap that an overflow makes, after it was recorded */
export function receiver(
  tags: readonly OpcUaTag[],
  overflowed: (positions: readonly number[], from: Timestamp, to: Timestamp) => void,
): Receiver {
  const builder = new BatchBuilder();
  const positions: number[] = []; // by client handle
  const free: number[] = [];
  const indices = Uint32Array.from(tags, (tag) => tag.index);
  const latest = new Float64Array(tags.length).fill(-Infinity);
  const first = new Float64Array(tags.length).fill(Infinity);
  let overflows = 0;

  const dataChange = (change: DataChangeNotification, sink: Sink) => {
    const list = rawValues(change);
    if (list === undefined) return;
    const values = new ValueReader(list);
    let lossy: Set<number> | undefined;
    let from = Infinity;
    let to = -Infinity;
    for (let i = 0; i < values.count; i++) {
      const position = positions[values.handle()] ?? NOBODY;
      values.next();
      if (position === NOBODY) continue;
      const { time } = values;
      values.push(builder, indices[position] as number);
      if (hasOverflow(values.status)) {
        overflows += 1;
        lossy ??= new Set();
        lossy.add(position);
        const before = latest[position] as number;
        from = Math.min(from, before === -Infinity ? time : before);
        to = Math.max(to, time);
      }
      latest[position] = time;
      if (first[position] === Infinity) first[position] = time;
    }
    if (builder.count > 0) sink.deliver(builder.take());
    if (lossy) {
      const names = [...lossy].map((position) => (tags[position] as OpcUaTag).name);
      sink.gap({ reason: 'source-overflow', tags: names, from, to });
      overflowed([...lossy], from, to);
    }
  };

  return {
    handle(position) {
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
    latest: (position) => latest[position] as number,
    first: (position) => first[position] as number,
    renew: () => {
      first.fill(Infinity);
    },
    saw: (position, time) => {
      latest[position] = time;
      if (first[position] === Infinity) first[position] = time;
    },
    take({ notificationData }, sink) {
      for (const notification of notificationData ?? []) {
        if (notification instanceof DataChangeNotification) dataChange(notification, sink);
        else if (notification instanceof StatusChangeNotification) ended(notification.status.value);
      }
    },
    get overflows() {
      return overflows;
    },
  };
}

/** The server tells that a subscription ended, or something about it that changes nothing for us. */
function ended(status: number): void {
  if (!isBad(status)) return;
  throw new Fault('source.closed', faultOf(status, 'the subscription has ended').message);
}
