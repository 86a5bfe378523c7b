// Notification messages as they come over the wire, for tests of what takes them.

import { BinaryStream } from 'node-opcua-binary-stream';
import {
  DataChangeNotification,
  DataType,
  DataValue,
  type EventNotificationList,
  MonitoredItemNotification,
  NotificationMessage,
  PublishResponse,
  type StatusChangeNotification,
  type StatusCode,
  StatusCodes,
  Variant,
} from 'node-opcua-client';
import { rawValues } from '../../../../agent/src/adapters/opcua/values/raw.ts';

export const message = (
  sequenceNumber: number,
  data: (DataChangeNotification | StatusChangeNotification | EventNotificationList)[],
) =>
  received(
    new PublishResponse({
      subscriptionId: 1,
      notificationMessage: new NotificationMessage({
        sequenceNumber,
        publishTime: new Date(Date.UTC(2026, 0, 1) + sequenceNumber),
        notificationData: data,
      }),
    }),
  );

export const keepAlive = (next: number) => message(next, []);

export const change = (
  sequenceNumber: number,
  clientHandle: number,
  number: number,
  statusCode: StatusCode = StatusCodes.Good,
  sourceTimestamp = new Date(),
) => {
  const value = new DataValue({
    statusCode,
    value: new Variant({ dataType: DataType.Double, value: number }),
    sourceTimestamp,
  });
  return message(sequenceNumber, [
    new DataChangeNotification({ monitoredItems: [new MonitoredItemNotification({ clientHandle, value })] }),
  ]);
};

/** The message as it would come over the wire. */
function received(response: PublishResponse): PublishResponse {
  const stream = new BinaryStream(response.binaryStoreSize());
  response.encode(stream);
  stream.length = 0;
  const copy = Reflect.construct(PublishResponse, [null]) as PublishResponse;
  copy.decode(stream);
  return copy;
}

/** Writes another StatusCode into the bytes of a message. */
export function patch({ notificationMessage }: PublishResponse, from: number, to: number): void {
  const { stream } = rawValues(notificationMessage.notificationData?.[0] as DataChangeNotification)!;
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(from);
  (stream.buffer as Buffer).writeUInt32LE(to, stream.buffer.indexOf(bytes));
}
