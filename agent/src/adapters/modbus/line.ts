// The way to a Modbus server or serial line, shared by the units behind it. Requests wait in the order of asking, and
// every unit asks for one thing at a time, so that units take turns. They go over one connection or, where the mapping
// and the server allow it, over several side by side.
//
// L1  A request ends with an outcome, or with a Fault when the line is down: no connection stands and none can be made.
// L2  A connection that failed is dropped (connection.ts) and the next request opens a new one: one dead unit costs its
//     neighbours its timeout and a handshake, and not their link. One attempt to connect only.
// L3  A server that refuses, or hangs up on, one connection among several gets fewer for a while, and at least one.
// L4  No reply is taken for another's: by number, and where there is none by its shape (owed.ts).

import { setTimeout as sleep } from 'node:timers/promises';
import type { Table } from '../../config/address.ts';
import { Fault } from '../../model/fault.ts';
import type { PollingFacts } from '../adapter.ts';
import type { Connection, Outcome } from './connection.ts';
import type { Query } from './frame.ts';
import { openConnection } from './open.ts';
import { Owed } from './owed.ts';
import { numbered, placeOf, type Transport } from './transport.ts';

export interface LineOptions {
  readonly transport: Transport;
  /** ms to wait for a reply */
  readonly timeout: number;
  /** ms between the end of one request and the next on the same connection */
  readonly delayBetweenRequests: number;
  /** ms between connecting and the first request; default 0 */
  readonly connectDelay?: number;
  /** How often a request without a usable reply is made again, of a unit that answered last time; default 0 */
  readonly retries?: number;
  /** Most connections side by side; default 1. A serial port is one. */
  readonly connections?: number;
  /** What devices still owe to lines that were there before this one. */
  readonly owed?: Owed;
  /** Counts over all lines of a source. */
  readonly counts?: PollCounts;
}

/** Counts that lines and units keep up. */
export type PollCounts = { -readonly [K in keyof PollingFacts]: number };

/** ms to wait for a connection, at least: a handshake across a site takes longer than a reply from its end. */
const CONNECT_TIMEOUT_MS = 3_000;
/** How long a server that did not allow another connection is not asked for one, ms. */
const MODESTY_MS = 60_000;

/** Exceptions in a row that may be late; behind two of them another function is asked, which leaves no doubt. */
const MOST_DOUBTS = 4;

interface Lane {
  connection: Connection | undefined;
  busy: boolean;
}

interface Task {
  readonly query: Query;
  /** ms to wait for the reply */
  readonly timeout: number;
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (fault: unknown) => void;
  /** How often it was hung up on beside other connections, and waited again. */
  again: number;
}

export class Line {
  readonly #options: LineOptions;
  readonly #down = new AbortController();
  readonly #lanes: readonly Lane[];
  readonly #waiting: Task[] = [];
  readonly #owed: Owed | undefined;
  /** Units whose last request failed; nothing of theirs is tried twice. */
  readonly #failing = new Set<number>();
  /** Connections that the server allows, and until when that is believed. */
  #allowed = { count: Number.POSITIVE_INFINITY, until: 0 };

  constructor(options: LineOptions) {
    this.#options = options;
    const { connections = 1, transport, owed = new Owed() } = options;
    const count = transport.kind === 'rtu' ? 1 : connections;
    this.#lanes = Array.from({ length: count }, () => ({ connection: undefined, busy: false }));
    this.#owed = numbered(transport) ? undefined : owed;
  }

  /** @throws Fault source.unreachable and the like, or source.closed when it was closed meanwhile */
  async open(signal: AbortSignal): Promise<void> {
    const lane = this.#lanes[0]!;
    lane.busy = true;
    try {
      await this.#connect(lane, AbortSignal.any([signal, this.#down.signal]));
    } finally {
      lane.busy = false;
    }
  }

