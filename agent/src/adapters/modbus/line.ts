// The line to a Modbus server, shared by the units behind it: one request at a time, in the order of asking, so that
// units take turns. A connection that failed is dropped (see connection.ts) and the next request opens a new one, so
// that one dead unit behind a gateway costs its neighbours a TCP handshake and not their link. One attempt only: when
// that fails the line is down, and everybody who waits on it is told so.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Table } from '../../config/address.ts';
import { Fault } from '../../model/fault.ts';
import { type Connection, type Outcome, open } from './connection.ts';

export interface LineOptions {
  readonly host: string;
  readonly port: number;
  /** ms to wait for a reply */
  readonly timeout: number;
  /** ms between the end of one request and the next */
  readonly delayBetweenRequests: number;
}

/** ms to wait for TCP, at least: a handshake across a site takes longer than a reply from its end. */
const CONNECT_TIMEOUT_MS = 3_000;

export class Line {
  readonly #options: LineOptions;
  readonly #down = new AbortController();
  #connection: Connection | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: LineOptions) {
    this.#options = options;
  }

  /** @throws Fault source.unreachable, or source.closed when it was closed meanwhile */
  async open(signal: AbortSignal): Promise<void> {
    const { host, port, timeout } = this.#options;
    const either = AbortSignal.any([signal, this.#down.signal]);
    this.#connection = await open(host, port, Math.max(timeout, CONNECT_TIMEOUT_MS), either);
    // An abort between the handshake and this line has closed nothing yet.
    if (!either.aborted) return;
    this.#connection.close();
    throw new Fault('source.closed', `connecting to ${host}:${port} was called off`);
  }

  /**
   * Reads when it is this request's turn.
   * @throws Fault when the connection had failed and cannot be made anew
   */
  read(unit: number, table: Table, start: number, quantity: number): Promise<Outcome> {
    const outcome = this.#turn.then(() => this.#read(unit, table, start, quantity));
    this.#turn = outcome.then(
      () => this.#pause(),
      () => {},
    );
    return outcome;
  }

  /** Closes at once and for good; requests under way end as `closed`. */
  close(): void {
    this.#down.abort();
    this.#connection?.close();
  }

  async #read(unit: number, table: Table, start: number, quantity: number): Promise<Outcome> {
    const { timeout } = this.#options;
    if (this.#connection?.open) {
      const outcome = await this.#connection.read(unit, table, start, quantity, timeout);
      // Many PLCs close a connection that was idle for a minute, perhaps in the moment of this request: reading does no
      // harm twice.
      if (outcome.kind !== 'closed' || this.#down.signal.aborted) return outcome;
    }
    await this.open(this.#down.signal);
    return this.#connection!.read(unit, table, start, quantity, timeout);
  }

  #pause(): Promise<void> | undefined {
    const { delayBetweenRequests } = this.#options;
    if (delayBetweenRequests === 0 || this.#down.signal.aborted) return undefined;
    return sleep(delayBetweenRequests, undefined, { signal: this.#down.signal }).catch(() => {});
  }
}
