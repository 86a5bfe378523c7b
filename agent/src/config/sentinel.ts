// Values that mean "there is no value": `notImplemented: 0x8000`, `sensorFailure: 0x7FFF`. Devices send such a pattern where
// they measure nothing. What is written in hexadecimal is the bits as they are; a decimal number is the value of the type; `NaN`
// is every float that is none.

const BITS: Readonly<Record<string, number>> = {
  int16: 16,
  uint16: 16,
  bcd16: 16,
  int32: 32,
  uint32: 32,
  float32: 32,
  bcd32: 32,
  int64: 64,
  uint64: 64,
  float64: 64,
};

/** What of the language can stand in `notImplemented` and `sensorFailure`: one of these. */
export const SENTINEL = /^(?:0[xX][0-9a-fA-F]{1,16}|[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|\.?NaN|\.nan|nan)$/;

/** The bits, as hexadecimal digits that fill the type, or `NaN`; otherwise a sentence that says what is wrong. */
export function sentinelBits(text: string, type: string, sign?: 'magnitude'): { bits: string } | string {
  const width = BITS[type];
  if (width === undefined) return `is for numbers, and this is ${type}`;
  const hex = (value: bigint) => ({
    bits: value
      .toString(16)
      .toUpperCase()
      .padStart(width / 4, '0'),
  });
  const isFloat = type.startsWith('float');
  if (/nan$/i.test(text)) return isFloat ? { bits: 'NaN' } : `${type} has no NaN`;
  if (/^0x/i.test(text)) {
    const value = BigInt(text);
    return value >> BigInt(width) === 0n ? hex(value) : `${type} has ${width} bits`;
  }
  if (isFloat) {
    const view = new DataView(new ArrayBuffer(8));
    if (width === 32) view.setFloat32(0, Number(text));
    else view.setFloat64(0, Number(text));
    return hex(width === 32 ? BigInt(view.getUint32(0)) : view.getBigUint64(0));
  }
  if (!/^[+-]?\d+$/.test(text)) return `${type} has whole numbers; write the bits, like 0x8000`;
  if (type.startsWith('bcd')) {
    const fits = /^\d+$/.test(text) && text.length <= width / 4;
    return fits ? hex(BigInt(`0x${text}`)) : `${type} has ${width / 4} digits`;
  }
  const value = BigInt(text);
  const half = 1n << BigInt(width - 1);
  if (value >= half * 2n || value < -half) return `${type} has ${width} bits`;
  if (value >= 0n) return hex(value);
  return hex(sign === 'magnitude' ? half - value : half * 2n + value);
}
