// From notification messages to batches: the hot path. One batch per message; a tag is found by its client handle in
// an array. What the server admits to have lost (overflow bit, a skipped sequence number) becomes a gap record.

import { DataChangeNotification, type PublishResponse, StatusChangeNotification } from 'node-opcua-client';
import { BatchBuilder } from '../../model/batch.ts';
import { Fault } from '../../model/fault.ts';
import { hasOverflow, isBad } from '../../model/status.ts';
import { now, type Timestamp } from '../../model/time.ts';
import type { Sink } from '../adapter.ts';
import { faultOf } from './faults.ts';
import type { OpcUaTag } from './options.ts';
import { pushReading } from './values.ts';

/** Sequence numbers run from 1 to this and begin again at 1 (OPC 10000-4 section 7.7). */
const LAST_SEQUENCE = 0xffff_ffff;

const NOBODY = -1;

export interface Receiver {
  /** A new client handle for the tag at this position. */
  handle(position: number): number;
  /** Whatever still comes for this handle is nobody's. */
  forget(handle: number): void;
  /** Takes a message. @throws Fault when the server ended the subscription */
  receive(response: PublishResponse): void;
  /** Time of the newest reading of the tag at this position; -Infinity before the first. */
  latest(position: number): Timestamp;
}

/** @param skipped called after a skipped sequence number was recorded as a gap */
export function receiver(tags: readonly OpcUaTag[], sink: Sink, skipped: () => void): Receiver {
  const builder = new BatchBuilder();
  const positions: number[] = []; // by client handle
  const indices = Uint32Array.from(tags, (tag) => tag.index);
  const latest = new Float64Array(tags.length).fill(-Infinity);
  let lastSequence = 0;
  let lastData = now();

  const dataChange = (change: DataChangeNotification) => {
    let overflowed: number[] | undefined;
    let from = Infinity;
    let to = -Infinity;
    for (const { clientHandle, value } of change.monitoredItems ?? []) {
      const position = positions[clientHandle] ?? NOBODY;
      if (position === NOBODY) continue;
      const time = pushReading(builder, indices[position] as number, value);
      if (hasOverflow(value.statusCode.value)) {
        overflowed ??= [];
        overflowed.push(position);
        const before = latest[position] as number;
        from = Math.min(from, before === -Infinity ? time : before);
        to = Math.max(to, time);
      }
      latest[position] = time;
    }
    if (builder.count > 0) sink.deliver(builder.take());
    if (overflowed) {
      const names = overflowed.map((position) => (tags[position] as OpcUaTag).name);
      sink.gap({ reason: 'source-overflow', tags: [...new Set(names)], from, to });
    }
  };

  return {
    handle: (position) => positions.push(position) - 1,
    forget: (handle) => {
      positions[handle] = NOBODY;
    },
    latest: (position) => latest[position] as number,
    receive({ notificationMessage: { notificationData, sequenceNumber } }) {
      if (!notificationData?.length) return; // keep-alive: its number is that of the next message
      const expected = lastSequence === LAST_SEQUENCE ? 1 : lastSequence + 1;
      const hole = lastSequence !== 0 && sequenceNumber !== expected;
      const since = lastData;
      lastSequence = sequenceNumber;
      lastData = now();
      if (hole) sink.gap({ reason: 'source-overflow', from: since, to: lastData });
      for (const notification of notificationData) {
        if (notification instanceof DataChangeNotification) dataChange(notification);
        else if (notification instanceof StatusChangeNotification) ended(notification.status.value);
      }
      if (hole) skipped();
    },
  };
}

/** The server tells that a subscription ended, or something about it that changes nothing for us. */
function ended(status: number): void {
  if (!isBad(status)) return;
  throw new Fault('source.closed', faultOf(status, 'the subscription has ended').message);
}
