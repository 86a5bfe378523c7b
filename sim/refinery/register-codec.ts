// Values as Modbus registers, in every type and byte order of the mapping language. Written apart from the gateway's
// own decoder, so that the two check each other.

export type RegisterType =
  | 'bool'
  | 'int16'
  | 'uint16'
  | 'int32'
  | 'uint32'
  | 'int64'
  | 'uint64'
  | 'float32'
  | 'float64'
  | 'bcd16'
  | 'bcd32'
  | `string(${number})`;

export type RegisterOrder = 'ABCD' | 'CDAB' | 'BADC' | 'DCBA';

export type RegisterValue = number | bigint | boolean | string;

/** Registers that a value of this type fills; a bool fills one bit or register. */
export function registersOf(type: RegisterType): number {
  if (type.startsWith('string')) return Math.ceil(Number(/\d+/.exec(type)![0]) / 2);
  if (type.endsWith('64')) return 4;
  return type.endsWith('32') ? 2 : 1;
}

/**
 * The registers of a value. Order is the order of bytes A (most significant) to D on the wire: CDAB swaps registers,
 * BADC the bytes in each register, DCBA both; longer values follow the same rule. Texts are padded with NUL.
 */
export function toRegisters(value: RegisterValue, type: RegisterType, order: RegisterOrder = 'ABCD'): number[] {
  const bytes = Buffer.alloc(registersOf(type) * 2);
  write(bytes, value, type);
  const words: number[] = [];
  for (let i = 0; i < bytes.length; i += 2) words.push(bytes.readUInt16BE(i));
  if (order === 'CDAB' || order === 'DCBA') words.reverse();
  if (order === 'BADC' || order === 'DCBA') return words.map((word) => ((word & 0xff) << 8) | (word >> 8));
  return words;
}

function write(bytes: Buffer, value: RegisterValue, type: RegisterType): void {
  switch (type) {
    case 'bool':
      bytes.writeUInt16BE(value ? 1 : 0);
      break;
    case 'int16':
      bytes.writeInt16BE(Number(value));
      break;
    case 'uint16':
      bytes.writeUInt16BE(Number(value));
      break;
    case 'int32':
      bytes.writeInt32BE(Number(value));
      break;
    case 'uint32':
      bytes.writeUInt32BE(Number(value));
      break;
    case 'int64':
      bytes.writeBigInt64BE(BigInt(value));
      break;
    case 'uint64':
      bytes.writeBigUInt64BE(BigInt(value));
      break;
    case 'float32':
      bytes.writeFloatBE(Number(value));
      break;
    case 'float64':
      bytes.writeDoubleBE(Number(value));
      break;
    case 'bcd16':
    case 'bcd32': {
      const digits = type === 'bcd16' ? 4 : 8;
      const text = String(Number(value)).padStart(digits, '0');
      if (!/^\d+$/.test(text) || text.length > digits) throw new RangeError(`${value} has no ${digits} decimal digits`);
      bytes.write(text, 'hex');
      break;
    }
    default:
      bytes.write(String(value), 'latin1');
  }
}
