// What a device refused, so that it is planned around: addresses that it does not have, tables that it does not know,
// and places that a request must not run across. Refused cells are asked for again from time to time, one request at
// a time; a download to the PLC may have made them real. What was there a moment ago is asked for soon, and then ever
// more seldom: a PLC refuses everything while it takes a download. Groups are known by table and interval, so that what was
// learnt outlives a change of their tags.

import type { Patience } from './health.ts';
import type { Cell, Group, Obstacles } from './plan.ts';

/** Why the device does not give something. */
export interface Reason {
  readonly status: number;
  readonly words: string;
}

/** Cells that were refused for one reason. */
export interface Refusal {
  readonly id: number;
  readonly group: Group;
  readonly cells: readonly Cell[];
  readonly reason: Reason;
  /** When to ask again, monotonic ms. */
  readonly due: number;
  /** ms that were waited for that */
  readonly pause: number;
}

interface Known {
  readonly refused: Map<Cell, Reason>;
  readonly walls: Set<number>;
  changed: boolean;
}

export class Refusals {
  readonly #patience: Patience;
  /** In the order in which they are due. */
  #queue: Refusal[] = [];
  #ids = 0;
  readonly #known = new Map<string, Known>();

  constructor(patience: Patience) {
    this.#patience = patience;
  }

  /** The refusal to ask for next. */
  get next(): Refusal | undefined {
    return this.#queue[0];
  }

  /** What the plan of this group has to go around. */
  of(group: Group): Obstacles {
    const { refused, walls } = this.#of(group);
    return { refused, walls };
  }

  /** Why this cell was refused, if it was. */
  reasonFor(group: Group, cell: Cell): Reason | undefined {
    return this.#of(group).refused.get(cell);
  }

  /** Whether the group must be planned anew since this was last asked. */
  changed(group: Group): boolean {
    const known = this.#of(group);
    const changed = known.changed;
    known.changed = false;
    return changed;
  }

  /** @param wasThere whether one of them was read before */
  refuse(group: Group, cells: readonly Cell[], reason: Reason, now: number, wasThere: boolean): void {
    const known = this.#of(group);
    const news = cells.filter((cell) => !known.refused.has(cell));
    if (news.length === 0) return;
    for (const cell of news) known.refused.set(cell, reason);
    known.changed = true;
    const { firstProbe, refusal } = this.#patience;
    const pause = wasThere ? Math.min(firstProbe, refusal) : refusal;
    this.#put({ id: this.#ids++, group, cells: news, reason, due: now + pause, pause });
  }

  /** No request of the group runs from below this address to here any more. */
  wall(group: Group, address: number): void {
    const known = this.#of(group);
    known.walls.add(address);
    known.changed = true;
  }

  /** It was asked for again, in vain. */
  renew(refusal: Refusal, now: number): void {
    const known = this.#take(refusal);
    if (!known) return;
    const pause = Math.min(2 * known.pause, this.#patience.refusal);
    this.#put({ ...known, due: now + pause, pause });
  }

  /** It was asked for again and is there now. @returns its cells, as they are by now */
  lift(refusal: Refusal): readonly Cell[] {
    const lifted = this.#take(refusal);
    if (!lifted) return [];
    const known = this.#of(lifted.group);
    for (const cell of lifted.cells) known.refused.delete(cell);
    known.changed = true;
    return lifted.cells;
  }

  /** The group has other tags: some of its cells have others in their place, or nothing (undefined). */
  edit(group: Group, instead: ReadonlyMap<Cell, Cell | undefined>): void {
    const known = this.#of(group);
    const now = (cell: Cell) => (instead.has(cell) ? instead.get(cell) : cell);
    for (const [cell, reason] of [...known.refused]) {
      if (!instead.has(cell)) continue;
      known.refused.delete(cell);
      const next = now(cell);
      if (next) known.refused.set(next, reason);
    }
    this.#queue = this.#queue.flatMap((refusal) => {
      if (keyOf(refusal.group) !== keyOf(group) || !refusal.cells.some((cell) => instead.has(cell))) return [refusal];
      const cells = refusal.cells.map(now).filter((cell) => cell !== undefined);
      return cells.length > 0 ? [{ ...refusal, cells }] : [];
    });
  }

  #put(refusal: Refusal): void {
    const before = this.#queue.findLastIndex(({ due }) => due <= refusal.due);
    this.#queue.splice(before + 1, 0, refusal);
  }

  #of(group: Group): Known {
    const key = keyOf(group);
    let known = this.#known.get(key);
    if (!known) {
      known = { refused: new Map(), walls: new Set(), changed: false };
      this.#known.set(key, known);
    }
    return known;
  }

  /** Takes it out of the queue, as it is there by now: its cells may have been edited since it was looked at. */
  #take({ id }: Refusal): Refusal | undefined {
    const at = this.#queue.findIndex((each) => each.id === id);
    return at < 0 ? undefined : this.#queue.splice(at, 1)[0];
  }
}

function keyOf({ table, poll }: Group): string {
  return `${table} ${poll}`;
}
