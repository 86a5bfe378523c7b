// Waivers: who accepted an insecure connection, and until when. They end by themselves, so that nothing insecure
// stays because nobody remembered it.

/** Days before its end on which a waiver is warned about. */
export const NOTICE_DAYS = 30;

/** Whole days from `today` to the last day of the waiver, both in UTC; negative when it has ended. */
export function daysLeft(until: string, today: Date): number {
  const day = 86_400_000;
  return Math.round(Date.parse(until) / day) - Math.floor(today.getTime() / day);
}
