// Timestamps as text, thousands at a time. Neighbouring readings share their second, so that only the milliseconds are
// looked up; the text is that of `formatTime`.

import { formatTime, TICKS_PER_MS, type Timestamp } from '../../model/time.ts';

const TICKS_PER_SECOND = 1_000 * TICKS_PER_MS;
const MILLIS = Array.from({ length: 1_000 }, (_, ms) => `${String(ms).padStart(3, '0')}Z`);

export class TimeText {
  #second = Number.NaN;
  #prefix = '';

  of(time: Timestamp): string {
    const second = Math.floor(time / TICKS_PER_SECOND);
    if (second !== this.#second) {
      this.#second = second;
      this.#prefix = formatTime(second * TICKS_PER_SECOND).slice(0, -4);
    }
    const millis = (time - second * TICKS_PER_SECOND) / TICKS_PER_MS;
    return Number.isInteger(millis) ? this.#prefix + MILLIS[millis] : formatTime(time);
  }
}
