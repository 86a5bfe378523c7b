// Status: an OPC UA StatusCode for every protocol (OPC 10000-4 section 7.39). The upper half is the code, the
// lower half are bits about the value (limits, overflow) that only sometimes matter downstream.

import { StatusCode } from './status-codes.ts';

export { StatusCode };

const NAMES = new Map<number, string>(Object.entries(StatusCode).map(([name, code]) => [code, name]));

const SEVERITY = 0xc0000000;
const CODE = 0xffff0000;

/** InfoType DataValue together with the overflow bit: the server's queue lost values next to this one. */
const OVERFLOW = 0x480;

/** Unit, range or meaning of the value is not what it was (OPC 10000-4 section 7.39.1). */
export const SEMANTICS_CHANGED = 0x4000;

/**
 * Bits beside any status: the value was limited, InfoType DataValue and the LimitBits (OPC 10000-4 section 7.39.1).
 */
export const LIMITED = { low: 0x500, high: 0x600 } as const;

export function isGood(status: number): boolean {
  return (status & SEVERITY) === 0;
}

export function isBad(status: number): boolean {
  return (status & 0x80000000) !== 0;
}

export function hasOverflow(status: number): boolean {
  return (status & OVERFLOW) === OVERFLOW;
}

/** The code's name without its info bits (`Good`, `BadNoCommunication`); a code nobody defined as `0x80ab0000`. */
export function statusName(status: number): string {
  const code = (status & CODE) >>> 0;
  return NAMES.get(code) ?? `0x${code.toString(16).padStart(8, '0')}`;
}

/** The info bits alone: 0 for almost every reading. */
export function infoBits(status: number): number {
  return status & 0xffff;
}
