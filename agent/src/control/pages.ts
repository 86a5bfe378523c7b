// Pages of a long walk for a caller who can take only so much at a time: the walk stands still between two pages, and is
// given up when nobody asks for the next one.

import { randomUUID } from 'node:crypto';
import { Fault } from '../model/fault.ts';

/** How long a walk waits for its next page, ms. */
const IDLE = 60_000;
/** Walks that may stand at a time; each holds a connection. */
const MOST = 2;

interface Walk<T> {
  readonly items: AsyncIterator<T>;
  readonly stop: AbortController;
  timer: NodeJS.Timeout;
  busy: boolean;
}

export interface Page<T> {
  readonly items: readonly T[];
  /** For the next page; absent after the last. */
  readonly cursor?: string;
}

export interface Pages<T> {
  /** The first page of a new walk. @throws Fault `internal.busy` when too many stand already */
  begin(walk: (signal: AbortSignal) => AsyncIterable<T>, limit: number): Promise<Page<T>>;
  /** The page after. @throws Fault `internal.busy` when the walk is over, or is being asked already */
  next(cursor: string, limit: number): Promise<Page<T>>;
  close(): void;
}

export function pages<T>(idle = IDLE): Pages<T> {
  const walks = new Map<string, Walk<T>>();

  function end(cursor: string): void {
    const walk = walks.get(cursor);
    if (walk === undefined) return;
    walks.delete(cursor);
    clearTimeout(walk.timer);
    walk.stop.abort();
    void walk.items.return?.()?.catch(() => {});
  }

  async function page(cursor: string, limit: number): Promise<Page<T>> {
    const walk = walks.get(cursor);
    if (walk === undefined)
      throw new Fault('control.refused', 'there is no such walk any more: begin anew without cursor');
    if (walk.busy) throw new Fault('control.refused', 'this walk is being asked already');
    walk.busy = true;
    clearTimeout(walk.timer);
    const items: T[] = [];
    try {
      while (items.length < limit) {
        const { done, value } = await walk.items.next();
        if (done === true) {
          end(cursor);
          return { items };
        }
        items.push(value);
      }
    } catch (error) {
      end(cursor);
      throw error;
    }
    walk.busy = false;
    walk.timer = setTimeout(() => end(cursor), idle);
    walk.timer.unref();
    return { items, cursor };
  }

  return {
    begin(walk, limit) {
      if (walks.size >= MOST)
        return Promise.reject(new Fault('control.refused', `${MOST} walks stand already; end them, or wait a minute`));
      const cursor = randomUUID();
      const stop = new AbortController();
      const timer = setTimeout(() => end(cursor), idle);
      timer.unref();
      walks.set(cursor, { items: walk(stop.signal)[Symbol.asyncIterator](), stop, timer, busy: false });
      return page(cursor, limit);
    },
    next: page,
    close: () => [...walks.keys()].forEach(end),
  };
}
