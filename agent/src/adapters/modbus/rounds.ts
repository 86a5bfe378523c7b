// The rounds of a unit: per group its slots, its requests and which of them is next. What is read in a slot is read
// once in it, also when the plan changes in the midst of it, because the device refused something or the mapping has
// other tags.

import { byPlace, type Cell, type Group, type Limits, type Request, requestsOf } from './plan.ts';
import type { Refusals } from './refusals.ts';
import { placeOf, regrouped } from './regroup.ts';
import { Slots } from './schedule.ts';

export class Round {
  readonly slots: Slots;
  /** What is said of a round that cannot keep its rate. */
  late: string | undefined;
  #group: Group;
  #requests: readonly Request[];
  #next = 0;
  /** The last cell of the request before the next; undefined where the round begins. */
  #behind: Cell | undefined;
  #asked = false;

  constructor(group: Group, requests: readonly Request[], slots: Slots) {
    this.#group = group;
    this.#requests = requests;
    this.slots = slots;
  }

  get group(): Group {
    return this.#group;
  }

  get requests(): readonly Request[] {
    return this.#requests;
  }

  /** Whether every request has been made once. */
  get asked(): boolean {
    return this.#asked;
  }

  /** The request to be made next in this slot; undefined when all have been made. */
  get request(): Request | undefined {
    return this.#requests[this.#next];
  }

  /** This request has been made; others may have taken the place of the rest meanwhile. */
  made(request: Request): void {
    const same = this.request === request;
    this.#behind = request.cells.at(-1);
    this.#next = same ? this.#next + 1 : this.#place();
  }

  /** The slot's work is done, or is given up. */
  over(): void {
    this.#next = 0;
    this.#behind = undefined;
  }

  /** All requests of a slot have been made. @returns whether the rate is kept (Slots.done) */
  done(now: number): boolean {
    this.over();
    this.#asked = true;
    return this.slots.done(now);
  }

  /** Other requests, perhaps for other cells. */
  replan(requests: readonly Request[], group: Group = this.#group): void {
    this.#group = group;
    this.#requests = requests;
    this.#next = this.#place();
  }

  /** The first request that lies behind what was read in this slot. */
  #place(): number {
    const behind = this.#behind;
    if (behind === undefined) return 0;
    const next = this.#requests.findIndex(({ cells }) => byPlace(cells.at(-1)!, behind) > 0);
    return next < 0 ? this.#requests.length : next;
  }
}

export class Rounds {
  readonly #limits: Limits;
  readonly #phase: number;
  readonly #refusals: Refusals;
  #all: readonly Round[];
  /** The round whose turn was last. */
  #served = -1;

  /** @param phase where in each interval the slots begin, as a share of it */
  constructor(groups: readonly Group[], limits: Limits, phase: number, refusals: Refusals) {
    this.#limits = limits;
    this.#phase = phase;
    this.#refusals = refusals;
    const start = performance.now();
    this.#all = groups.map((group) => this.#begun(group, start));
  }

  get all(): readonly Round[] {
    return this.#all;
  }

  /** Nothing is polled. */
  get empty(): boolean {
    return this.#all.length === 0;
  }

  get asked(): boolean {
    return this.#all.every((round) => round.asked);
  }

  get requests(): readonly Request[] {
    return this.#all.flatMap((round) => round.requests);
  }

  /** When the next slot begins, monotonic ms. */
  get due(): number {
    return this.#all.reduce((least, { slots }) => Math.min(least, slots.due), Number.POSITIVE_INFINITY);
  }

  /** Rounds that are due take turns, request by request: neither a long one nor a fast one can keep the others waiting. */
  nextDue(now: number): Round | undefined {
    const count = this.#all.length;
    for (let i = 1; i <= count; i++) {
      const at = (this.#served + i) % count;
      const round = this.#all[at]!;
      if (round.slots.due > now) continue;
      this.#served = at;
      return round;
    }
    return undefined;
  }

  /** Plans those anew for which the device has shown other obstacles. */
  replan(): void {
    for (const round of this.#all)
      if (this.#refusals.changed(round.group)) round.replan(this.requestsFor(round.group, round.group.cells));
  }

  /** All begin with the slot of this moment, after a time when nothing was to be done. */
  resume(now: number): void {
    for (const round of this.#all) {
      round.slots.resume(now);
      round.over();
    }
  }

  /**
   * Tags have come and are gone; rounds that are not concerned do not notice.
   * @returns rounds that are gone, and of what was added what came to a round that there was
   */
  retag(added: readonly Group[], gone: ReadonlySet<number>): { ended: readonly Round[]; joined: readonly Group[] } {
    const fresh = new Map(added.map((group) => [keyOf(group), group]));
    const joined: Group[] = [];
    for (const round of this.#all) {
      const { group } = round;
      const more = fresh.get(keyOf(group));
      const { cells, instead } = regrouped(group.cells, more?.cells ?? [], gone);
      if (more === undefined && instead.size === 0) continue;
      this.#refusals.edit(group, instead);
      round.replan(this.requestsFor(group, cells), { ...group, cells });
      if (more === undefined) continue;
      fresh.delete(keyOf(group));
      joined.push(more);
    }
    const start = performance.now();
    const ended = this.#all.filter(({ group }) => group.cells.length === 0);
    const begun = [...fresh.values()].map((group) => this.#begun(group, start));
    this.#all = [...this.#all.filter(({ group }) => group.cells.length > 0), ...begun];
    return { ended, joined };
  }

  /** Cells of a group as they are by now; those that are gone are left out. */
  present(group: Group, cells: readonly Cell[]): Cell[] {
    const round = this.#all.find((each) => keyOf(each.group) === keyOf(group));
    const known = new Map(round?.group.cells.map((cell) => [placeOf(cell), cell]));
    return cells.map((cell) => known.get(placeOf(cell))).filter((cell) => cell !== undefined);
  }

  /** Requests for cells of a group, around what it was refused. */
  requestsFor(group: Group, cells: readonly Cell[]): readonly Request[] {
    return requestsOf({ ...group, cells }, this.#limits, this.#refusals.of(group));
  }

  #begun(group: Group, start: number): Round {
    const slots = new Slots(this.#phase * group.poll, group.poll, start);
    return new Round(group, this.requestsFor(group, group.cells), slots);
  }
}

function keyOf({ table, poll }: Group): string {
  return `${table} ${poll}`;
}
