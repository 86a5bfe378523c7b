// The pump that keeps subscriptions talking: it ends with a fault where it cannot go on, and never in silence.

import {
  type ClientSessionPublishService,
  type PublishRequest,
  type PublishResponse,
  ServiceFault,
  type StatusCode,
  StatusCodes,
} from 'node-opcua-client';
import { expect, test } from 'vitest';
import type { Session } from '../../../../agent/src/adapters/opcua/source/session.ts';
import { startPublishing } from '../../../../agent/src/adapters/opcua/subscriptions/publisher.ts';
import type { Fault } from '../../../../agent/src/model/fault.ts';
import { until } from '../../../support/until.ts';
import { change, keepAlive } from './messages.ts';

type Answer = Parameters<ClientSessionPublishService['publish']>[1];

/** A server that answers Publish requests as the test says. */
const pump = (silence = 60_000) => {
  const waiting: { request: PublishRequest; answer: Answer }[] = [];
  const faults: Fault[] = [];
  const seen: number[] = [];
  const session = { publish: (request: PublishRequest, answer: Answer) => waiting.push({ request, answer }) };
  const publisher = startPublishing(
    session as unknown as Session,
    silence,
    ({ notificationMessage }) => {
      if (notificationMessage.sequenceNumber === 666) throw new Error('cannot take this');
      seen.push(notificationMessage.sequenceNumber);
      return undefined;
    },
    (fault) => faults.push(fault),
  );
  const next = () => waiting.shift()!;
  const refuse = (status: StatusCode) => {
    const response = new ServiceFault({ responseHeader: { serviceResult: status } });
    next().answer(Object.assign(new Error('refused'), { response }));
  };
  return {
    waiting,
    faults,
    seen,
    publisher,
    refuse,
    answer: (response: PublishResponse) => next().answer(null, response),
  };
};

test('keeps requests waiting and acknowledges data, not keep-alives', () => {
  const { waiting, answer, seen, publisher } = pump();
  const depth = waiting.length;
  expect(depth).toBeGreaterThan(1);
  answer(change(1, 0, 1));
  answer(keepAlive(2));
  answer(change(2, 0, 1));
  expect(seen).toEqual([1, 2, 2]);
  expect(waiting.length).toBe(depth);
  const acknowledged = waiting.flatMap(({ request }) => request.subscriptionAcknowledgements ?? []);
  expect(acknowledged.map(({ sequenceNumber }) => sequenceNumber)).toEqual([1, 2]);
  publisher.stop();
});

test.each([StatusCodes.BadNoSubscription, StatusCodes.BadSessionIdInvalid, StatusCodes.BadSecureChannelIdInvalid])(
  '$name ends it at once',
  (status) => {
    const { refuse, faults, waiting } = pump();
    refuse(status);
    const left = waiting.length;
    expect(faults.map(({ code }) => code)).toEqual(['source.closed']);
    while (waiting.length > 0) refuse(status);
    expect(faults).toHaveLength(1);
    expect(left).toBeGreaterThan(0);
  },
);

test('a server that takes fewer requests gets fewer, and never none', () => {
  const { refuse, faults, waiting, answer, publisher } = pump();
  while (waiting.length > 1) refuse(StatusCodes.BadTooManyPublishRequests);
  expect(faults).toEqual([]);
  answer(keepAlive(1));
  expect(waiting.length).toBe(1);
  publisher.stop();
});

test('a server that refuses every request is given up, not flooded', () => {
  const { refuse, faults, waiting } = pump();
  for (let i = 0; i < 100 && waiting.length > 0; i++) refuse(StatusCodes.BadTimeout);
  expect(faults.map(({ code }) => code)).toEqual(['source.timeout']);
});

test('a message that cannot be taken ends the connection, unacknowledged', () => {
  const { answer, faults, waiting } = pump();
  const before = waiting.length;
  answer(change(666, 0, 1));
  expect(faults.map(({ code }) => code)).toEqual(['internal.unexpected']);
  expect(waiting.length).toBe(before - 1);
});

test('silence is noticed', async () => {
  const { faults } = pump(50);
  await until('the watchdog', () => faults.length > 0);
  expect(faults[0]?.code).toBe('source.silent');
});
