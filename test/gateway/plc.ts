// A PLC whose registers tell whether a poll was lost: the first register of every hundred counts how often it was read,
// all others hold a checksum of their unit and address.

import { checksum, reply, type Slave, slave } from '../adapters/modbus/slave.ts';

/** Registers to a counter. */
export const STRIDE = 100;

export interface Plc extends Slave {
  /** Requests so far. */
  readonly requests: number;
}

/** What a register holds that is no counter. */
export const held = checksum;

export async function plc(): Promise<Plc> {
  const counts = new Map<number, number>();
  let requests = 0;
  const peer = await slave((ask, socket) => {
    requests++;
    // A test that runs for minutes need not remember them all.
    if (requests % 1_000 === 0) peer.forget();
    socket.write(
      reply(ask, (unit, address) => {
        if (address % STRIDE !== 0) return checksum(unit, address);
        const key = unit * 65_536 + address;
        const count = (counts.get(key) ?? 0) + 1;
        counts.set(key, count);
        return count & 0xffff;
      }),
    );
  });
  return Object.defineProperty(peer, 'requests', { get: () => requests }) as Plc;
}
