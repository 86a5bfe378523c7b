// Which server of a redundant set is used (OPC 10000-4 section 6.6.2): the one in the best class of ServiceLevel, and
// no change without a gain that lasts. Servers that change their mind every second must not be followed every
// second: each change-over is a gap. Pure: time comes from outside.

/** The node of a server's ServiceLevel. */
export const SERVICE_LEVEL = 'i=2267';

/** Classes of ServiceLevel (OPC 10000-4 section 6.6.2.4.2), worst first; unreachable is below all of them. */
export type Health = 'unreachable' | 'maintenance' | 'no-data' | 'degraded' | 'healthy';

const ORDER: readonly Health[] = ['unreachable', 'maintenance', 'no-data', 'degraded', 'healthy'];

/** @param level of the server; undefined while it cannot be asked */
export function healthOf(level: number | undefined): Health {
  if (level === undefined) return 'unreachable';
  if (level === 0) return 'maintenance';
  if (level === 1) return 'no-data';
  return level < 200 ? 'degraded' : 'healthy';
}

export interface Hysteresis {
  /** How long another server must have been better before a working one is left for it, ms. */
  readonly steady: number;
  /** How long a server is stayed with that was changed to, unless it has no data at all, ms. */
  readonly dwell: number;
}

export const HYSTERESIS: Hysteresis = { steady: 1_500, dwell: 30_000 };

export interface Chooser {
  /** What was heard of a server at this moment (ms, of a clock that does not jump). */
  hear(server: number, level: number | undefined, now: number): void;
  /** The server that should be used instead of this one now; undefined: stay. */
  better(current: number, now: number): number | undefined;
  /** All servers but those left out, the most promising first. */
  order(without?: number): number[];
  /** This one is used from now on. */
  use(server: number, now: number): void;
  level(server: number): number | undefined;
}

export function chooser(count: number, { steady, dwell }: Hysteresis = HYSTERESIS): Chooser {
  const levels: (number | undefined)[] = Array(count).fill(undefined);
  /** Since when each is in the class in which it is. */
  const since: number[] = Array(count).fill(Number.NEGATIVE_INFINITY);
  let changed = Number.NEGATIVE_INFINITY;
  let used = 0;
  const rank = (server: number) => ORDER.indexOf(healthOf(levels[server]));
  const NO_DATA = ORDER.indexOf('no-data');

  return {
    hear(server, level, now) {
      if (healthOf(level) !== healthOf(levels[server])) since[server] = now;
      levels[server] = level;
    },
    better(current, now) {
      const [best] = this.order(current);
      if (best === undefined || rank(best) <= rank(current)) return undefined;
      // A server without data is left at once: there is nothing to lose by it.
      if (rank(current) <= NO_DATA) return best;
      const lasting = Math.max(since[best] as number, since[current] as number);
      return now - lasting >= steady && now - changed >= dwell ? best : undefined;
    },
    order(without) {
      const all = levels.map((_, server) => server).filter((server) => server !== without);
      // Of equals the one in use, then the one that the mapping names first.
      return all.sort((a, b) => rank(b) - rank(a) || Number(b === used) - Number(a === used) || a - b);
    },
    use(server, now) {
      if (server !== used) changed = now;
      used = server;
    },
    level: (server) => levels[server],
  };
}
