// What a device refused, so that it is planned around: addresses that it does not have, tables that it does not know,
// and places that a request must not run across. Refused cells are asked for again from time to time, one request at
// a time; a download to the PLC may have made them real.

import type { Cell, Group, Obstacles } from './plan.ts';

/** Cells that were refused for one reason. */
export interface Refusal {
  readonly group: Group;
  readonly cells: readonly Cell[];
  /** When to ask again, monotonic ms. */
  readonly due: number;
}

interface Known {
  readonly refused: Set<Cell>;
  readonly walls: Set<number>;
  changed: boolean;
}

export class Refusals {
  readonly #patience: number;
  /** In the order in which they are due, because every refusal waits equally long. */
  readonly #queue: Refusal[] = [];
  readonly #known = new Map<Group, Known>();

  /** @param patience ms until a refused cell is asked for again */
  constructor(patience: number) {
    this.#patience = patience;
  }

  /** The refusal to ask for next. */
  get next(): Refusal | undefined {
    return this.#queue[0];
  }

  /** What the plan of this group has to go around. */
  of(group: Group): Obstacles {
    return this.#of(group);
  }

  /** Whether the group must be planned anew since this was last asked. */
  changed(group: Group): boolean {
    const known = this.#of(group);
    const changed = known.changed;
    known.changed = false;
    return changed;
  }

  refuse(group: Group, cells: readonly Cell[], now: number): void {
    const known = this.#of(group);
    for (const cell of cells) known.refused.add(cell);
    known.changed = true;
    this.#queue.push({ group, cells, due: now + this.#patience });
  }

  /** No request of the group runs from below this address to here any more. */
  wall(group: Group, address: number): void {
    const known = this.#of(group);
    known.walls.add(address);
    known.changed = true;
  }

  /** It was asked for again, in vain. */
  renew(refusal: Refusal, now: number): void {
    this.#remove(refusal);
    this.#queue.push({ ...refusal, due: now + this.#patience });
  }

  /** It was asked for again and is there now. */
  lift(refusal: Refusal): void {
    this.#remove(refusal);
    const known = this.#of(refusal.group);
    for (const cell of refusal.cells) known.refused.delete(cell);
    known.changed = true;
  }

  #of(group: Group): Known {
    let known = this.#known.get(group);
    if (!known) {
      known = { refused: new Set(), walls: new Set(), changed: false };
      this.#known.set(group, known);
    }
    return known;
  }

  #remove(refusal: Refusal): void {
    const at = this.#queue.indexOf(refusal);
    if (at >= 0) this.#queue.splice(at, 1);
  }
}
