// Decimals: a quantised value as a whole number of its last digit, when that is exact. 12.31 is 1231 with two
// decimals, and any consumer gets it back by one division: IEEE 754 rounds 1231 / 100 to the same double as 12.31.

const POWERS = Array.from({ length: 10 }, (_, digits) => 10 ** digits);

/** Whole numbers up to here can be subtracted, scaled and rounded without an error. */
const LIMIT = 2 ** 50;

/**
 * The least number of decimals, `least` or more, with which `value` is exactly a whole number divided by a power of
 * ten; -1 when there is none up to nine.
 */
export function decimalsOf(value: number, least: number): number {
  for (let digits = least; digits < POWERS.length; digits++) {
    const power = POWERS[digits] as number;
    const whole = Math.round(value * power);
    if (whole > LIMIT || whole < -LIMIT) return -1;
    if (whole / power === value) return digits;
  }
  return -1;
}

/** Whether every value up to `greatest`, when it has no more than so many decimals, is exact as a whole number. */
export function holds(greatest: number, decimals: number): boolean {
  return greatest * (POWERS[decimals] as number) <= LIMIT;
}

/** `value` in units of its last decimal. */
export function wholeOf(value: number, decimals: number): number {
  return Math.round(value * (POWERS[decimals] as number));
}

/** The value again. */
export function fromWhole(whole: number, decimals: number): number {
  return whole / (POWERS[decimals] as number);
}
