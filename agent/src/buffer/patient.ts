// Payloads from a disk that may fail to give them: each failure is told and tried again, because the disk may come back;
// what it has not given for a long time counts as damaged, so that one bad sector does not hold up all that lies behind.
//
// Of pages behind a row's own SQLite calls a failed read corruption (SQLITE_CORRUPT instead of SQLITE_IOERR_READ):
// what looks like that is read again before it is believed.

import type { Statement } from 'better-sqlite3';
import { Fault } from '../model/fault.ts';
import { isDamage, isReadError } from './result.ts';

/** Fails every checksum of what a buffer writes: a segment is never empty. */
const NOTHING = new Uint8Array(0);
/** Waits before what looks like damage is tried again, ms. */
const AGAIN = [5, 50];

const isSaidOfDamage = (error: unknown) => isDamage(error instanceof Fault ? error.cause : error);

/** What `work` gives; damage that is not there when it is tried again was none. When it throws it must have done nothing. */
export function believed<T>(work: () => T): T {
  for (const wait of AGAIN) {
    try {
      return work();
    } catch (error) {
      if (!isSaidOfDamage(error)) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, wait);
    }
  }
  return work();
}

/**
 * `select`, whose `get` throws as long as the disk may yet give the payload of the segment, and then gives none.
 * @param patience ms
 */
export function patient(select: Pick<Statement, 'get'>, patience: number): Pick<Statement, 'get'> {
  let failing: { readonly first: unknown; readonly since: number } | undefined;

  return {
    get(first: unknown) {
      try {
        const found = believed(() => select.get(first));
        if (failing?.first === first) failing = undefined;
        return found;
      } catch (error) {
        if (!isReadError(error)) throw error;
        const now = performance.now();
        const since = failing !== undefined && failing.first === first ? failing.since : now;
        failing = { first, since };
        if (now - since < patience) throw error;
        return NOTHING;
      }
    },
  };
}
