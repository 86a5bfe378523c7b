// One unit behind a line: what is due when, what its answers mean, and what it refuses. Every unit runs on its own
// and waits for its turn on the line, so none can hold up another for longer than one request. Only a line that is
// down gets out of here as an error; everything else becomes readings. Tags may come and go meanwhile: slots, health and
// what was refused stay, and a request under way is judged by the tags that there are when its reply comes.

import type { Table } from '../../config/address.ts';
import type { Alarm } from './alarm.ts';
import { Blocks } from './blocks.ts';
import type { Outcome } from './connection.ts';
import { exception } from './exceptions.ts';
import { READ } from './frame.ts';
import { type Health, type Patience, SILENCE, struck, WELL } from './health.ts';
import type { Line, PollCounts } from './line.ts';
import { type Cell, type Group, type Limits, type Request, request } from './plan.ts';
import type { Probes } from './probes.ts';
import type { Readings } from './readings.ts';
import { type Reason, type Refusal, Refusals } from './refusals.ts';
import { type Round, Rounds } from './rounds.ts';
import { silence } from './silence.ts';
import type { Troubles } from './troubles.ts';

/** What all units of a source share. */
export interface Shared {
  readonly line: Line;
  readonly limits: Limits;
  /** ms to wait for a reply; for people. */
  readonly timeout: number;
  readonly patience: Patience;
  readonly readings: Readings;
  readonly troubles: Troubles;
  readonly probes: Probes;
  readonly alarm: Alarm;
  readonly counts: PollCounts | undefined;
  /** Where in each interval its slots begin, as a share of it (schedule.ts). */
  readonly phase: number;
  /** To be called when a unit has asked for everything once, and when it is left out. */
  readonly turned: () => void;
}

type Silence = Exclude<Outcome['kind'], 'data' | 'exception'>;

/** What became of a request: all of it read, parts refused, or nothing known because the unit failed. */
type Result = 'read' | 'refused' | 'failed';

/** New tags that are polled more seldom, ms, do not wait for their slot. */
const SOON_MS = 1_000;

export class Unit {
  readonly id: number;
  readonly #order: number;
  readonly #shared: Shared;
  readonly #rounds: Rounds;
  readonly #refusals: Refusals;
  readonly #blocks: Blocks;
  /** Tables that have answered once: function not supported then means an address. */
  readonly #tables = new Set<Table>();
  #health: Health = WELL;
  #silence: Silence | undefined;
  /** Why it was left out last. */
  #reason: Reason | undefined;
  /** A request whose reply was lost, to be made again before it is due. */
  #retry: { readonly lost: Request; readonly due: number } | undefined;
  /** First readings of tags that came while it ran, and whether one of them had the last turn. */
  #soon: Request[] = [];
  #hurried = false;
  #probes = 0;
  /** Probes in vain since the unit was left out. */
  #vain = 0;
  /** Whether anything was ever heard of the unit. */
  #heard = false;
  /** Whether it was told that everything has been asked for. */
  #told = false;

  /** @param order among the units of the source */
  constructor(id: number, order: number, groups: readonly Group[], shared: Shared) {
    this.id = id;
    this.#order = order;
    this.#shared = shared;
    this.#refusals = new Refusals(shared.patience);
    this.#blocks = new Blocks(shared.patience, shared.troubles);
    this.#rounds = new Rounds(groups, shared.limits, shared.phase, this.#refusals);
  }

  /** Nothing of it is polled: it has ended. */
  get empty(): boolean {
    return this.#rounds.empty;
  }

  /** Whether every tag has had a first reading, if only a Bad one. */
  get asked(): boolean {
    return this.#health.kind === 'left-out' || (this.#heard && this.#rounds.asked);
  }

  /** How the unit fails, while it is left out because nothing understandable comes from it. */
  get silence(): Silence | undefined {
    return this.#health.kind === 'left-out' && this.#health.silent ? this.#silence : undefined;
  }

