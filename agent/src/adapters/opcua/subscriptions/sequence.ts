// The order of a subscription's messages. Every message has the number after the one before (OPC 10000-4 section
// 7.26); a keep-alive carries that of the next. Where a number was skipped, the server is asked for the message again
// (Republish) before the later ones are taken; what it does not have any more is told as missing. A message that comes
// twice is taken once; one that comes late, after it was told as missing, is taken when it comes.

import type { NotificationMessage, PublishResponse } from 'node-opcua-client';
import { Fault } from '../../../model/fault.ts';

/** Sequence numbers run from 1 to this and begin again at 1. */
const LAST = 0xffff_ffff;

/** Most messages that are asked for again after one hole: more than a server keeps. */
const MOST_AGAIN = 256;

/** So many messages back one that comes again is known. */
const REMEMBERED = 256;

export interface Sequence {
  /** Takes a response in its turn. A promise when it has to wait for an earlier one, which then rejects as `take` throws. */
  accept(response: PublishResponse): Promise<void> | undefined;
  /** After a reconnect: takes what was sent into the dead link, as far as the server kept it; says how many messages. */
  resume(): Promise<number>;
}

export interface SequenceOptions {
  /** Takes a message with data; keep-alives do not come here. */
  readonly take: (message: NotificationMessage) => Promise<void> | void;
  /** The message of that number again; undefined when the server does not have it any more. */
  readonly again: (number: number) => Promise<NotificationMessage | undefined>;
  /** Some cannot be had, those before them have been taken, and those after them will be. */
  readonly missing: () => void;
  /** Messages were lost, and those after them have been taken. */
  readonly lost: (messages: number) => void;
}

export function sequence({ take, again, missing, lost }: SequenceOptions): Sequence {
  /** The newest number taken; 0 before the first. */
  let last = 0;
  let turn: Promise<void> | undefined;
  /** When the last messages were published, by their number; undefined for those that could not be had. */
  const known = new Map<number, number | undefined>();

  const after = (number: number) => (number === LAST ? 1 : number + 1);
  /** How many numbers `number` is ahead of `from`. */
  const ahead = (from: number, number: number) => (number - from + LAST) % LAST;

  const remember = (number: number, published: number | undefined) => {
    known.delete(number);
    known.set(number, published);
    if (known.size > REMEMBERED) known.delete(known.keys().next().value as number);
  };
  const publishedAt = ({ publishTime }: NotificationMessage) => publishTime?.getTime() ?? 0;
  /** The numbering may begin anew, but not at the same time; where no time is told, nobody knows. */
  const isTwice = (message: NotificationMessage) =>
    publishedAt(message) > 0 && known.get(message.sequenceNumber) === publishedAt(message);
  /**
   * asyncua answers with an empty message of no number instead of BadMessageNotAvailable. Another message than the one
   * asked for would be taken twice, or out of its turn.
   */
  const isIt = (message: NotificationMessage | undefined, number: number): message is NotificationMessage =>
    message?.sequenceNumber === number && (message.notificationData?.length ?? 0) > 0;
  const took = (message: NotificationMessage) => {
    last = message.sequenceNumber;
    remember(last, publishedAt(message));
  };
  const isLate = ({ sequenceNumber }: NotificationMessage) =>
    known.has(sequenceNumber) && known.get(sequenceNumber) === undefined;

  /** How many numbers were skipped before this one; numbers that go back count as one. */
  const skipped = (number: number, isData: boolean): number => {
    if (last === 0 || number === after(last)) return 0;
    const count = ahead(after(last), number);
    if (count < LAST / 2) return count;
    // Numbering that goes back is a server's fault; its keep-alives may carry the last number instead of the next.
    return isData ? 1 : 0;
  };

  /** One that cannot be decoded the second time either is as good as lost: it must not stop the others for ever. */
  async function taken(message: NotificationMessage): Promise<boolean> {
    try {
      await take(message);
      return true;
    } catch (error) {
      if (error instanceof Fault && error.code === 'source.protocol') return false;
      throw error;
    }
  }

  /** Takes what can be had of the `count` messages from `from` on; says how many that were. */
  async function fetch(from: number, count: number, available: readonly number[] | null): Promise<number> {
    // A server keeps the newest.
    const begin = Math.max(0, count - MOST_AGAIN);
    let had = 0;
    let whole = true;
    const lacks = () => {
      if (whole) missing();
      whole = false;
    };
    if (begin > 0) lacks();
    for (let i = begin; i < count; i++) {
      const number = ((from - 1 + i) % LAST) + 1;
      const isKept = available === null || available.length === 0 || available.includes(number);
      const message = isKept ? await again(number) : undefined;
      if (!isIt(message, number) || !(await taken(message))) {
        remember(number, undefined);
        lacks();
        continue;
      }
      remember(number, publishedAt(message));
      whole = true;
      had += 1;
      last = number;
    }
    return had;
  }

  async function mend(response: PublishResponse): Promise<void> {
    const { notificationMessage: message, availableSequenceNumbers } = response;
    const number = message.sequenceNumber;
    const isData = (message.notificationData?.length ?? 0) > 0;
    if (isData && isTwice(message)) return;
    if (isData && isLate(message)) {
      await take(message);
      remember(number, publishedAt(message));
      return;
    }
    const hole = skipped(number, isData);
    let had = 0;
    if (hole > 0) had = await fetch(after(last), hole, availableSequenceNumbers);
    if (isData) {
      await take(message);
      took(message);
    } else if (hole > 0) {
      last = number === 1 ? LAST : number - 1;
    }
    if (had < hole) lost(hole - had);
  }

  /** What comes later waits for this. */
  function inTurn(mine: Promise<void>): Promise<void> {
    turn = mine;
    const done = () => {
      if (turn === mine) turn = undefined;
    };
    mine.then(done, done);
    return mine;
  }

  return {
    accept(response) {
      const { notificationMessage: message } = response;
      const isData = (message.notificationData?.length ?? 0) > 0;
      if (turn === undefined && skipped(message.sequenceNumber, isData) === 0) {
        if (!isData) return undefined;
        const taking = take(message);
        // One whose taking fails when its link breaks is asked for again by the next.
        if (taking !== undefined) return inTurn(taking.then(() => took(message)));
        took(message);
        return undefined;
      }
      return inTurn((turn ?? Promise.resolve()).then(() => mend(response)));
    },
    async resume() {
      turn = undefined;
      let count = 0;
      // A message that is missing in between shows as a hole when the next one comes.
      for (;;) {
        const number = after(last);
        const message = count < MOST_AGAIN ? await again(number) : undefined;
        if (!isIt(message, number) || !(await taken(message))) return count;
        remember(number, publishedAt(message));
        last = number;
        count += 1;
      }
    },
  };
}
