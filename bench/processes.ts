// What a process costs, from /proc: Linux only, as the gateway's sites are.

import { readFileSync } from 'node:fs';

export interface Cost {
  /** Processor time of all threads, s. */
  readonly cpu: number;
  /** Resident memory, bytes. */
  readonly rss: number;
  /** Bytes that the process caused to be written to the disk. */
  readonly written: number;
}

/** Clock ticks a second: USER_HZ is 100 on every Linux that Node runs on. */
const HZ = 100;

export function cost(pid: number): Cost {
  // The second field, the name in parentheses, may hold spaces; what follows it does not.
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const io = readFileSync(`/proc/${pid}/io`, 'utf8');
  return {
    cpu: (Number(stat[11]) + Number(stat[12])) / HZ,
    rss: Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) * 1024,
    written: Number(/^write_bytes: (\d+)/m.exec(io)?.[1]),
  };
}

/** The value at `share` (0..1) of sorted numbers. */
export function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
