// Replies that are still owed where no number tells them apart (RTU). A device that did not answer in time may do so
// during the next request, and what it then says fits every request of the same shape: same unit, same function, same
// length. So before a request of that shape another one is made whose reply has another length. A device answers in the
// order in which it was asked (a line carries one request at a time): once a reply is there that was not owed, none
// before it is owed any more. Exceptions have one shape for all lengths: while a reply is owed, an exception to the same
// function tells nothing, and if need be another function is asked. What a device sends twice by itself, with a pause
// between, cannot be recognised. A line that is opened anew owes what it did before, so this outlives connections and
// adapters. Pure: the time is passed in, monotonic ms.

import type { Table } from '../../config/address.ts';
import { dataBytes, type Query, READ } from './frame.ts';

const TABLES = Object.keys(READ) as Table[];

/** No device and no converter holds a reply back for longer. */
const LONGEST_MS = 300_000;

/** Replies of one function that are owed before another function is asked: the reply, and two exceptions in doubt. */
const MANY = 3;

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

  /** Whether a late exception could be taken for the answer to this. */
  doubts({ unit, table }: Query, now: number): boolean {
    return this.#count(unit, table, now) > 0;
  }

  /** The unit has answered something that was not owed. */
  settle(unit: number): void {
    this.#shapes.delete(unit);
  }

  /** A request in the same place whose reply cannot be one that is owed; the shortest of them. */
  apart(query: Query, now: number): Query | undefined {
    // So many are owed: of this function nothing but exceptions may come. Those of another one tell something.
    const doubtful = this.#count(query.unit, query.table, now) >= MANY;
    const clear = doubtful ? TABLES.find((each) => this.#count(query.unit, each, now) === 0) : undefined;
    const table = clear ?? query.table;
    const step = table === 'coil' || table === 'discrete' ? 8 : 1;
    for (let i = 0; i < 125; i++) {
      const other = { ...query, table, quantity: 1 + i * step };
      if (!this.includes(other, now)) return other;
    }
    return undefined;
  }

  /** Replies of this function that are owed, by shape. */
  #count(unit: number, table: Table, now: number): number {
    const shapes = [...(this.#shapes.get(unit) ?? [])];
    return shapes.filter(([shape, until]) => shape >> 8 === READ[table] && until > now).length;
  }
}

function shapeOf(query: Query): number {
  return READ[query.table] * 256 + dataBytes(query);
}
