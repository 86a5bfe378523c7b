// What every hub promises, asked of each against a real peer that can die and fall silent. The contract is hub.ts.

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Hub, Message } from '../../../agent/src/delivery/hubs/hub.ts';
import { Fault } from '../../../agent/src/model/fault.ts';
import { until } from '../../support/until.ts';

export interface Deadlines {
  readonly connectDeadline?: number;
  readonly sendDeadline?: number;
  readonly closeDeadline?: number;
}

/** The other end of a hub. */
export interface Peer {
  /** A new hub that leads here. */
  hub(deadlines?: Deadlines): Hub;
  /** Bodies that arrived, as text, in order. */
  received(): readonly string[];
  /** Connections that stand. */
  connections(): number;
  /** Ends all connections and takes no more. */
  die(): Promise<void>;
  /** Takes connections again. */
  revive(): Promise<void>;
  /** Reads nothing and answers nothing, until `resume`. */
  silence(): void;
  resume(): void;
  close(): Promise<void>;
}

export interface Abilities {
  /** Opening needs an answer of the peer, so that a silent peer is noticed while connecting. */
  readonly answersConnect: boolean;
  /** The peer's death is noticed without sending. */
  readonly noticesDeath: boolean;
}

const forever = () => new AbortController().signal;

/** Message `n` of the tests, with a body of one row, filled up to `bytes`. */
export function message(n: number, bytes = 0): Message {
  const row = { gateway: 'gw', tag: `T${n}`, ts: '2026-11-22T10:00:00.000Z', value: 1, status: 'Good', seq: n };
  const bare = JSON.stringify({ ...row, unit: '' }).length + 1;
  const body = `${JSON.stringify({ ...row, unit: 'x'.repeat(Math.max(1, bytes - bare)) })}\n`;
  return {
    id: `gw/e1/${n}-${n}`,
    body: Buffer.from(body),
    contentType: 'application/json',
    contentEncoding: 'utf-8',
    properties: {
      site: 'lavera',
      gateway: 'gw',
      stream: 'live',
      epoch: 'e1',
      seqFirst: String(n),
      seqLast: String(n),
      count: '1',
      format: 'rows',
    },
  };
}

/** The code of the fault that `promise` rejects with, and after how many ms; fails when it resolves. */
export async function faultOf(promise: Promise<unknown>): Promise<{ code: string; ms: number; fault: Fault }> {
  const start = performance.now();
  const thrown = await promise.then(
    () => expect.fail('resolved, where a fault was expected'),
    (error: unknown) => error,
  );
  expect(thrown).toBeInstanceOf(Fault);
  return { code: (thrown as Fault).code, ms: performance.now() - start, fault: thrown as Fault };
}

/** `pending` or `settled`, after everything due has run. */
async function stateOf(promise: Promise<unknown>): Promise<'pending' | 'settled'> {
  const tick = new Promise((resolve) => setTimeout(resolve, 20, 'pending'));
  return (await Promise.race([promise.then(() => 'settled'), tick])) as 'pending' | 'settled';
}

