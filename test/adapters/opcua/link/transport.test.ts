// The sockets of a connection attempt.

import { createServer } from 'node:net';
import type { ClientTCP_transport } from 'node-opcua-transport';
import { expect, test } from 'vitest';
import { transports } from '../../../../agent/src/adapters/opcua/link/transport.ts';
import { acknowledge, frame } from '../../../hostile/raw-peer.ts';
import { until } from '../../../support/until.ts';

test('what a handler throws on reception breaks its connection only', async () => {
  const server = createServer((socket) => {
    socket.on('error', () => {}).once('data', () => socket.write(acknowledge()));
    socket.on('data', () => socket.write(frame('MSGF', Buffer.alloc(16))));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const broken: unknown[] = [];
  const sockets = transports(3_500, (error) => broken.push(error));
  const transport = sockets.factory.create({}) as unknown as ClientTCP_transport;
  transport.on('chunk', () => {
    throw new Error('cannot decode');
  });
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => transport.connect(`opc.tcp://127.0.0.1:${port}`, resolve));
  transport.write(frame('MSGF', Buffer.alloc(16)));
  await until('it is told', () => broken.length > 0);
  expect(broken).toEqual([new Error('cannot decode')]);
  expect(sockets.error).toBe(broken[0]);
  expect(transport.isValid()).toBe(false);
  server.close();
});
