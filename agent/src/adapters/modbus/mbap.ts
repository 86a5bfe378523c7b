// Modbus TCP's envelope, which UDP and TLS carry as well: a transaction number, a length, the unit. The number is
// never used again on its connection for 65536 requests, and connections do not live through a lost reply
// (connection.ts), so that no late reply is taken for another. Pure but for its count.
// Source: Modbus Messaging on TCP/IP V1.0b section 3.1.3.

import { dataBytes, EXCEPTION, type Framing, INCOMPLETE, type Query, READ, type Verdict, writeRequest, wrong } from './frame.ts'; // biome-ignore format: one line

/** Transaction id, protocol id, length, unit. */
const HEADER = 7;

/** @param first the first transaction number; a random one tells replies of an earlier connection apart too */
export function mbap(first: number): Framing {
  let next = first;
  return (query) => {
    const transaction = next & 0xffff;
    next++;
    const request = Buffer.allocUnsafe(12);
    request.writeUInt16BE(transaction, 0);
    request.writeUInt16BE(0, 2);
    request.writeUInt16BE(6, 4);
    request.writeUInt8(query.unit, 6);
    writeRequest(query, request, HEADER);
    const reply = HEADER + 2 + dataBytes(query);
    return {
      request,
      reply,
      capacity: reply,
      judge: (bytes, count) => judge(query, transaction, bytes, count),
    };
  };
}

function judge(query: Query, transaction: number, bytes: Buffer, count: number): Verdict {
  if (count >= 4 && bytes.readUInt16BE(2) !== 0) return wrong(`protocol id ${bytes.readUInt16BE(2)} is not Modbus`);
  if (count >= 2 && bytes.readUInt16BE(0) !== transaction) {
    const reason = `a reply carries transaction ${bytes.readUInt16BE(0)} instead of ${transaction}`;
    return { kind: 'stale', reason };
  }
  const good = dataBytes(query);
  if (count >= 6) {
    const length = bytes.readUInt16BE(4);
    // A length of 65535 is refused at once and not waited for.
    if (length !== 3 && length !== good + 3) return wrong(`a reply of length ${length} instead of ${good + 3}`);
  }
  if (count >= HEADER && bytes[6] !== query.unit) {
    return wrong(`unit ${bytes[6]} replies to a request for unit ${query.unit}`);
  }
  if (count < HEADER + 2) return INCOMPLETE;

  const length = bytes.readUInt16BE(4);
  const code = bytes[7]!;
  if (code === (READ[query.table] | EXCEPTION)) {
    if (length !== 3) return wrong(`an exception of length ${length} instead of 3`);
    return count > HEADER + 2 ? wrong('bytes follow the reply') : { kind: 'exception', code: bytes[8]! };
  }
  if (code !== READ[query.table]) return wrong(`function ${code} replies to function ${READ[query.table]}`);
  if (length !== good + 3) return wrong(`a reply of length ${length} instead of ${good + 3}`);
  if (bytes[8] !== good) return wrong(`a byte count of ${bytes[8]} instead of ${good}`);
  const end = HEADER + 2 + good;
  if (count < end) return INCOMPLETE;
  if (count > end) return wrong('bytes follow the reply');
  return { kind: 'data', data: new DataView(bytes.buffer, bytes.byteOffset + HEADER + 2, good) };
}
