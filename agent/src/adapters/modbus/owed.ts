// Replies that are still owed where no number tells them apart (RTU). A device that did not answer in time may do so
// during the next request, and what it then says fits every request of the same shape: same unit, same function, same
// length. So before a request of that shape another one is made whose reply has another length. A device answers in the
// order in which it was asked (a line carries one request at a time): once the other reply is there, the one before it is
// not owed any more. What a device sends twice by itself, with a pause between, cannot be recognised. Pure: the time
// is passed in, monotonic ms.

import { dataBytes, type Query, READ } from './frame.ts';

/** No device and no converter holds a reply back for longer. */
const LONGEST_MS = 300_000;

export class Owed {
  /** By unit: shapes of replies that may still come, and until when. */
  readonly #shapes = new Map<number, Map<number, number>>();

  /** The reply to this did not come, or came broken. */
  add(query: Query, now: number): void {
    let shapes = this.#shapes.get(query.unit);
    if (!shapes) {
      shapes = new Map();
      this.#shapes.set(query.unit, shapes);
    }
    shapes.set(shapeOf(query), now + LONGEST_MS);
  }

  /** Whether a late reply could be taken for the reply to this. */
  includes(query: Query, now: number): boolean {
    return (this.#shapes.get(query.unit)?.get(shapeOf(query)) ?? now) > now;
  }

  /** The unit has answered something that was not owed. */
  settle(unit: number): void {
    this.#shapes.delete(unit);
  }

  /** A request in the same place whose reply cannot be one that is owed; the shortest of them. */
  apart(query: Query, now: number): Query | undefined {
    const step = query.table === 'coil' || query.table === 'discrete' ? 8 : 1;
    for (let i = 0; i < 125; i++) {
      const other = { ...query, quantity: 1 + i * step };
      if (!this.includes(other, now)) return other;
    }
    return undefined;
  }
}

function shapeOf(query: Query): number {
  return READ[query.table] * 256 + dataBytes(query);
}
