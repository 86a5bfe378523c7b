// When and whether a received message is acknowledged. By the time a message comes here it has been recorded, so that
// every fault of this file is one that an at-least-once sender must survive with duplicates and without loss.

/** What may be done with one message that waits for its acknowledgement. */
export interface Pending {
  /** Lets the hub acknowledge it: PUBACK, or the disposition `accepted`. */
  acknowledge(): void;
  /** Cuts the sender's connection without an acknowledgement. */
  cut(): void;
}

/** What AMQP can say of a message besides that it was accepted. */
export interface Disposition {
  readonly kind: 'rejected' | 'released' | 'modified';
  /** An AMQP error condition, of a rejection. */
  readonly condition?: string;
}

export class Acks {
  /** Bounded by the broker: it reads no further from a connection whose messages wait here. */
  #withheld: Pending[] | undefined;
  #lose = 0;
  #delayMs = 0;
  #turnAway: { readonly how: Disposition; left: number } | undefined;

  take(pending: Pending): void {
    if (this.#lose > 0) {
      this.#lose -= 1;
      pending.cut();
    } else if (this.#withheld !== undefined) this.#withheld.push(pending);
    else if (this.#delayMs > 0) setTimeout(() => pending.acknowledge(), this.#delayMs);
    else pending.acknowledge();
  }

  /** How many messages are recorded and wait for their acknowledgement to be released. */
  get withheld(): number {
    return this.#withheld?.length ?? 0;
  }

  /** From now on no message is acknowledged until `release`. */
  withhold(): void {
    this.#withheld ??= [];
  }

  /** Acknowledges what was withheld, and everything from now on. */
  release(): void {
    const waiting = this.#withheld ?? [];
    this.#withheld = undefined;
    for (const pending of waiting) pending.acknowledge();
  }

  /** The next `count` messages are recorded, and their connection is cut instead of an acknowledgement. */
  lose(count: number): void {
    this.#lose = count;
  }

  /** The next `count` messages are not taken, and their sender is told so: AMQP alone has words for it. */
  turnAway(how: Disposition, count: number): void {
    this.#turnAway = { how, left: count };
  }

  /** Asked before a message is recorded: how it is turned away, if it is. */
  turned(): Disposition | undefined {
    const turn = this.#turnAway;
    if (turn === undefined || turn.left === 0) return undefined;
    turn.left -= 1;
    return turn.how;
  }

  /** Every acknowledgement is late by `ms`; 0 ends that. */
  delay(ms: number): void {
    this.#delayMs = ms;
  }
}
