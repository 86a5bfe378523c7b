// The order of a subscription's messages. Every message has the number after the one before (OPC 10000-4 section
// 7.26); a keep-alive carries that of the next. Where a number was skipped, the server is asked for the message again
// (Republish) before the later ones are taken; what it does not have any more is told as missing.

import type { NotificationMessage, PublishResponse } from 'node-opcua-client';
import { Fault } from '../../model/fault.ts';

/** Sequence numbers run from 1 to this and begin again at 1. */
const LAST = 0xffff_ffff;

/** Most messages that are asked for again after one hole: more than a server keeps. */
const MOST_AGAIN = 256;

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
  /** Messages were lost, and those after them have been taken. */
  readonly lost: (messages: number) => void;
}

export function sequence({ take, again, lost }: SequenceOptions): Sequence {
  /** The newest number taken; 0 before the first. */
  let last = 0;
  let turn: Promise<void> | undefined;

  const after = (number: number) => (number === LAST ? 1 : number + 1);

  /** How many numbers were skipped before this one; numbers that go back count as one. */
  const skipped = (number: number, isData: boolean): number => {
    if (last === 0 || number === after(last)) return 0;
    const ahead = (number - after(last) + LAST) % LAST;
    if (ahead < LAST / 2) return ahead;
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

  async function fetch(from: number, count: number, available: readonly number[] | null): Promise<number> {
    let had = 0;
    let number = from;
    for (let i = 0; i < Math.min(count, MOST_AGAIN); i++, number = after(number)) {
      if (available !== null && available.length > 0 && !available.includes(number)) continue;
      const message = await again(number);
      // asyncua answers with an empty message of no number instead of BadMessageNotAvailable. Another message than the
      // one asked for would be taken twice, or out of its turn.
      if (message?.sequenceNumber !== number || !message.notificationData?.length) continue;
      if (!(await taken(message))) continue;
      had += 1;
      last = number;
    }
    return had;
  }

  async function mend(response: PublishResponse): Promise<void> {
    const { notificationMessage: message, availableSequenceNumbers } = response;
    const isData = (message.notificationData?.length ?? 0) > 0;
    const hole = skipped(message.sequenceNumber, isData);
    let had = 0;
    if (hole > 0) had = await fetch(after(last), hole, availableSequenceNumbers);
    if (isData) {
      await take(message);
      last = message.sequenceNumber;
    } else if (hole > 0) {
      last = message.sequenceNumber === 1 ? LAST : message.sequenceNumber - 1;
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
        if (isData) {
          const taking = take(message);
          last = message.sequenceNumber;
          if (taking !== undefined) return inTurn(taking);
        }
        return undefined;
      }
      return inTurn((turn ?? Promise.resolve()).then(() => mend(response)));
    },
    async resume() {
      turn = undefined;
      let count = 0;
      // A message that is missing in between shows as a hole when the next one comes.
      while (count < MOST_AGAIN && (await fetch(after(last), 1, null)) === 1) count += 1;
      return count;
    },
  };
}
