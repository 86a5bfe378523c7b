// How many registers a value of Modbus takes.

import type { ModbusAddress } from '../address.ts';
import type { ModbusType } from '../plant.ts';

/** A bit of its own, or one bit of a register. */
export function isBit({ table, bit }: ModbusAddress): boolean {
  return bit !== undefined || table === 'coil' || table === 'discrete';
}

const REGISTERS: Readonly<Record<string, number>> = {
  int32: 2,
  uint32: 2,
  float32: 2,
  bcd32: 2,
  int64: 4,
  uint64: 4,
  float64: 4,
};

/** Registers that a value of the type takes; a bit counts as one. */
export function registersOf(type: ModbusType): number {
  if (type.startsWith('string')) return Math.ceil(Number(type.slice(7, -1)) / 2);
  return REGISTERS[type] ?? 1;
}