export function hubSuite(name: string, start: () => Promise<Peer>, abilities: Abilities): void {
  describe(`${name}: the contract of a hub`, () => {
    let peer: Peer;
    let hubs: Hub[];

    beforeEach(async () => {
      peer = await start();
      hubs = [];
    });

    afterEach(async () => {
      await Promise.all(hubs.map((hub) => hub.close()));
      await peer.close();
    });

    const make = (deadlines?: Deadlines) => {
      const hub = peer.hub(deadlines);
      hubs.push(hub);
      return hub;
    };
    const connected = async (deadlines?: Deadlines) => {
      const hub = make(deadlines);
      await hub.connect(forever());
      return hub;
    };
    const arrived = (n: number) => peer.received().includes(message(n).body.toString());

    test('delivers a message and says so', async () => {
      const hub = await connected();
      await hub.send(message(1));
      await until('the message', () => arrived(1));
    });

    test('takes many messages at once, and delivers each once and in order', async () => {
      const hub = await connected();
      const all = Array.from({ length: 100 }, (_, n) => message(n));
      await Promise.all(all.map((each) => hub.send(each)));
      await until('all messages', () => peer.received().length >= all.length);
      expect(peer.received()).toEqual(all.map(({ body }) => body.toString()));
    });

    test('takes a message of 250 kB', async () => {
      const hub = await connected();
      await hub.send(message(1, 250_000));
      await until('the message', () => peer.received()[0]?.length === 250_000);
    });

    test('leaves the body as it was, so that it can be sent again', async () => {
      const hub = await connected();
      const sent = message(1);
      await hub.send(sent);
      expect(sent.body).toEqual(message(1).body);
      expect(JSON.stringify(sent.body)).toBe(JSON.stringify(message(1).body));
    });

    test('an unreachable peer is a fault', async () => {
      await peer.die();
      const { code } = await faultOf(make({ connectDeadline: 10_000 }).connect(forever()));
      expect(code).toBe('hub.unreachable');
    });

    test('a new hub connects when the peer is back', async () => {
      await peer.die();
      await faultOf(make().connect(forever()));
      await peer.revive();
      const hub = await connected();
      await hub.send(message(1));
      await until('the message', () => arrived(1));
    });

    test.runIf(abilities.answersConnect)('a peer that does not answer is a fault at the deadline', async () => {
      peer.silence();
      const { code, ms } = await faultOf(make({ connectDeadline: 300 }).connect(forever()));
      expect(code).toBe('hub.timeout');
      expect(ms).toBeLessThan(3_000);
      peer.resume();
      await until('the socket to be gone', () => peer.connections() === 0);
    });

    test.runIf(abilities.answersConnect)('connecting can be abandoned', async () => {
      peer.silence();
      const abort = new AbortController();
      const attempt = faultOf(make().connect(abort.signal));
      abort.abort();
      const { code, ms } = await attempt;
      expect(code).toBe('hub.closed');
      expect(ms).toBeLessThan(3_000);
      peer.resume();
      await until('the socket to be gone', () => peer.connections() === 0);
    });

    test('an abort before connecting, and one after it, are both harmless', async () => {
      expect((await faultOf(make().connect(AbortSignal.abort()))).code).toBe('hub.closed');
      const abort = new AbortController();
      const hub = make();
      await hub.connect(abort.signal);
      abort.abort();
      await hub.send(message(1));
    });

    test('a message that is not acknowledged is a fault at the deadline', async () => {
      const hub = await connected({ sendDeadline: 300 });
      peer.silence();
      const { code, ms } = await faultOf(hub.send(message(1, 250_000)));
      expect(code).toBe('hub.timeout');
      expect(ms).toBeGreaterThan(250);
      expect(ms).toBeLessThan(3_000);
    });

    test('lost tells of a peer that died; what was sent and what is sent then are faults', async () => {
      const hub = await connected();
      expect(await stateOf(hub.lost)).toBe('pending');
      peer.silence();
      const sent = faultOf(hub.send(message(1, 250_000)));
      await peer.die();
      expect((await sent).code).toBe('hub.closed');
      expect(await hub.lost).toBeInstanceOf(Error);
      expect((await faultOf(hub.send(message(2)))).code).toBe('hub.closed');
    });

    test.runIf(abilities.noticesDeath)('lost tells of a peer that died while nothing was sent', async () => {
      const hub = await connected();
      await peer.die();
      expect(await hub.lost).toBeInstanceOf(Error);
    });

    test('close before connect, twice, and connect after close', async () => {
      const hub = make();
      await hub.close();
      await hub.close();
      expect((await faultOf(hub.connect(forever()))).code).toBe('hub.closed');
      expect((await faultOf(hub.send(message(1)))).code).toBe('hub.closed');
    });

    test('close ends the connection; lost stays pending', async () => {
      const hub = await connected();
      await hub.send(message(1));
      await Promise.all([hub.close(), hub.close()]);
      await until('the connection to be gone', () => peer.connections() === 0);
      expect(await stateOf(hub.lost)).toBe('pending');
      expect((await faultOf(hub.send(message(2)))).code).toBe('hub.closed');
    });

    test('close after the loss', async () => {
      const hub = await connected();
      const sent = faultOf(hub.send(message(1, 250_000)).then(() => peer.die().then(() => hub.send(message(2)))));
      await sent;
      await hub.close();
      await until('the connection to be gone', () => peer.connections() === 0);
    });

    test.runIf(abilities.answersConnect)('close while connecting', async () => {
      peer.silence();
      const hub = make();
      const attempt = faultOf(hub.connect(forever()));
      await until('the attempt', () => peer.connections() > 0);
      await hub.close();
      expect((await attempt).code).toBe('hub.closed');
      peer.resume();
      await until('the socket to be gone', () => peer.connections() === 0);
    });

    test('close while a peer is silent and messages wait settles at its deadline', async () => {
      const hub = await connected({ closeDeadline: 500 });
      peer.silence();
      const sent = faultOf(hub.send(message(1, 250_000)));
      const start = performance.now();
      await hub.close();
      expect(performance.now() - start).toBeLessThan(3_000);
      expect((await sent).code).toBe('hub.closed');
      peer.resume();
      await until('the connection to be gone', () => peer.connections() === 0);
    });

    test('close of an idle connection to a silent peer settles at its deadline', async () => {
      const hub = await connected({ closeDeadline: 500 });
      peer.silence();
      const start = performance.now();
      await hub.close();
      expect(performance.now() - start).toBeLessThan(3_000);
      peer.resume();
      await until('the connection to be gone', () => peer.connections() === 0);
    });
  });
}
