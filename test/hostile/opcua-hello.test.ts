// Peers that misbehave before there is a session: at the first message, at the secure channel, or by being no OPC UA
// server at all. Each ends in a state with its reason, nothing of the user is sent, and another source goes on.

import type { Socket } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { pkiTrusting, QUICK } from '../adapters/opcua/rig.ts';
import { until } from '../support/until.ts';
import { PASSWORD, USER } from './certificate-server.ts';
import { acknowledge, drip, flood, frame, rawPeer, uint32 } from './raw-peer.ts';
import { endure, type Neighbour, startNeighbour, watch } from './watched.ts';

let neighbour: Neighbour;
beforeAll(async () => {
  neighbour = await startNeighbour();
});
afterAll(() => neighbour?.stop());

const TIMINGS = { ...QUICK, reach: 1_000, connect: 3_000 };

const then = (first: Buffer, next: (socket: Socket) => void) => (socket: Socket) => {
  socket.write(first);
  socket.once('data', () => next(socket));
};
const say = (bytes: Buffer) => (socket: Socket) => void socket.write(bytes);
const text = (string: string) => Buffer.concat([uint32(string.length), Buffer.from(string)]);

test.concurrent.each<[string, (socket: Socket, hello: Buffer) => void]>([
  ['acknowledges with no buffers', say(acknowledge(0, 0))],
  ['acknowledges with buffers of one byte', say(acknowledge(1, 1, 1, 1))],
  ...[8, 24, 32, 64, 100, 200].map((size): [string, (socket: Socket) => void] => [
    `acknowledges with buffers of ${size} bytes`,
    say(acknowledge(size, size)),
  ]),
  ['acknowledges one chunk of one byte', say(acknowledge(65_536, 65_536, 1, 1))],
  ['acknowledges with buffers of 4 GB', say(acknowledge(0xffff_ffff, 0xffff_ffff, 0xffff_ffff, 0xffff_ffff))],
  ['acknowledges with another version', say(frame('ACKF', uint32(0xffff_ffff, 65_536, 65_536, 0, 0)))],
  ['acknowledges a message of no size', say(frame('ACKF', uint32(0, 65_536, 65_536, 0, 0), 0))],
  ['acknowledges a message of 7 bytes', say(frame('ACKF', uint32(0, 65_536, 65_536, 0, 0), 7))],
  ['acknowledges a message of 4 GB', say(frame('ACKF', uint32(0, 65_536, 65_536, 0, 0), 0xffff_ffff))],
  ['acknowledges half', say(acknowledge().subarray(0, 13))],
  ['acknowledges half and hangs up', (socket) => void socket.end(acknowledge().subarray(0, 13))],
  ['acknowledges twice', say(Buffer.concat([acknowledge(), acknowledge()]))],
  ['says hello itself', (socket, hello) => void socket.write(hello)],
  ['says hello in reverse', say(frame('RHEF', Buffer.concat([text('urn:x'), text('opc.tcp://x')])))],
  ['says an error', say(frame('ERRF', Buffer.concat([uint32(0x8007_0000), text('too busy')])))],
  ['says an error without a reason', say(frame('ERRF', uint32(0x8007_0000, 0xffff_ffff)))],
  ['says an error with a reason of 2 GB', say(frame('ERRF', uint32(0x8007_0000, 0x7fff_ffff)))],
  ['says an error that is none', say(frame('ERRF', uint32(0, 0)))],
  ['says half an error', say(frame('ERRF', Buffer.alloc(2)))],
  ['never says anything', () => {}],
  ['says a byte now and then', (socket) => drip(socket, Buffer.alloc(10_000, 0x41), 50)],
  ['acknowledges a byte now and then', (socket) => drip(socket, acknowledge(), 200)],
  ['hangs up', (socket) => void socket.end()],
  ['resets', (socket) => void socket.resetAndDestroy()],
  ['speaks HTTP', say(Buffer.from('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n'))],
  ['floods with nothing', (socket) => flood(socket, Buffer.alloc(65_536))],
  ['floods with acknowledgements', (socket) => flood(socket, Buffer.concat(Array(1_000).fill(acknowledge())))],
  ['opens no channel', then(acknowledge(), () => {})],
  ['hangs up when the channel is asked for', then(acknowledge(), (socket) => void socket.end())],
  [
    'opens a channel of rubbish',
    then(acknowledge(), (socket) => void socket.write(frame('OPNF', Buffer.alloc(200, 0x5a)))),
  ],
  [
    'opens a channel under a policy whose name has 2 GB',
    then(acknowledge(), (socket) => void socket.write(frame('OPNF', uint32(1, 0x7fff_ffff, 0, 0, 0)))),
  ],
  [
    'opens a channel in chunks without an end',
    then(acknowledge(), (socket) => flood(socket, frame('OPNC', Buffer.alloc(60_000, 0x11)))),
  ],
  [
    'sends messages before there is a channel',
    then(acknowledge(), (socket) => flood(socket, frame('MSGC', Buffer.alloc(60_000)))),
  ],
  [
    'sends messages of a type that does not exist',
    then(acknowledge(), (socket) => flood(socket, frame('XYZF', Buffer.alloc(64)))),
  ],
  ['answers the channel with an acknowledgement', then(acknowledge(), say(acknowledge()))],
  [
    'answers the channel byte by byte',
    then(acknowledge(), (socket) => drip(socket, frame('OPNF', Buffer.alloc(500)), 50)),
  ],
])('a peer that %s', { timeout: 60_000 }, async (_, talk) => {
  const peer = await rawPeer(talk);
  const source = watch(
    {
      name: 'plc',
      endpoint: peer.endpoint,
      user: { name: USER, password: async () => PASSWORD },
      publishing: 100,
      pki: pkiTrusting(),
      applicationUri: 'urn:test:gateway:fieldgate',
      tags: [],
    },
    TIMINGS,
  );
  try {
    const reason = await endure(neighbour, 'the reason', () => source.reason());
    expect(reason).toMatch(/^source\.(closed|protocol|refused|timeout|unreachable|unready|silent): plc: /);
    expect(source.supervisor.stats().connects).toBe(0);
    // It is tried again, not given up.
    await until('another try', () => peer.made > 1);
    for (const secret of [USER, PASSWORD]) expect(peer.wire().includes(secret)).toBe(false);
  } finally {
    await source.supervisor.stop();
    await peer.stop();
  }
});
