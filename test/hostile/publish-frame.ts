// Publish responses made by hand: the envelope of a real one, and whatever bytes a test wants for its content (OPC 10000-4
// section 5.14.5, OPC 10000-6 section 5.2). Without security, so that nothing has to be signed.

import { frame, uint32 } from './raw-peer.ts';

const PUBLISH_RESPONSE = 829;
const DATA_CHANGE = 811;

/** Where the response header begins: behind type, size, channel, token, sequence number, request id and type id. */
const HEADER = 28;
/** A response header without diagnostics, string table and additional header. */
const HEADER_SIZE = 24;
const LARGEST_CHUNK = 60_000;

/** Whether a frame is a Publish response of one chunk whose header is the plain one. */
export const isPublish = (message: Buffer): boolean =>
  message.length >= HEADER + HEADER_SIZE &&
  message.toString('latin1', 0, 4) === 'MSGF' &&
  message[24] === 1 &&
  message.readUInt16LE(26) === PUBLISH_RESPONSE;

export interface Wish {
  /** Takes the place of the header's diagnostic info. */
  readonly diagnostics?: Buffer;
  /** Takes the place of the list of available sequence numbers. */
  readonly available?: Buffer;
  /** The list of notifications, with its length. */
  readonly notifications: Buffer;
}

/** The frames of a message with the envelope of this one; how many more they are than the one. */
export function published(message: Buffer, { diagnostics, available, notifications }: Wish): Buffer[] {
  const head = message.subarray(HEADER, HEADER + 16);
  const content = HEADER + HEADER_SIZE;
  const count = Math.max(0, message.readInt32LE(content + 4));
  const sequenceNumber = message.subarray(content + 8 + 4 * count + 1, content + 8 + 4 * count + 5);
  const body = Buffer.concat([
    message.subarray(24, HEADER),
    head,
    diagnostics ?? Buffer.alloc(1),
    uint32(-1),
    Buffer.alloc(3),
    message.subarray(content, content + 4),
    available ?? uint32(-1),
    Buffer.alloc(1),
    sequenceNumber,
    uint32(0, 0),
    notifications,
    uint32(-1, -1),
  ]);
  const frames: Buffer[] = [];
  for (let from = 0; from < body.length; from += LARGEST_CHUNK) {
    const last = from + LARGEST_CHUNK >= body.length;
    const security = message.subarray(8, 16);
    const order = uint32(message.readUInt32LE(16) + frames.length, message.readUInt32LE(20));
    const rest = Buffer.concat([security, order, body.subarray(from, from + LARGEST_CHUNK)]);
    frames.push(frame(last ? 'MSGF' : 'MSGC', rest));
  }
  return frames;
}

/** A list of one notification of changed data with these bytes in it. */
export const changes = (items: Buffer, size = items.length): Buffer =>
  Buffer.concat([uint32(1), Buffer.from([1, 0]), uint16(DATA_CHANGE), Buffer.from([1]), uint32(size), items]);

/** A list of one notification with one value, for the first item. */
export const oneValue = (value: Buffer): Buffer => changes(Buffer.concat([uint32(1, 0), value, uint32(-1)]));

/** A DataValue that is a Variant of these bytes and nothing else. */
export const variant = (...bytes: readonly (Buffer | number)[]): Buffer =>
  Buffer.concat([1, ...bytes].map((part) => (typeof part === 'number' ? Buffer.from([part]) : part)));

function uint16(number: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(number);
  return bytes;
}
