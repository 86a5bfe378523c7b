// One unit behind a line: what is due when, what its answers mean, and what it refuses. Every unit runs on its own
// and waits for its turn on the line, so none can hold up another for longer than one request. Only a line that is
// down gets out of here as an error; everything else becomes readings.

import type { Table } from '../../config/address.ts';
import { StatusCode } from '../../model/status.ts';
import type { Alarm } from './alarm.ts';
import type { Outcome } from './connection.ts';
import { exception } from './exceptions.ts';
import { READ } from './frame.ts';
import { type Health, type Patience, SILENCE, struck, WELL } from './health.ts';
import type { Line, PollCounts } from './line.ts';
import { type Cell, type Group, type Limits, type ModbusTag, type Request, request, requestsOf } from './plan.ts';
import type { Probes } from './probes.ts';
import type { Readings } from './readings.ts';
import { type Refusal, Refusals } from './refusals.ts';
import { Slots } from './schedule.ts';
import type { Troubles } from './troubles.ts';

/** What all units of a source share. */
export interface Shared {
  readonly line: Line;
  readonly tags: readonly ModbusTag[];
  readonly limits: Limits;
  /** ms to wait for a reply; for people. */
  readonly timeout: number;
  readonly patience: Patience;
  readonly readings: Readings;
  readonly troubles: Troubles;
  readonly probes: Probes;
  readonly alarm: Alarm;
  readonly counts: PollCounts | undefined;
  /** Monotonic ms at which the first slot of every group begins. */
  readonly origin: number;
  /** To be called when a unit has asked for everything once, and when it is left out. */
  readonly turned: () => void;
}

/** One group in turn: its slots, its requests and which of them is next. */
interface Round {
  readonly group: Group;
  readonly slots: Slots;
  requests: readonly Request[];
  next: number;
  /** Whether every request has been made once. */
  asked: boolean;
  /** What is said of a round that cannot keep its rate. */
  late: string | undefined;
}

type Silence = Exclude<Outcome['kind'], 'data' | 'exception'>;

/** What became of a request: all of it read, parts refused, or nothing known because the unit failed. */
type Result = 'read' | 'refused' | 'failed';

export class Unit {
  readonly id: number;
  readonly #order: number;
  readonly #shared: Shared;
  readonly #rounds: readonly Round[];
  readonly #refusals: Refusals;
  /** Tables that have answered once: function not supported then means an address. */
  readonly #tables = new Set<Table>();
  #health: Health = WELL;
  #silence: Silence | undefined;
  /** A request whose reply was lost, to be made again before it is due. */
  #retry: { readonly lost: Request; readonly due: number } | undefined;
  #probes = 0;
  /** Probes in vain since the unit was left out. */
  #vain = 0;
  /** The round whose turn was last. */
  #served = -1;
  /** Whether anything was ever heard of the unit. */
  #heard = false;
  /** Whether it was told that everything has been asked for. */
  #told = false;

