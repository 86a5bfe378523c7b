// From what the plant says to what a register holds: raw counts of a transmitter, counters within their width.

import type { PlantValue } from './plant.ts';
import type { RegisterType, RegisterValue } from './register-codec.ts';
import type { RegisterSignal } from './register-signals.ts';

/** How far a counter of this type counts before it begins again at 0. */
const WRAP: Partial<Record<RegisterType, number>> = {
  bcd16: 10_000,
  bcd32: 100_000_000,
  int16: 2 ** 15,
  uint16: 2 ** 16,
  int32: 2 ** 31,
  uint32: 2 ** 32,
  float32: 2 ** 24,
};

/** The raw value of a tag whose process stands at `value`. */
export function rawValue({ type, raw, signal }: RegisterSignal, value: PlantValue): RegisterValue {
  if (raw && signal.range) {
    const [low, high] = signal.range;
    return Math.round(raw[0] + ((Number(value) - low) / (high - low)) * (raw[1] - raw[0]));
  }
  const wrap = WRAP[type];
  return signal.process === 'counter' && wrap ? Number(value) % wrap : value;
}
