// Modbus addresses as people write them. Modicon references are one-based and carry the table in their first
// digit (40011, 400011); `table:offset` is zero-based, as on the wire (Modbus Application Protocol V1.1b3, section 4.4).

export type Table = 'coil' | 'discrete' | 'input' | 'holding';

export interface ModbusAddress {
  readonly table: Table;
  /** Zero-based, 0..65535. */
  readonly offset: number;
  /** One bit of a register, 0 is the least significant. */
  readonly bit?: number;
}

const DIGIT: Record<string, Table> = { 0: 'coil', 1: 'discrete', 3: 'input', 4: 'holding' };

/** The address, or a sentence that says what to write instead. */
export function parseAddress(text: string): ModbusAddress | string {
  const [place = '', bitText, ...rest] = text.split('.');
  if (rest.length > 0) return 'write at most one ".", like "holding:25.3" for bit 3 of a register';
  const found = place.includes(':') ? parseTable(place) : parseReference(place);
  if (typeof found === 'string') return found;
  if (found.offset > LAST) {
    const [given, last] = place.includes(':') ? [place, LAST] : [place, `${place[0]}${LAST + 1}`];
    return `${given} is beyond ${last}, the last there is`;
  }
  if (bitText === undefined) return found;
  if (found.table === 'coil' || found.table === 'discrete') {
    return `a ${found.table === 'coil' ? 'coil' : 'discrete input'} is one bit already; leave out ".${bitText}"`;
  }
  if (!/^\d{1,2}$/.test(bitText) || Number(bitText) > 15) return 'a register has the bits .0 to .15';
  return { ...found, bit: Number(bitText) };
}

/** The last offset of every table (Modbus Application Protocol V1.1b3, section 4.4). */
export const LAST = 65_535;

function parseTable(place: string): ModbusAddress | string {
  const match = /^(coil|discrete|input|holding):(\d{1,9})$/.exec(place);
  return match
    ? { table: match[1] as Table, offset: Number(match[2]) }
    : 'write a table and an offset, like "holding:10", "input:10", "coil:10" or "discrete:10"';
}

function parseReference(place: string): ModbusAddress | string {
  const match = /^([0134])(\d{4}|\d{5})$/.exec(place);
  if (!match) return 'write a reference of 5 or 6 digits, like 40011 or 400011, or "holding:10" for a plain offset';
  const first = `${match[1]}${'1'.padStart(match[2]!.length, '0')}`;
  if (Number(match[2]) === 0) return `references count from 1; the first is ${first}`;
  return { table: DIGIT[match[1]!]!, offset: Number(match[2]) - 1 };
}

/** An address as the mapping may write it: `holding:25.3`. */
export function formatAddress({ table, offset, bit }: ModbusAddress): string {
  return `${table}:${offset}${bit === undefined ? '' : `.${bit}`}`;
}
