// A Modbus device that a test scripts byte by byte, over every way there is. Its registers prove themselves: each holds
// a checksum of its address and of the number of the request that asks for it, so that a value which ended up at the
// wrong tag, came out of a broken reply, or belongs to an earlier request is recognised.

import { createSocket, type Socket as Datagrams } from 'node:dgram';
import { createServer, type Socket } from 'node:net';
import type { Transport } from '../../agent/src/adapters/modbus/transport.ts';
import { type SerialLine, serialLine } from '../support/serial-line.ts';

export type Way = 'tcp' | 'udp' | 'rtu-over-tcp' | 'rtu';

export interface Ask {
  /** Counts from 0 over all connections. */
  readonly number: number;
  /** 0 where frames carry none. */
  readonly transaction: number;
  readonly unit: number;
  readonly function: number;
  readonly start: number;
  readonly quantity: number;
}

/** Where an answer goes. Writing into what is closed does nothing. */
export interface Reach {
  write(bytes: Buffer): void;
  /** FIN behind the bytes; no more than the bytes where there are no connections. */
  end(bytes?: Buffer): void;
  reset(): void;
  /** Bytes to the asker from another address, where that can be. */
  forge(bytes: Buffer): void;
}

export interface Peer {
  readonly transport: Transport;
  readonly asks: readonly Ask[];
  /** Connections that stand; 0 where there are none to stand. */
  readonly open: number;
  /** Everything that was ever received. */
  readonly received: readonly Buffer[];
  stop(): Promise<void>;
}

/** What a register holds when it is asked for by this request. */
export function proof(address: number, number: number): number {
  return ((address + 1) * 40_503 + (number + 1) * 30_011) & 0xffff;
}

export const numbered = (way: Way): boolean => way === 'tcp' || way === 'udp';

/** The honest reply, without its envelope. */
export function honest({ function: code, start, quantity, number }: Ask, more = 0): Buffer {
  const count = quantity + more;
  const pdu = Buffer.alloc(2 + count * 2);
  pdu.writeUInt8(code, 0);
  pdu.writeUInt8((count * 2) & 0xff, 1);
  for (let i = 0; i < count; i++) pdu.writeUInt16BE(proof(start + i, number), 2 + i * 2);
  return pdu;
}

/** A reply in its envelope. */
export function framed(way: Way, { transaction, unit }: Pick<Ask, 'transaction' | 'unit'>, pdu: Buffer): Buffer {
  if (!numbered(way)) return checked(Buffer.concat([Buffer.from([unit]), pdu]));
  const header = Buffer.alloc(7);
  header.writeUInt16BE(transaction, 0);
  header.writeUInt16BE(pdu.length + 1, 4);
  header.writeUInt8(unit, 6);
  return Buffer.concat([header, pdu]);
}

/** Bytes with their CRC behind them. */
export function checked(bytes: Buffer): Buffer {
  let crc = 0xffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >> 1) ^ 0xa001 : crc >> 1;
  }
  return Buffer.concat([bytes, Buffer.from([crc & 0xff, crc >> 8])]);
}

/** @param answer writes what it likes */
export async function peer(way: Way, answer: (ask: Ask, to: Reach) => void): Promise<Peer> {
  const asks: Ask[] = [];
  const received: Buffer[] = [];
  const length = numbered(way) ? 12 : 8;
  /** Requests come whole: nothing of ours is longer than a packet. Answers what it can take apart. */
  const take = (bytes: Buffer, to: Reach) => {
    received.push(bytes);
    for (let at = 0; at + length <= bytes.length; at += length) {
      const unit = at + (numbered(way) ? 6 : 0);
      const ask = {
        number: asks.length,
        transaction: numbered(way) ? bytes.readUInt16BE(at) : 0,
        unit: bytes.readUInt8(unit),
        function: bytes.readUInt8(unit + 1),
        start: bytes.readUInt16BE(unit + 2),
        quantity: bytes.readUInt16BE(unit + 4),
      };
      asks.push(ask);
      answer(ask, to);
    }
  };
  if (way === 'udp') return { ...(await overDatagrams(take)), asks, received };

  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    const to: Reach = {
      write: (bytes) => void (socket.writable && socket.write(bytes)),
      end: (bytes) => void (socket.writable && socket.end(bytes ?? Buffer.alloc(0))),
      reset: () => socket.resetAndDestroy(),
      forge() {},
    };
    let rest: Buffer = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk]);
      const whole = rest.length - (rest.length % length);
      if (whole > 0) take(rest.subarray(0, whole), to);
      rest = rest.subarray(whole);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const line: SerialLine | undefined = way === 'rtu' ? await serialLine(port) : undefined;
  return {
    transport: line
      ? { kind: 'rtu', device: line.device, baudRate: 115_200, dataBits: 8, parity: 'none', stopBits: 1 }
      : { kind: way as 'tcp' | 'rtu-over-tcp', host: '127.0.0.1', port },
    asks,
    received,
    get open() {
      return line ? 0 : sockets.size;
    },
    async stop() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      await line?.stop();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

async function overDatagrams(take: (bytes: Buffer, to: Reach) => void): Promise<Omit<Peer, 'asks' | 'received'>> {
  const bound = async (): Promise<Datagrams> => {
    const socket = createSocket('udp4');
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
    return socket;
  };
  const socket = await bound();
  const other = await bound();
  let open = true;
  socket.on('message', (bytes, { address, port }) => {
    const from = (sender: Datagrams) => (reply: Buffer) => {
      if (open && reply.length <= 65_000) sender.send(reply, port, address);
    };
    take(bytes, { write: from(socket), end: (last) => last && from(socket)(last), reset() {}, forge: from(other) });
  });
  return {
    transport: { kind: 'udp', host: '127.0.0.1', port: socket.address().port },
    open: 0,
    async stop() {
      open = false;
      socket.close();
      other.close();
    },
  };
}
