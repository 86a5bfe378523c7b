// One TCP connection to a Modbus server, one request at a time. A request always ends: with data, with an exception,
// or with a failure, no later than its deadline, and after a failure the connection is closed and stays so. A reply
// that was late can therefore never be taken for the reply to another request.
//
// This is a client of our own and not modbus-serial's: that hands on a reply's PDU only, so that nobody outside can
// check the protocol id (it accepts any), the byte count (it believes it) or the length (it waits for 65535 bytes);
// it numbers 256 transactions, never settles what is pending when it is destroyed, and reports no lost connection.
// test/adapters/modbus/modbus-serial.test.ts shows each of these on the release that is installed.

import { connect, type Socket } from 'node:net';
import type { Table } from '../../config/address.ts';
import { describe, Fault } from '../../model/fault.ts';
import { encode, judge, type Query, replyBytes, type Verdict } from './frame.ts';

export type Outcome = Exclude<Verdict, { kind: 'incomplete' }> | { readonly kind: 'timeout' } | Closed;

interface Closed {
  readonly kind: 'closed';
  readonly reason: string;
}

export interface Connection {
  /** Whether requests can still be made. */
  readonly open: boolean;
  /**
   * Reads `quantity` registers or bits from `start` on. Never rejects. After `timeout`, `wrong` and `closed` the
   * connection is closed. Only one request may be under way.
   * @param timeout ms until the reply must be complete
   */
  read(unit: number, table: Table, start: number, quantity: number, timeout: number): Promise<Outcome>;
  /** Closes at once; a request under way ends as `closed`. */
  close(): void;
}

interface Pending {
  readonly query: Query;
  readonly bytes: Buffer;
  count: number;
  readonly timer: NodeJS.Timeout;
  readonly settle: (outcome: Outcome) => void;
}

/**
 * Opens a connection.
 * @param timeout ms until TCP must be connected, name resolution included
 * @throws Fault source.unreachable; source.closed when `signal` aborts. Nothing is left open then.
 */
export async function open(host: string, port: number, timeout: number, signal: AbortSignal): Promise<Connection> {
  if (signal.aborted) throw calledOff(host, port);
  const socket = connect({ host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: 30_000 });
  await new Promise<void>((resolve, reject) => {
    const end = (fault?: Fault) => {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
      socket.off('connect', end).off('error', fail);
      if (!fault) return resolve();
      // A socket that is destroyed while its name is looked up may still report an error.
      socket.on('error', () => {});
      socket.destroy();
      reject(fault);
    };
    const fail = (error: Error) => end(unreachable(host, port, describe(error), error));
    const abort = () => end(calledOff(host, port));
    const timer = setTimeout(() => end(unreachable(host, port, `no connection within ${timeout} ms`)), timeout);
    signal.addEventListener('abort', abort);
    socket.once('connect', () => end()).once('error', fail);
  });
  return over(socket);
}

function over(socket: Socket): Connection {
  let transaction = 0;
  let pending: Pending | undefined;
  let reason = 'the connection was closed';

  const settle = (outcome: Outcome) => {
    const request = pending;
    if (!request) return;
    pending = undefined;
    clearTimeout(request.timer);
    request.settle(outcome);
  };
  const close = (why: string, outcome?: Outcome) => {
    if (!socket.destroyed) reason = why;
    socket.destroy();
    settle(outcome ?? { kind: 'closed', reason });
  };

  socket.on('data', (chunk: Buffer) => {
    // Nobody asked: the connection is out of step.
    if (!pending) return close('the server sent what nobody asked for');
    const { query, bytes, count } = pending;
    const fits = chunk.copy(bytes, count) === chunk.length;
    pending.count = Math.min(bytes.length, count + chunk.length);
    let verdict = judge(query, bytes, pending.count);
    if (!fits && verdict.kind !== 'wrong') verdict = { kind: 'wrong', reason: 'bytes follow the reply' };
    if (verdict.kind === 'wrong') return close(verdict.reason, verdict);
    if (verdict.kind !== 'incomplete') settle(verdict);
  });
  socket.on('end', () => close('the server closed the connection'));
  socket.on('error', (error) => close(describe(error)));
  socket.on('close', () => close('the connection was closed'));

  return {
    get open() {
      return !socket.destroyed;
    },
    read(unit, table, start, quantity, timeout) {
      if (socket.destroyed) return Promise.resolve({ kind: 'closed', reason });
      if (pending) throw new Error('a request is under way already');
      transaction = (transaction + 1) & 0xffff;
      const query: Query = { transaction, unit, table, start, quantity };
      return new Promise((resolve) => {
        const timer = setTimeout(() => close('a reply was late', { kind: 'timeout' }), timeout);
        pending = { query, bytes: Buffer.allocUnsafe(replyBytes(query)), count: 0, timer, settle: resolve };
        socket.write(encode(query));
      });
    },
    close: () => close('the connection was closed'),
  };
}

function unreachable(host: string, port: number, what: string, cause?: unknown): Fault {
  return new Fault('source.unreachable', `${host}:${port} cannot be reached: ${what}`, cause);
}

function calledOff(host: string, port: number): Fault {
  return new Fault('source.closed', `connecting to ${host}:${port} was called off`);
}
