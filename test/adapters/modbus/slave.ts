// A Modbus server that a test scripts byte by byte. Its registers prove themselves: each holds a checksum of its unit
// and address, so that a value which ended up at the wrong tag, or came out of a broken reply, is recognised.

import { createServer, type Socket } from 'node:net';

export interface Ask {
  /** Counts from 0 over all connections. */
  readonly number: number;
  readonly transaction: number;
  readonly unit: number;
  readonly function: number;
  readonly start: number;
  readonly quantity: number;
}

export interface Slave {
  readonly port: number;
  readonly asks: readonly Ask[];
  /** Connections open now, and made since the start. */
  readonly open: number;
  readonly made: number;
  /** Everything that was ever received. */
  readonly received: readonly Buffer[];
  /** Forgets what was asked and received. */
  forget(): void;
  stop(): Promise<void>;
}

/** What a register of a unit holds. */
export function checksum(unit: number, address: number): number {
  return ((address + 1) * 40_503 + unit * 257) & 0xffff;
}

/** The honest reply to a read of registers. */
export function reply(
  { transaction, unit, function: code, start, quantity }: Ask,
  word: (unit: number, address: number) => number = checksum,
): Buffer {
  const pdu = Buffer.alloc(2 + quantity * 2);
  pdu.writeUInt8(code, 0);
  pdu.writeUInt8(quantity * 2, 1);
  for (let i = 0; i < quantity; i++) pdu.writeUInt16BE(word(unit, start + i), 2 + i * 2);
  return adu(transaction, unit, pdu);
}

export function refusal({ transaction, unit, function: code }: Ask, exception: number): Buffer {
  return adu(transaction, unit, Buffer.from([code | 0x80, exception]));
}

function adu(transaction: number, unit: number, pdu: Buffer): Buffer {
  const header = Buffer.alloc(7);
  header.writeUInt16BE(transaction, 0);
  header.writeUInt16BE(pdu.length + 1, 4);
  header.writeUInt8(unit, 6);
  return Buffer.concat([header, pdu]);
}

/** @param answer writes what it likes; requests are taken apart for it, twelve bytes each */
export async function slave(answer: (ask: Ask, socket: Socket) => void): Promise<Slave> {
  const sockets = new Set<Socket>();
  const asks: Ask[] = [];
  const received: Buffer[] = [];
  let made = 0;
  const server = createServer((socket) => {
    made++;
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    let rest: Buffer = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      received.push(chunk);
      rest = Buffer.concat([rest, chunk]);
      for (; rest.length >= 12; rest = rest.subarray(12)) {
        const ask = {
          number: asks.length,
          transaction: rest.readUInt16BE(0),
          unit: rest.readUInt8(6),
          function: rest.readUInt8(7),
          start: rest.readUInt16BE(8),
          quantity: rest.readUInt16BE(10),
        };
        asks.push(ask);
        answer(ask, socket);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the slave has no port');
  return {
    port: address.port,
    asks,
    received,
    forget() {
      asks.length = 0;
      received.length = 0;
    },
    get open() {
      return sockets.size;
    },
    get made() {
      return made;
    },
    async stop() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
