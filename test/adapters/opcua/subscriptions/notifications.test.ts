// What becomes of a notification message: readings for whom it concerns, nothing for handles that nobody gave out, a
// fault where the server ended the subscription.

import {
  DataChangeNotification,
  DataType,
  EventFieldList,
  EventNotificationList,
  type PublishResponse,
  StatusChangeNotification,
  StatusCodes,
  Variant,
} from 'node-opcua-client';
import { expect, test } from 'vitest';
import { roster } from '../../../../agent/src/adapters/opcua/source/roster.ts';
import { receiver } from '../../../../agent/src/adapters/opcua/subscriptions/notifications.ts';
import { rawValues } from '../../../../agent/src/adapters/opcua/values/raw.ts';
import type { Types } from '../../../../agent/src/adapters/opcua/values/types.ts';
import { Fault } from '../../../../agent/src/model/fault.ts';
import { fromMillis } from '../../../../agent/src/model/time.ts';
import { recorder } from '../../recorder.ts';
import { tagsOf } from '../rig.ts';
import { change, message, patch } from './messages.ts';

const start = () => {
  const sink = recorder();
  const lacks: unknown[] = [];
  const tags = roster(tagsOf(['i=1', 'i=2']), 100);
  const counts = { overflows: 0, republished: 0, lost: 0 };
  const told = { overflowed: (...lack: unknown[]) => lacks.push(lack), changed() {}, vanished() {}, back() {} };
  const receive = receiver(tags, told, counts);
  const take = ({ notificationMessage }: PublishResponse) => receive.take(notificationMessage, sink);
  return { sink, tags, receive, take, handles: [receive.handle(0), receive.handle(1)], lacks };
};

test('handles nobody gave out are nobody’s', () => {
  const { sink, receive, take, handles } = start();
  receive.forget(handles[1]!);
  for (const handle of [handles[1]!, 77, 0xffff_ffff]) take(change(handle, handle, 1));
  expect(sink.readings).toEqual([]);
});

test('of a tag that is gone are nobody’s at once, though its item still stands', () => {
  const { sink, tags, take, handles } = start();
  const late = change(2, handles[0]!, 8);
  take(change(1, handles[0]!, 7));
  tags.become(tagsOf(['i=0', 'i=2']).slice(1), 100);
  take(late);
  take(change(3, handles[1]!, 9));
  expect(sink.readings.map(({ tag, value }) => [tag, value])).toEqual([
    [0, 7],
    [1, 9],
  ]);
});

test.each([StatusCodes.BadTimeout, StatusCodes.GoodSubscriptionTransferred])(
  'a subscription that the server ended, or gave to another client, is a fault: $name',
  (status) => {
    const { take } = start();
    const ended = message(1, [new StatusChangeNotification({ status })]);
    expect(() => take(ended)).toThrow(expect.objectContaining({ code: 'source.closed' }));
  },
);

test('a subscription that ends in the message whose types are being learned when the link breaks', async () => {
  const { sink, receive, handles } = start();
  const [data] = change(1, handles[0]!, 7).notificationMessage.notificationData as [DataChangeNotification];
  const { notificationMessage } = message(1, [data, new StatusChangeNotification({ status: StatusCodes.BadTimeout })]);
  const broken = new Fault('source.closed', 'the link broke');
  const types = { wanting: true, learn: () => Promise.reject(broken) } as unknown as Types;
  const unhandled: unknown[] = [];
  const note = (reason: unknown) => unhandled.push(reason);
  process.on('unhandledRejection', note);
  try {
    await expect((async () => receive.take(notificationMessage, sink, types))()).rejects.toMatchObject({
      code: 'source.closed',
    });
    await new Promise((resolve) => setTimeout(resolve, 50));
  } finally {
    process.removeListener('unhandledRejection', note);
  }
  expect(unhandled).toEqual([]);
});

