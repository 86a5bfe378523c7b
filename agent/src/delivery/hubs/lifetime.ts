// The life of one connection to a hub: not opened, open, over. Whatever waits for the peer waits here, with a
// deadline, and is told when the life ends; so no promise of a hub outlives its connection, whatever the library does.

import { describe, Fault } from '../../model/fault.ts';

export class Lifetime {
  /** Resolves with the reason when the open connection is lost; stays pending when it is ended on purpose. */
  readonly lost: Promise<Error>;
  readonly #tell: (reason: Error) => void;
  readonly #over = new AbortController();
  readonly #waiting = new Set<(fault: Fault) => void>();
  #open = false;
  #silent = false;
  #why = new Fault('hub.closed', 'the connection is not open');

  constructor() {
    const { promise, resolve } = Promise.withResolvers<Error>();
    this.lost = promise;
    this.#tell = resolve;
  }

  /** Aborts when the life is over, lost or ended. */
  get over(): AbortSignal {
    return this.#over.signal;
  }

  get isOpen(): boolean {
    return this.#open;
  }

  /** The peer owes no answer, and its last one was in time: parting in form will not be in vain. */
  get answering(): boolean {
    return this.#open && this.#waiting.size === 0 && !this.#silent;
  }

  /**
   * The one attempt to connect: runs `work` and opens the life when it succeeds. Rejects with a Fault: what `work`
   * threw, `hub.timeout` after `deadlineMs`, `hub.closed` when `signal` aborts or the life has ended meanwhile. `work`
   * gets a signal that aborts in all these cases; what it opened is for the hub's `close` to release.
   */
  async connect(deadlineMs: number, signal: AbortSignal, work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    if (this.#open || this.#over.signal.aborted) throw new Fault('hub.closed', 'a hub connects once');
    const failed = new AbortController();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const late = () => reject(new Fault('hub.timeout', `no connection within ${deadlineMs} ms`));
    const abandoned = () => reject(new Fault('hub.closed', 'connecting was abandoned'));
    const timer = setTimeout(late, deadlineMs);
    signal.addEventListener('abort', abandoned);
    this.#over.signal.addEventListener('abort', abandoned);
    try {
      if (signal.aborted) abandoned();
      else work(failed.signal).then(resolve, reject);
      await promise;
      this.#open = true;
    } catch (error) {
      const fault = Fault.from(error, 'hub.unreachable', 'connecting to the hub');
      this.#end(fault);
      throw fault;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', abandoned);
      this.#over.signal.removeEventListener('abort', abandoned);
      failed.abort();
    }
  }

  /**
   * Starts one call on the open connection. Settles as `start` tells its callback, rejects with `hub.timeout` after
   * `deadlineMs`, and with the reason when the life ends first. An answer after that is ignored.
   * @param fault turns an error of the library into a fault
   */
  call(
    deadlineMs: number,
    fault: (error: unknown) => Fault,
    start: (done: (error?: unknown) => void) => void,
  ): Promise<void> {
    if (!this.#open) return Promise.reject(this.#why);
    return new Promise((resolve, reject) => {
      const settle = (failure?: Fault) => {
        if (!this.#waiting.delete(settle)) return;
        clearTimeout(timer);
        if (failure === undefined) resolve();
        else reject(failure);
      };
      const timer = setTimeout(() => {
        this.#silent = true;
        settle(new Fault('hub.timeout', `no acknowledgement within ${deadlineMs} ms`));
      }, deadlineMs);
      this.#waiting.add(settle);
      const done = (error?: unknown) => {
        this.#silent = false;
        settle(error === undefined || error === null ? undefined : fault(error));
      };
      try {
        start(done);
      } catch (error) {
        done(error);
      }
    });
  }

  /** The open connection is lost; without effect on a life that is not open. Calls that wait are rejected. */
  lose(why: string, cause?: unknown): void {
    if (!this.#open) return;
    const detail = cause === undefined ? why : `${why}: ${describe(cause)}`;
    const fault = new Fault('hub.closed', detail, cause);
    this.#end(fault);
    this.#tell(fault);
  }

  /** The connection is ended on purpose. Calls that wait are rejected. */
  end(): void {
    this.#end(new Fault('hub.closed', 'the connection was closed'));
  }

  #end(why: Fault): void {
    if (this.#over.signal.aborted) return;
    this.#open = false;
    this.#why = new Fault('hub.closed', why.message, why.cause);
    for (const settle of [...this.#waiting]) settle(this.#why);
    this.#over.abort();
  }
}

/** Resolves when `work` settles, either way, or after `ms`. For clean-up whose failure changes nothing. */
export function settled(work: Promise<unknown>, ms: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  work.then(
    () => resolve(),
    () => resolve(),
  );
  return promise.finally(() => clearTimeout(timer));
}