  /** @param order among the units of the source */
  constructor(id: number, order: number, groups: readonly Group[], shared: Shared) {
    this.id = id;
    this.#order = order;
    this.#shared = shared;
    this.#refusals = new Refusals(shared.patience.refusal);
    this.#rounds = groups.map((group) => ({
      group,
      slots: new Slots(shared.origin, group.poll),
      requests: requestsOf(group, shared.tags, shared.limits, this.#refusals.of(group)),
      next: 0,
      asked: false,
      late: undefined,
    }));
  }

  /** Whether every tag has had a first reading, if only a Bad one. */
  get asked(): boolean {
    return this.#health.kind === 'left-out' || (this.#heard && this.#rounds.every((round) => round.asked));
  }

  /** How the unit fails, while it is left out because nothing understandable comes from it. */
  get silence(): Silence | undefined {
    return this.#health.kind === 'left-out' && this.#health.silent ? this.#silence : undefined;
  }

  /** When this unit has something to ask, monotonic ms; never while it is left out. */
  get due(): number {
    if (this.#health.kind === 'left-out') return Number.POSITIVE_INFINITY;
    let due = this.#retry?.due ?? Number.POSITIVE_INFINITY;
    for (const { slots } of this.#rounds) due = Math.min(due, slots.due);
    return due;
  }

  /** Reads until `signal` aborts. @throws Fault when the line is down */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const until = await this.#turn(signal);
      if (signal.aborted) return;
      this.#shared.troubles.report();
      if (until > 0) await this.#shared.alarm.sleep(until, this.#order);
    }
  }

  /** Does what is due. @returns when something is due next, monotonic ms; 0 when it may be now */
  async #turn(signal: AbortSignal): Promise<number> {
    const now = performance.now();
    if (this.#health.kind === 'left-out') {
      if (now < this.#health.until) return this.#health.until;
      const leave = this.#shared.probes.ask(now, this.#health.until, this.#vain);
      if ('wait' in leave) return now + leave.wait;
      await this.#probe(signal, leave.timeout);
      this.#shared.probes.ended(performance.now(), now);
      return 0;
    }
    const round = this.#nextDue(now);
    // What was refused waits until nothing else is due: what can be read goes first.
    const refusal = this.#refusals.next;
    const retry = this.#retry;
    if (round) await this.#advance(round, signal);
    else if (retry && retry.due <= now) {
      this.#retry = undefined;
      await this.#read(retry.lost, signal);
      this.#replan();
    } else if (refusal && refusal.due <= now) await this.#askAgain(refusal, signal);
    else
      return Math.min(...this.#rounds.map(({ slots }) => slots.due), retry?.due ?? Infinity, refusal?.due ?? Infinity);
    return 0;
  }

  /** Rounds that are due take turns, request by request: neither a long one nor a fast one can keep the others waiting. */
  #nextDue(now: number): Round | undefined {
    for (let i = 1; i <= this.#rounds.length; i++) {
      const at = (this.#served + i) % this.#rounds.length;
      const round = this.#rounds[at]!;
      if (round.slots.due > now) continue;
      this.#served = at;
      return round;
    }
    return undefined;
  }

  /** The next request of a round, and the end of the round with its last. */
  async #advance(round: Round, signal: AbortSignal): Promise<void> {
    const due = round.requests[round.next];
    if (due) {
      await this.#read(due, signal);
      if (signal.aborted) return;
      round.next++;
      if (this.#replan().has(round)) {
        // What lies behind the request that changed the plan is still due in this slot.
        const place = (cell: Cell) => round.group.cells.indexOf(cell);
        const behind = place(due.cells.at(-1)!);
        const next = round.requests.findIndex(({ cells }) => place(cells.at(-1)!) > behind);
        round.next = next < 0 ? round.requests.length : next;
      }
    }
    if (round.next < round.requests.length) return;
    round.next = 0;
    round.asked = true;
    if (!this.#told && this.asked) {
      this.#told = true;
      this.#shared.turned();
    }
    const missed = round.slots.missed;
    const kept = round.slots.done(performance.now());
    const { counts } = this.#shared;
    if (counts) counts.overruns += round.slots.missed - missed;
    // Said once, as it was when it began, or each poll would be a line in the log.
    round.late = kept
      ? undefined
      : (round.late ??
        `reading it takes longer than its poll, ${round.slots.missed} were left out so far; it is read as often as the device allows`);
    const { table, poll } = round.group;
    this.#shared.troubles.set(`unit ${this.id}, ${table} every ${poll} ms`, round.late);
  }

  /** Plans the rounds anew whose obstacles have changed, and returns them. */
  #replan(): ReadonlySet<Round> {
    const { tags, limits } = this.#shared;
    const changed = this.#rounds.filter(({ group }) => this.#refusals.changed(group));
    for (const round of changed) {
      round.requests = requestsOf(round.group, tags, limits, this.#refusals.of(round.group));
      round.next = 0;
    }
    return new Set(changed);
  }

  /**
   * One request; when the device refuses an address of it, its halves, down to the cells that are refused. Where both
   * halves are read and the whole is not, the fault lies between them: a hole, or a block longer than it allows.
   */
  async #read(whole: Request, signal: AbortSignal, timeout?: number): Promise<Result> {
    const outcome = await this.#ask(whole, timeout);
    if (signal.aborted) return 'failed';
    if (outcome.kind === 'data') {
      this.#alive();
      this.#tables.add(whole.group.table);
      this.#shared.readings.accept(whole, outcome.data);
      return 'read';
    }
    if (outcome.kind !== 'exception') {
      this.#silent(outcome, whole);
      return 'failed';
    }
    const { group, cells } = whole;
    const { meaning, status, words } = exception(outcome.code);
    if (meaning === 'answer' || meaning === 'absent') {
      this.#denied(cells, status, words, meaning === 'absent');
      return 'failed';
    }
    this.#alive();
    if (meaning === 'table' && !this.#tables.has(group.table)) {
      for (const { group: each } of this.#rounds) {
        if (each.table === group.table) this.#refuse(each, each.cells, status, `${words}: ${READ[each.table]}`);
      }
      return 'refused';
    }
    if (cells.length === 1) {
      this.#refuse(group, cells, status, words);
      return 'refused';
    }
    const middle = Math.ceil(cells.length / 2);
    const low = await this.#read(request(group, cells.slice(0, middle), this.#shared.tags), signal);
    if (low === 'failed') return 'failed';
    const high = await this.#read(request(group, cells.slice(middle), this.#shared.tags), signal);
    if (high === 'failed') return 'failed';
    if (low === 'read' && high === 'read') this.#refusals.wall(group, cells[middle]!.start);
    return 'refused';
  }

  /** A unit that is left out is asked for something else each time, so that one bad block cannot keep it out. */
  async #probe(signal: AbortSignal, timeout: number): Promise<void> {
    const requests = this.#rounds.flatMap((round) => round.requests);
    const probe = requests[this.#probes++ % Math.max(1, requests.length)];
    if (!probe) {
      this.#health = WELL;
      return;
    }
    this.#vain++;
    await this.#read(probe, signal, timeout);
    this.#replan();
  }

  async #askAgain(refusal: Refusal, signal: AbortSignal): Promise<void> {
    const { group, cells } = refusal;
    const probe = request(group, cells.slice(0, 1), this.#shared.tags);
    const outcome = await this.#ask(probe);
    if (signal.aborted) return;
    // A refused table whose first address alone is refused is there.
    const there =
      outcome.kind === 'data' ||
      (outcome.kind === 'exception' && cells.length > 1 && exception(outcome.code).meaning === 'address');
    if (!there) {
      this.#refusals.renew(refusal, performance.now());
      if (outcome.kind !== 'exception') this.#silent(outcome);
      return;
    }
    this.#refusals.lift(refusal);
    for (const slot of slotsOf(cells)) this.#shared.troubles.set(this.#shared.tags[slot]!.name, undefined);
    if (outcome.kind === 'data') this.#shared.readings.accept(probe, outcome.data);
    this.#replan();
  }

  async #ask({ group, start, quantity }: Request, timeout?: number): Promise<Outcome> {
    const { line, probes } = this.#shared;
    const begin = performance.now();
    const outcome = await line.read(this.id, group.table, start, quantity, timeout);
    if (outcome.kind === 'data') probes.replied(performance.now() - begin);
    return outcome;
  }

  /** The unit has answered, if only to refuse. */
  #alive(): void {
    this.#heard = true;
    const back = this.#health.kind === 'left-out';
    this.#health = WELL;
    this.#vain = 0;
    if (!back) return;
    this.#shared.troubles.set(this.#name, undefined);
    for (const round of this.#rounds) {
      round.slots.resume(performance.now());
      round.next = 0;
    }
  }

  #silent(outcome: Exclude<Outcome, { kind: 'data' | 'exception' }>, lost?: Request): void {
    this.#silence = outcome.kind;
    const status = outcome.kind === 'timeout' ? StatusCode.BadTimeout : StatusCode.BadCommunicationError;
    const words = outcome.kind === 'timeout' ? `no reply within ${this.#shared.timeout} ms` : outcome.reason;
    this.#strike(lost?.cells ?? [], status, words, SILENCE, true);
    // A poll of minutes must not wait that long for one lost reply, nor to find out that the unit is dead.
    const { firstProbe } = this.#shared.patience;
    const again = this.#health.kind === 'well' && lost !== undefined && lost.group.poll > firstProbe;
    this.#retry = again ? { lost, due: performance.now() + firstProbe } : undefined;
  }

  #denied(cells: readonly Cell[], status: number, words: string, absent: boolean): void {
    this.#heard = true;
    const requests = this.#rounds.reduce((sum, round) => sum + round.requests.length, 0);
    this.#strike(cells, status, `the device says: ${words}`, absent ? SILENCE : 1 / Math.max(2, requests), false);
  }

  /** A failed request makes its tags Bad; the failure that makes the unit be left out, all tags that can be read. */
  #strike(cells: readonly Cell[], status: number, words: string, share: number, silent: boolean): void {
    const { readings, troubles, patience } = this.#shared;
    this.#health = struck(this.#health, share, silent, performance.now(), patience);
    if (this.#health.kind === 'well') {
      readings.fail(slotsOf(cells), status);
      return;
    }
    troubles.set(this.#name, `${words}; it is left out, and probed from time to time`);
    for (const { requests } of this.#rounds) for (const each of requests) readings.fail(each.slot, status);
    this.#shared.turned();
  }

  #refuse(group: Group, cells: readonly Cell[], status: number, words: string): void {
    const { readings, troubles, tags } = this.#shared;
    this.#refusals.refuse(group, cells, performance.now());
    const slots = slotsOf(cells);
    readings.fail(slots, status);
    for (const slot of slots) troubles.set(tags[slot]!.name, `the device says: ${words}`);
  }

  get #name(): string {
    return `unit ${this.id}`;
  }
}

function slotsOf(cells: readonly Cell[]): number[] {
  return cells.flatMap((cell) => cell.parts.map(({ slot }) => slot));
}
