// The envelope of serial lines: unit in front, CRC behind, and nothing that tells one reply from another. Replies are
// found by their length and CRC and not by pauses, which no operating system passes on truthfully. Pure.
// Source: Modbus over Serial Line V1.02 sections 2.5.1 (RTU, 256 bytes at most) and 6.2.2 (CRC).
//
// What may stand in front of a reply without harm: noise (MOST_NOISE bytes of it), the request itself (half-duplex
// converters echo it), and whole frames of others or of this unit that have another shape, which are late replies.
// What may follow: up to four bytes of noise, fewer than any frame has.
// A reply of the same shape as the one that is awaited cannot be told from it; line.ts sees to it that none is owed.

import { dataBytes, EXCEPTION, type Framing, INCOMPLETE, type Query, READ, REQUEST_BYTES, type Verdict, writeRequest, wrong } from './frame.ts'; // biome-ignore format: one line

const REQUEST = 1 + REQUEST_BYTES + 2;
/** Unit, function, code, CRC. */
const EXCEPTION_FRAME = 5;
/** Unit, function, byte count and CRC around the data. */
const AROUND_DATA = 5;
/** Longest frame of a serial line. */
const LONGEST = 256;
const MOST_NOISE = 256;

/** Exchanges on a line without transaction numbers. */
export const rtu: Framing = (query) => {
  const request = Buffer.allocUnsafe(REQUEST);
  request.writeUInt8(query.unit, 0);
  writeRequest(query, request, 1);
  request.writeUInt16LE(crc16(request, 0, REQUEST - 2), REQUEST - 2);
  return {
    request,
    reply: AROUND_DATA + dataBytes(query),
    capacity: MOST_NOISE + REQUEST + 2 * LONGEST,
    judge: (bytes, count) => judge(query, request, bytes, count),
  };
};

function judge(query: Query, request: Buffer, bytes: Buffer, count: number): Verdict {
  const good = dataBytes(query);
  const code = READ[query.table];
  let echo = false;
  let at = 0;
  while (at + EXCEPTION_FRAME <= count) {
    // The same bytes can be a reply, by a rare chance: then it is taken for the echo, and waited for in vain.
    if (!echo && count - at >= REQUEST && request.equals(bytes.subarray(at, at + REQUEST))) {
      echo = true;
      at += REQUEST;
      continue;
    }
    const length = frameLength(bytes, at);
    const whole = length !== undefined && at + length <= count;
    if (whole && crcIsRight(bytes, at, length)) {
      const own = bytes[at] === query.unit;
      if (own && bytes[at + 1] === (code | EXCEPTION)) {
        return followed(count - at - length) ?? { kind: 'exception', code: bytes[at + 2]! };
      }
      if (own && bytes[at + 1] === code && bytes[at + 2] === good) {
        const data = new DataView(bytes.buffer, bytes.byteOffset + at + 3, good);
        return followed(count - at - length) ?? { kind: 'data', data };
      }
      at += length;
    } else if (whole && bytes[at] === query.unit && bytes[at + 1] === code && bytes[at + 2] === good) {
      return wrong('a reply whose checksum is wrong');
    } else {
      at++;
    }
  }
  return count < MOST_NOISE + REQUEST + LONGEST ? INCOMPLETE : wrong('noise instead of a reply');
}

function followed(bytes: number): Verdict | undefined {
  return bytes >= EXCEPTION_FRAME ? wrong('bytes follow the reply') : undefined;
}

/** How long the frame is that these three bytes begin, if it is a reply to a read. */
function frameLength(bytes: Buffer, at: number): number | undefined {
  const code = bytes[at + 1]!;
  if ((code & EXCEPTION) !== 0) return EXCEPTION_FRAME;
  return code >= 1 && code <= 4 ? AROUND_DATA + bytes[at + 2]! : undefined;
}

function crcIsRight(bytes: Buffer, at: number, length: number): boolean {
  return bytes.readUInt16LE(at + length - 2) === crc16(bytes, at, at + length - 2);
}

const CRC = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xa001 : crc >>> 1;
  return crc;
});

/** The CRC of the bytes from `from` up to `to`. */
export function crc16(bytes: Uint8Array, from: number, to: number): number {
  let crc = 0xffff;
  for (let i = from; i < to; i++) crc = (crc >>> 8) ^ CRC[(crc ^ bytes[i]!) & 0xff]!;
  return crc;
}
