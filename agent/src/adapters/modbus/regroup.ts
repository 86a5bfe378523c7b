// A group whose tags change while it is polled: what is not concerned stays the same cell, so that what is known of it
// stays known. Pure.

import { byPlace, type Cell } from './plan.ts';

export interface Regrouped {
  /** Sorted, as cells of a group are. */
  readonly cells: readonly Cell[];
  /** Cells that are gone, and what stands in their place; nothing (undefined) where all of their tags are gone. */
  readonly instead: ReadonlyMap<Cell, Cell | undefined>;
}

/** @param added cells of new tags; one may have a place that is there already @param gone positions of tags that go */
export function regrouped(cells: readonly Cell[], added: readonly Cell[], gone: ReadonlySet<number>): Regrouped {
  const fresh = new Map(added.map((cell) => [placeOf(cell), cell]));
  const instead = new Map<Cell, Cell | undefined>();
  const next: Cell[] = [];
  for (const cell of cells) {
    const more = fresh.get(placeOf(cell));
    fresh.delete(placeOf(cell));
    if (more === undefined && !cell.parts.some(({ slot }) => gone.has(slot))) {
      next.push(cell);
      continue;
    }
    const parts = [...cell.parts.filter(({ slot }) => !gone.has(slot)), ...(more?.parts ?? [])];
    const other = parts.length > 0 ? { ...cell, parts } : undefined;
    instead.set(cell, other);
    if (other) next.push(other);
  }
  return { cells: [...next, ...fresh.values()].sort(byPlace), instead };
}

/** Tells cells of a group apart. */
export function placeOf({ start, end }: Pick<Cell, 'start' | 'end'>): number {
  return start * 0x20000 + end;
}