  /** When this unit has something to ask, monotonic ms; never while it is left out. */
  get due(): number {
    if (this.#health.kind === 'left-out') return Number.POSITIVE_INFINITY;
    return Math.min(this.#rounds.due, this.#retry?.due ?? Number.POSITIVE_INFINITY);
  }

  /** Tags have come and are gone. @param added groups of those that have come @param gone their positions in the list */
  retag(added: readonly Group[], gone: ReadonlySet<number>): void {
    const { ended, joined } = this.#rounds.retag(added, gone);
    for (const round of ended) this.#tellLate(round, undefined);
    this.#blocks.keep(this.#rounds.requests);
    if (this.empty) this.#shared.troubles.set(this.#name, undefined);
    for (const group of this.#health.kind === 'left-out' ? added : joined) this.#begin(group);
    this.#shared.alarm.rouse(this.#order);
  }

  /** What new cells have as their first reading, where that does not come with the next slot. */
  #begin(group: Group): void {
    if (this.#health.kind === 'left-out') {
      this.#shared.readings.fail(slotsOf(group.cells), this.#reason!.status);
      return;
    }
    const known = this.#rounds.present(group, group.cells);
    const open = group.cells.filter((cell, i) => {
      const reason = this.#refusals.reasonFor(group, known[i]!);
      if (reason) this.#tellRefused([cell], reason);
      return reason === undefined;
    });
    if (group.poll > SOON_MS) this.#soon.push(...this.#rounds.requestsFor(group, open));
  }

  /**
   * Reads until `signal` aborts or nothing is left to be read. @throws Fault when the line is down
   * @param lasting false: also until it is left out
   */
  async run(signal: AbortSignal, lasting = true): Promise<void> {
    while (!signal.aborted && !this.empty && (lasting || this.#health.kind === 'well')) {
      const until = await this.#turn(signal);
      if (signal.aborted) return;
      this.#tellAsked();
      if (!this.#blocks.none) this.#blocks.keep(this.#rounds.requests);
      this.#shared.troubles.report();
      if (until > 0) await this.#shared.alarm.sleep(until, this.#order);
    }
  }

  /** Once: also where what was lost in the first round came later. */
  #tellAsked(): void {
    if (this.#told || !this.asked) return;
    this.#told = true;
    this.#shared.turned();
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
    // First readings and rounds take turns.
    const soon = this.#hurried ? undefined : this.#soon.shift();
    this.#hurried = soon !== undefined;
    if (soon) {
      await this.#read(soon, signal);
      this.#rounds.replan();
      return 0;
    }
    const round = this.#rounds.nextDue(now);
    // What was refused waits until nothing else is due: what can be read goes first.
    const refusal = this.#refusals.next;
    const retry = this.#retry;
    if (round) await this.#advance(round, signal);
    else if (retry && retry.due <= now) {
      this.#retry = undefined;
      await this.#read(retry.lost, signal);
      this.#rounds.replan();
    } else if (refusal && refusal.due <= now) await this.#askAgain(refusal, signal);
    else if (this.#soon.length === 0)
      return Math.min(
        this.#rounds.due,
        retry?.due ?? Number.POSITIVE_INFINITY,
        refusal?.due ?? Number.POSITIVE_INFINITY,
      );
    return 0;
  }

  /** The next request of a round, and the end of the round with its last. */
  async #advance(round: Round, signal: AbortSignal): Promise<void> {
    const due = round.request;
    if (due && this.#blocks.restOf(due) > performance.now()) round.made(due);
    else if (due) {
      await this.#read(due, signal);
      if (signal.aborted || !this.#rounds.all.includes(round)) return;
      this.#rounds.replan();
      round.made(due);
    }
    if (round.request) return;
    const missed = round.slots.missed;
    const kept = round.done(performance.now());
    const { counts } = this.#shared;
    if (counts) counts.overruns += round.slots.missed - missed;
    // Said once, as it was when it began, or each poll would be a line in the log.
    const words = `reading it takes longer than its poll, ${round.slots.missed} were left out so far; it is read as often as the device allows`;
    this.#tellLate(round, kept ? undefined : (round.late ?? words));
  }

  #tellLate(round: Round, words: string | undefined): void {
    round.late = words;
    const { table, poll } = round.group;
    this.#shared.troubles.set(`unit ${this.id}, ${table} every ${poll} ms`, words);
  }

  /**
   * One request; when the device refuses an address of it, its halves, down to the cells that are refused. Where both
   * halves are read and the whole is not, the fault lies between them: a hole, or a block longer than it allows.
   */
  async #read(whole: Request, signal: AbortSignal, timeout?: number): Promise<Result> {
    const outcome = await this.#ask(whole, timeout);
    if (signal.aborted || this.empty) return 'failed';
    if (outcome.kind === 'data' || outcome.kind === 'exception') this.#blocks.clear(whole);
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
      const reason = { status, words: `${words}: ${READ[group.table]}` };
      for (const { group: each } of this.#rounds.all)
        if (each.table === group.table) this.#refuse(each, each.cells, reason);
      return 'refused';
    }
    if (cells.length === 1) {
      this.#refuse(group, this.#rounds.present(group, cells), { status, words });
      return 'refused';
    }
    const middle = Math.ceil(cells.length / 2);
    const low = await this.#read(request(group, cells.slice(0, middle)), signal);
    if (low === 'failed') return 'failed';
    const high = await this.#read(request(group, cells.slice(middle)), signal);
    if (high === 'failed') return 'failed';
    if (low === 'read' && high === 'read') this.#refusals.wall(group, cells[middle]!.start);
    return 'refused';
  }

  /** A unit that is left out is asked for something else each time, so that one bad block cannot keep it out. */
  async #probe(signal: AbortSignal, timeout: number): Promise<void> {
    const all = this.#rounds.requests;
    const apart = all.filter((each) => this.#blocks.restOf(each) === 0);
    const requests = apart.length > 0 ? apart : all;
    const probe = requests[this.#probes++ % Math.max(1, requests.length)];
    if (!probe) {
      this.#health = WELL;
      return;
    }
    this.#vain++;
    await this.#read(probe, signal, timeout);
    this.#rounds.replan();
  }

  async #askAgain(refusal: Refusal, signal: AbortSignal): Promise<void> {
    const { group, cells } = refusal;
    const probe = request(group, cells.slice(0, 1));
    const outcome = await this.#ask(probe);
    if (signal.aborted || this.empty) return;
    // A refused table whose first address alone is refused is there.
    const there =
      outcome.kind === 'data' ||
      (outcome.kind === 'exception' && cells.length > 1 && exception(outcome.code).meaning === 'address');
    if (!there) {
      this.#refusals.renew(refusal, performance.now());
      if (outcome.kind !== 'exception') this.#silent(outcome);
      return;
    }
    for (const { parts } of this.#refusals.lift(refusal))
      for (const { tag } of parts) this.#shared.troubles.set(tag.name, undefined);
    if (outcome.kind === 'data') this.#shared.readings.accept(probe, outcome.data);
    this.#rounds.replan();
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
    this.#rounds.resume(performance.now());
  }

  #silent(outcome: Exclude<Outcome, { kind: 'data' | 'exception' }>, lost?: Request): void {
    this.#silence = outcome.kind;
    const { status, words } = silence(outcome, this.#shared.timeout);
    const known = this.#health.kind === 'well' && lost !== undefined && this.#rounds.requests.includes(lost);
    if (known && this.#blocks.failed(lost, words, performance.now())) {
      this.#shared.readings.fail(lost.slot, status);
      return;
    }
    this.#strike(lost?.cells ?? [], status, words, SILENCE, true);
    // A poll of minutes must not wait that long for one lost reply, nor to find out that the unit is dead.
    const { firstProbe } = this.#shared.patience;
    const again = this.#health.kind === 'well' && lost !== undefined && lost.group.poll > firstProbe;
    this.#retry = again ? { lost, due: performance.now() + firstProbe } : undefined;
  }

  #denied(cells: readonly Cell[], status: number, words: string, absent: boolean): void {
    this.#heard = true;
    const requests = this.#rounds.requests.length;
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
    this.#reason = { status, words };
    this.#soon = [];
    troubles.set(this.#name, `${words}; it is left out, and probed from time to time`);
    for (const each of this.#rounds.requests) readings.fail(each.slot, status);
    this.#shared.turned();
  }

  #refuse(group: Group, cells: readonly Cell[], reason: Reason): void {
    const wasThere = slotsOf(cells).some((slot) => this.#shared.readings.wasRead(slot));
    this.#refusals.refuse(group, cells, reason, performance.now(), wasThere);
    this.#tellRefused(cells, reason);
  }

  #tellRefused(cells: readonly Cell[], { status, words }: Reason): void {
    const { readings, troubles } = this.#shared;
    readings.fail(slotsOf(cells), status);
    for (const { parts } of cells) for (const { tag } of parts) troubles.set(tag.name, `the device says: ${words}`);
  }

  get #name(): string {
    return `unit ${this.id}`;
  }
}

function slotsOf(cells: readonly Cell[]): number[] {
  return cells.flatMap((cell) => cell.parts.map(({ slot }) => slot));
}
