// The memory of one Modbus unit: four tables, and address ranges that answer with an exception. Knows no network.

import type { Table } from '../../agent/src/config/address.ts';

/** Exception codes (Modbus Application Protocol V1.1b3, section 7). */
export const EXCEPTION = { function: 1, address: 2, value: 3, failure: 4, target: 11 } as const;

export interface Registers {
  /** Contents from `offset` on, one number per register or bit; or the exception that a read of them answers with. */
  read(table: Table, offset: number, quantity: number): Uint16Array | number;
  /** Throws a RangeError beyond the end of the table. */
  write(table: Table, offset: number, words: readonly number[]): void;
  writeBit(table: Table, offset: number, bit: number, on: boolean): void;
  /** A read that touches `from`..`to` (both included) answers with this exception. */
  refuse(table: Table, from: number, to: number, exception: number): void;
  allow(): void;
}

export function registers(size: number): Registers {
  const tables: Record<Table, Uint16Array> = {
    coil: new Uint16Array(size),
    discrete: new Uint16Array(size),
    input: new Uint16Array(size),
    holding: new Uint16Array(size),
  };
  let refused: { table: Table; from: number; to: number; exception: number }[] = [];
  return {
    read(table, offset, quantity) {
      const end = offset + quantity;
      const hit = refused.find((range) => range.table === table && offset <= range.to && end > range.from);
      if (hit) return hit.exception;
      return end > size ? EXCEPTION.address : tables[table].subarray(offset, end);
    },
    write: (table, offset, words) => tables[table].set(words, offset),
    writeBit(table, offset, bit, on) {
      const words = tables[table];
      words[offset] = on ? words[offset]! | (1 << bit) : words[offset]! & ~(1 << bit);
    },
    refuse: (table, from, to, exception) => refused.push({ table, from, to, exception }),
    allow() {
      refused = [];
    },
  };
}