test('a StatusCode that nobody defined keeps its number', () => {
  const { sink, take, handles } = start();
  // The bytes of Uncertain 0x40ab0000 and Bad 0x8abc1234, which the library would make plain Bad.
  const odd = change(1, handles[0]!, 5, StatusCodes.UncertainLastUsableValue);
  patch(odd, StatusCodes.UncertainLastUsableValue.value, 0x4fab0000);
  take(odd);
  const bad = change(2, handles[1]!, 6, StatusCodes.BadSensorFailure);
  patch(bad, StatusCodes.BadSensorFailure.value, 0x8abc1234);
  take(bad);
  expect(sink.readings.map(({ status, value }) => [status, value])).toEqual([
    [0x4fab0000, 5],
    [0x8abc1234, null],
  ]);
});

test.each([
  ['more items than bytes', 0x7fff_ffff],
  ['a negative number of items', -5],
])('%s end in a fault or in nothing', (_, count) => {
  const { sink, take, handles } = start();
  const broken = change(1, handles[0]!, 5);
  const list = rawValues(broken.notificationMessage.notificationData?.[0] as DataChangeNotification)!;
  list.stream.buffer.writeInt32LE(count, list.at);
  try {
    take(broken);
  } catch (error) {
    expect(error).toMatchObject({ code: 'source.protocol' });
  }
  // Nor does anything of it come with the next message.
  take(change(2, handles[1]!, 6));
  expect(sink.readings.map(({ value }) => value)).toEqual([6]);
});

test('a message that cannot be taken whole says nothing of when its tags were read last', () => {
  const { receive, take, handles } = start();
  take(change(1, handles[0]!, 5));
  const [latest, stretch] = [receive.latest(0), receive.renew()];
  const broken = change(2, handles[0]!, 6, StatusCodes.Good, new Date(Date.now() + 60_000));
  const list = rawValues(broken.notificationMessage.notificationData?.[0] as DataChangeNotification)!;
  list.stream.buffer.writeInt32LE(1_000, list.at);
  expect(() => take(broken)).toThrow(expect.objectContaining({ code: 'source.protocol' }));
  expect(receive.latest(0)).toBe(latest);
  expect(stretch.after(0)).toBe(Infinity);
});

test('what another server delivered is left out, also of a message whose types are learned first', async () => {
  const { sink, receive, handles } = start();
  const [old, same, fresh] = [1_000, 2_000, 3_000].map((ms, i) => {
    const at = new Date(Date.UTC(2026, 0, 1) + ms);
    return change(1, handles[0]!, i, StatusCodes.Good, at).notificationMessage.notificationData![0]!;
  }) as [DataChangeNotification, DataChangeNotification, DataChangeNotification];
  const monitoredItems = [old, same, fresh].flatMap((one) => one.monitoredItems ?? []);
  const latest = Float64Array.of(fromMillis(Date.UTC(2026, 0, 1) + 2_000), -Infinity);
  const overlap = receive.follow({ latest, bad: new Uint8Array(2), behind: 0 });
  const types = { wanting: true, learn: async () => Object.assign(types, { wanting: false }) } as unknown as Types;
  const { notificationMessage } = message(1, [new DataChangeNotification({ monitoredItems })]);
  await receive.take(notificationMessage, sink, types);
  expect(sink.readings.map(({ value }) => value)).toEqual([2]);
  expect(overlap.skipped).toBe(2);
  expect(overlap.short([{ item: { position: 0 }, queue: 4 }])).toEqual([]);
});

test('events that come for an item of a tag, or for none, are nobody’s', () => {
  const { sink, take, handles } = start();
  const eventFields = [new Variant({ dataType: DataType.String, value: 'late' })];
  const events = [handles[0]!, 77].map((clientHandle) => new EventFieldList({ clientHandle, eventFields }));
  take(message(1, [new EventNotificationList({ events })]));
  take(change(2, handles[0]!, 5));
  expect(sink.readings.map(({ value }) => value)).toEqual([5]);
});

test('a queue that overflows when the clock of the server was set back is no gap that ends before it begins', () => {
  const { sink, take, handles } = start();
  take(change(1, handles[0]!, 1, StatusCodes.Good, new Date('2026-11-01T03:00:00Z')));
  take(change(2, handles[0]!, 2, StatusCodes.GoodWithOverflowBit, new Date('2026-11-01T02:00:00Z')));
  expect(sink.gaps).toHaveLength(1);
  expect(sink.gaps[0]!.to).toBeGreaterThanOrEqual(sink.gaps[0]!.from);
});
