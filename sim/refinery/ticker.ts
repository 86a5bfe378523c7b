// The beat of a simulator: one call per period, by itself or when told.

export interface Ticker {
  /** One beat now, or at the given time. Times of beats always rise: an earlier one becomes the last one plus 1 ms. */
  tick(time?: Date): void;
  pause(): void;
  /** Beats by itself, from the next whole period on. */
  resume(): void;
}

/** Begins paused. `period` in ms. A late timer drops beats, it never makes up for them. */
export function ticker(period: number, beat: (time: Date) => void): Ticker {
  let timer: NodeJS.Timeout | undefined;
  let last = 0;

  const tick = (time = new Date()) => {
    last = Math.max(last + 1, time.getTime());
    beat(new Date(last));
  };
  const next = () => {
    timer = setTimeout(
      () => {
        // Source times stand on whole periods, however late the timer is.
        const due = Math.floor(Date.now() / period) * period;
        if (due > last) tick(new Date(due));
        next();
      },
      period - (Date.now() % period) + 1,
    );
  };
  const pause = () => clearTimeout(timer);
  return {
    tick,
    pause,
    resume() {
      pause();
      next();
    },
  };
}