  /**
   * Reads `quantity` registers or bits from `start` on, when it is this request's turn.
   * @param timeout ms to wait for the reply, when it is not the line's
   * @throws Fault when no connection stands and none can be made
   */
  read(
    unit: number,
    table: Table,
    start: number,
    quantity: number,
    timeout: number = this.#options.timeout,
  ): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ query: { unit, table, start, quantity }, timeout, resolve, reject, again: 0 });
      this.#dispatch();
    });
  }

  /** Closes at once and for good; requests under way end as `closed`. Resolves when nothing of it is left. */
  async close(): Promise<void> {
    this.#down.abort();
    await Promise.all(this.#lanes.map(({ connection }) => connection?.close()));
  }

  /** Gives waiting requests to connections, those that stand first. */
  #dispatch(): void {
    while (this.#waiting.length > 0) {
      const lane = this.#freeLane();
      if (!lane) return;
      lane.busy = true;
      void this.#serve(lane, this.#waiting.shift()!);
    }
  }

  #freeLane(): Lane | undefined {
    const idle = this.#lanes.filter(({ busy }) => !busy);
    const open = idle.find(({ connection }) => connection?.open);
    if (open) return open;
    const used = this.#lanes.length - idle.length;
    return used < this.#most || used === 0 ? idle[0] : undefined;
  }

  /** Connections that may be made at this time. */
  get #most(): number {
    const { count, until } = this.#allowed;
    return performance.now() < until ? count : this.#lanes.length;
  }

  async #serve(lane: Lane, task: Task): Promise<void> {
    const begin = performance.now();
    let outcome: Outcome | undefined;
    try {
      outcome = await this.#ask(lane, task);
      if (outcome === undefined) {
        task.again++;
        this.#waiting.unshift(task);
      } else task.resolve(outcome);
    } catch (fault) {
      task.reject(fault);
    }
    const good = outcome?.kind === 'data' || outcome?.kind === 'exception';
    if (good) this.#failing.delete(task.query.unit);
    else if (outcome) this.#failing.add(task.query.unit);
    this.#count(good, performance.now() - begin);
    const { delayBetweenRequests } = this.#options;
    if (delayBetweenRequests > 0 && lane.connection?.open) await this.#pause(delayBetweenRequests);
    lane.busy = false;
    this.#dispatch();
  }

  #count(good: boolean, took: number): void {
    const { counts } = this.#options;
    if (!counts || this.#down.signal.aborted) return;
    counts.requests++;
    if (good) return;
    counts.failed++;
    counts.lost += took;
  }

  /** A request with its repetitions. Undefined when others shall have it: this server allows no connection beside theirs. */
  async #ask(lane: Lane, { query, timeout, again }: Task): Promise<Outcome | undefined> {
    const { retries = 0 } = this.#options;
    let attempts = this.#failing.has(query.unit) ? 1 : retries + 1;
    // A server that is to have fewer connections may count one that is just being closed.
    const crowded = () => this.#others(lane) || performance.now() < this.#allowed.until;
    const alone = () => again >= this.#lanes.length || !crowded() || this.#down.signal.aborted;
    for (;;) {
      let outcome: Outcome;
      try {
        outcome = await this.#askOnce(lane, query, timeout);
      } catch (fault) {
        if (alone()) throw fault;
        this.#fewer();
        return undefined;
      }
      if (outcome.kind === 'closed' && !alone()) {
        this.#fewer();
        return undefined;
      }
      attempts--;
      const final = outcome.kind === 'data' || outcome.kind === 'exception' || attempts === 0;
      if (final || this.#down.signal.aborted) return outcome;
    }
  }

  async #askOnce(lane: Lane, query: Query, timeout: number): Promise<Outcome> {
    const fresh = !lane.connection?.open;
    if (fresh) await this.#connect(lane, this.#down.signal);
    const outcome = await this.#askApart(lane, query, timeout);
    // Many PLCs close a connection that was idle for a minute, perhaps in the moment of this request: reading does no
    // harm twice. Beside other connections it is looked at differently (L3).
    if (outcome.kind !== 'closed' || fresh || this.#others(lane) || this.#down.signal.aborted) return outcome;
    await this.#connect(lane, this.#down.signal);
    return this.#askApart(lane, query, timeout);
  }

  /** L4 */
  async #askApart(lane: Lane, query: Query, timeout: number): Promise<Outcome> {
    const owed = this.#owed;
    for (let i = 0; i < MOST_DOUBTS; i++) {
      if (owed?.includes(query, performance.now())) {
        const other = owed.apart(query, performance.now());
        if (other === undefined) return { kind: 'wrong', reason: 'every length of reply is owed already' };
        const outcome = await this.#send(lane, other, timeout);
        if (outcome === undefined) continue;
        if (outcome.kind !== 'data' && outcome.kind !== 'exception') return outcome;
      }
      const outcome = await this.#send(lane, query, timeout);
      if (outcome !== undefined) return outcome;
    }
    return { kind: 'wrong', reason: 'exceptions that may be late answers to other requests' };
  }

  /** Undefined for an exception that may be the late answer to another request. */
  async #send({ connection }: Lane, query: Query, timeout: number): Promise<Outcome | undefined> {
    const outcome = await connection!.read(query, timeout);
    const owed = this.#owed;
    if (!owed) return outcome;
    const doubtful = outcome.kind === 'exception' && owed.doubts(query, performance.now());
    if (!doubtful && (outcome.kind === 'data' || outcome.kind === 'exception')) owed.settle(query.unit);
    else owed.add(query, performance.now());
    return doubtful ? undefined : outcome;
  }

  async #connect(lane: Lane, signal: AbortSignal): Promise<void> {
    const { transport, timeout, connectDelay = 0 } = this.#options;
    // A serial port can only be opened when the one before has been closed.
    await lane.connection?.close();
    const connection = await openConnection(transport, Math.max(timeout, CONNECT_TIMEOUT_MS), signal);
    lane.connection = connection;
    if (connectDelay > 0 && !signal.aborted) await this.#pause(connectDelay);
    // An abort between the handshake and this line has closed nothing yet.
    if (!signal.aborted) return;
    await connection.close();
    throw new Fault('source.closed', `connecting to ${placeOf(transport)} was called off`);
  }

  #others(lane: Lane): boolean {
    return this.#lanes.some((each) => each !== lane && each.connection?.open);
  }

  /** L3: no more than stand now, and one less than before. */
  #fewer(): void {
    const standing = this.#lanes.filter(({ connection }) => connection?.open).length;
    const count = Math.max(1, Math.min(standing, this.#most - 1));
    this.#allowed = { count, until: performance.now() + MODESTY_MS };
  }

  async #pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#down.signal }).catch(() => {});
  }
}
