// Service calls in portions: a server that takes less than it promised gets less.

import { BinaryStream } from 'node-opcua-binary-stream';
import { DataValue, ReadResponse, resolveNodeId, ServiceFault, StatusCodes, Variant } from 'node-opcua-client';
import { expect, test } from 'vitest';
import { calls } from '../../../../agent/src/adapters/opcua/link/calls.ts';
import type { Session } from '../../../../agent/src/adapters/opcua/source/session.ts';

const tooMany = () => {
  const response = new ServiceFault({ responseHeader: { serviceResult: StatusCodes.BadTooManyOperations } });
  return Promise.reject(Object.assign(new Error('too many'), { response }));
};

test('a server that takes less than it promised gets half, and half again', async () => {
  const server = calls({} as Session, 'plc', 1_000);
  const done: number[] = [];
  const sizes: number[] = [];
  await server.portions(
    Array.from({ length: 1_000 }, (_, i) => i),
    1_000,
    async (portion) => {
      sizes.push(portion.length);
      await server.once('testing', () => (portion.length > 100 ? tooMany() : Promise.resolve()));
      done.push(...portion);
    },
  );
  expect(done).toEqual(Array.from({ length: 1_000 }, (_, i) => i));
  expect(Math.max(...sizes.slice(4))).toBeLessThanOrEqual(100);
});

test('a server that does not answer in time gets less; one that does not take one item is a fault', async () => {
  const server = calls({} as Session, 'plc', 30);
  const sizes: number[] = [];
  const forever = new Promise<never>(() => {});
  await server.portions([1, 2, 3, 4], 4, async (portion) => {
    sizes.push(portion.length);
    await server.once('testing', () => (portion.length > 2 ? forever : Promise.resolve()));
  });
  expect(sizes).toEqual([4, 2, 2]);
  const none = server.portions([1], 1, () => server.once('testing', () => forever));
  await expect(none).rejects.toMatchObject({ code: 'source.timeout' });
});

test('an answer whose values end too soon is the server’s fault', async () => {
  const whole = new ReadResponse({
    results: [new DataValue({ value: new Variant({ dataType: 'Double', value: 7 }) })],
  });
  const stream = new BinaryStream(whole.binaryStoreSize());
  whole.encode(stream);
  const cut = new BinaryStream(stream.buffer.subarray(0, stream.buffer.length - 9));
  const response = Reflect.construct(ReadResponse, [null]) as ReadResponse;
  response.decode(cut);
  const session = {
    performMessageTransaction: (_: object, done: (error: null, response: unknown) => void) => done(null, response),
  };
  const server = calls(session as unknown as Session, 'plc', 1_000);
  await expect(server.read('reading', [resolveNodeId('i=1')])).rejects.toMatchObject({ code: 'source.protocol' });
});
