// Modbus tags for tests, from addresses as people write them.

import type { ModbusTag } from '../../../agent/src/adapters/modbus/adapter.ts';
import { parseAddress } from '../../../agent/src/config/address.ts';

/** A uint16 of unit 1 every 100 ms, named T and its index, unless told otherwise. */
export function tag(index: number, address: string, changes: Partial<Omit<ModbusTag, 'address'>> = {}): ModbusTag {
  const place = parseAddress(address);
  if (typeof place === 'string') throw new Error(place);
  return { index, name: `T${index}`, address: place, type: 'uint16', order: 'ABCD', unitId: 1, poll: 100, ...changes };
}
