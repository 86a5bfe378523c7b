// One connection to a Modbus server or line, one request at a time. A request always ends: with data, with an
// exception, or with a failure, no later than its deadline. After a failure the connection is closed and stays so, so
// that a reply that was late can never be taken for the reply to another request; a serial port alone is kept, since
// closing it would not keep the device from answering (owed.ts tells the replies apart there).
//
// This is a client of our own and not modbus-serial's: that hands on a reply's PDU only, so that nobody outside can
// check the protocol id (it accepts any), the byte count (it believes it) or the length (it waits for 65535 bytes);
// it numbers 256 transactions, never settles what is pending when it is destroyed, and reports no lost connection.
// test/adapters/modbus/modbus-serial.test.ts shows each of these on the release that is installed.

import type { Channel } from './channel.ts';
import type { Exchange, Framing, Query, Verdict } from './frame.ts';

export type Outcome =
  | Extract<Verdict, { kind: 'data' | 'exception' | 'wrong' }>
  | { readonly kind: 'timeout' }
  | { readonly kind: 'closed'; readonly reason: string };

export interface Connection {
  /** Whether requests can still be made. */
  readonly open: boolean;
  /**
   * Asks once. Never rejects. Only one request may be under way.
   * @param timeout ms until the reply must be complete, besides the time that its bytes take on a serial line
   */
  read(query: Query, timeout: number): Promise<Outcome>;
  /** Closes at once; a request under way ends as `closed`. Resolves when nothing of it is left. */
  close(): Promise<void>;
}

/** What a connection has to know of what carries it. */
export interface Manner {
  readonly framing: Framing;
  /** Bytes come in whole messages, which may be lost, doubled and late. */
  readonly datagrams: boolean;
  /** The channel outlives failures. */
  readonly lasting: boolean;
  /** ms without a byte that must go before a request */
  readonly silence: number;
  /** ms that so many bytes take on the line; 0 where nobody knows */
  transmission(bytes: number): number;
}

interface Pending {
  readonly exchange: Exchange;
  readonly bytes: Buffer;
  count: number;
  sent: boolean;
  timer: NodeJS.Timeout | undefined;
  readonly settle: (outcome: Outcome) => void;
}

/** A connection over a channel that is open. */
export function connectionOver(channel: Channel, manner: Manner): Connection {
  const { framing, datagrams, lasting, silence } = manner;
  let pending: Pending | undefined;
  /** Why it was closed; of several reasons the first. */
  let reason: string | undefined;
  let lastByte = Number.NEGATIVE_INFINITY;

  const settle = (outcome: Outcome) => {
    const request = pending;
    if (!request) return;
    pending = undefined;
    clearTimeout(request.timer);
    request.settle(outcome);
  };
  const close = (why: string, outcome?: Outcome): Promise<void> => {
    reason ??= why;
    const closed = channel.close();
    settle(outcome ?? { kind: 'closed', reason });
    return closed;
  };
  const fail = (why: string, outcome: Outcome) => {
    if (lasting) settle(outcome);
    else void close(why, outcome);
  };

  channel.listen({
    received(chunk) {
      lastByte = performance.now();
      if (!pending?.sent) {
        // Nobody asked: a stream is out of step; on a line it is noise or somebody's late reply.
        if (!datagrams && !lasting) void close('the server sent what nobody asked for');
        return;
      }
      const verdict = datagrams ? judgeMessage(pending, chunk) : judgeStream(pending, chunk);
      if (verdict.kind === 'incomplete') return;
      if (verdict.kind === 'stale') {
        if (!datagrams) fail(verdict.reason, { kind: 'wrong', reason: verdict.reason });
      } else if (verdict.kind === 'wrong') fail(verdict.reason, verdict);
      else settle(verdict);
    },
    ended: (why) => void close(why),
  });

  return {
    get open() {
      return channel.open;
    },
    read(query, timeout) {
      if (!channel.open) return Promise.resolve({ kind: 'closed', reason: reason ?? 'the connection was closed' });
      if (pending) throw new Error('a request is under way already');
      const exchange = framing(query);
      return new Promise((resolve) => {
        const bytes = Buffer.allocUnsafe(exchange.capacity);
        const request: Pending = { exchange, bytes, count: 0, sent: false, timer: undefined, settle: resolve };
        pending = request;
        const allowed = timeout + manner.transmission(exchange.request.length + exchange.reply);
        const late = performance.now() + timeout;
        const send = () => {
          const now = performance.now();
          const wait = lastByte + silence - now;
          if (wait > 0) {
            if (now > late) settle({ kind: 'wrong', reason: 'the line never falls silent' });
            else request.timer = setTimeout(send, Math.ceil(wait));
            return;
          }
          request.sent = true;
          request.timer = setTimeout(() => fail('a reply was late', { kind: 'timeout' }), allowed);
          channel.write(exchange.request);
        };
        send();
      });
    },
    close: () => close('the connection was closed'),
  };
}

function judgeStream(pending: Pending, chunk: Buffer): Verdict {
  const { exchange, bytes, count } = pending;
  const fits = chunk.copy(bytes, count) === chunk.length;
  pending.count = Math.min(bytes.length, count + chunk.length);
  const verdict = exchange.judge(bytes, pending.count);
  return fits || verdict.kind === 'wrong' ? verdict : { kind: 'wrong', reason: 'bytes follow the reply' };
}

function judgeMessage({ exchange }: Pending, message: Buffer): Verdict {
  const verdict = exchange.judge(message, message.length);
  return verdict.kind === 'incomplete' ? { kind: 'wrong', reason: 'half a reply in a datagram' } : verdict;
}
