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

/** The address, or a sentence that says what is wrong with it. */
export function parseAddress(text: string): ModbusAddress | string {
  const [place = '', bitText, ...rest] = text.split('.');
  if (rest.length > 0) return `"${text}" has more than one "."; write "holding:25.3" for bit 3 of a register`;
  const found = place.includes(':') ? parseTable(place) : parseReference(place);
  if (typeof found === 'string') return found;
  if (found.offset > 65_535) return `${place} is beyond ${found.table}:65535, the last address there is`;
  if (bitText === undefined) return found;
  if (found.table === 'coil' || found.table === 'discrete')
    return `${place} is one bit already; leave out ".${bitText}"`;
  if (!/^\d+$/.test(bitText) || Number(bitText) > 15) return `bit ".${bitText}" is not one of 0 to 15`;
  return { ...found, bit: Number(bitText) };
}

function parseTable(place: string): ModbusAddress | string {
  const match = /^(coil|discrete|input|holding):(\d+)$/.exec(place);
  return match
    ? { table: match[1] as Table, offset: Number(match[2]) }
    : `"${place}" is not a table and an offset; write "holding:10", "input:10", "coil:10" or "discrete:10"`;
}

function parseReference(place: string): ModbusAddress | string {
  const match = /^([0134])(\d{4}|\d{5})$/.exec(place);
  if (!match) {
    return `"${place}" is no Modicon reference of 5 or 6 digits (40011, 400011); for a plain offset write "holding:10"`;
  }
  if (Number(match[2]) === 0)
    return `"${place}" does not exist: references count from 1, so the first is ${match[1]}${'1'.padStart(match[2]!.length, '0')}`;
  return { table: DIGIT[match[1]!]!, offset: Number(match[2]) - 1 };
}
