// Polled tags: read at whole intervals, told of once when they cannot be read, and the server is noticed when it goes.

import type { UAVariable } from 'node-opcua-address-space';
import { coerceNodeId, DataType, type StatusCode, StatusCodes, Variant } from 'node-opcua-client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { opcuaAdapter } from '../../../agent/src/adapters/opcua/adapter.ts';
import { nextTime } from '../../../agent/src/adapters/opcua/poll.ts';
import { statusName } from '../../../agent/src/model/status.ts';
import { scratch } from '../../support/scratch.ts';
import { until } from '../../support/until.ts';
import { recorder } from '../recorder.ts';
import { openly, QUICK, type SmallServer, smallServer, tagsOf } from './rig.ts';

interface Channel {
  send_response(type: string, response: object, ...more: unknown[]): void;
}

let plc: SmallServer;
let count = 0;
const variables = new Map<string, UAVariable>();

beforeAll(async () => {
  plc = await smallServer(
    (space) => {
      const namespace = space.registerNamespace('urn:plc');
      for (const name of ['COUNT', 'STILL']) {
        const variable = namespace.addVariable({
          organizedBy: space.rootFolder.objects,
          browseName: name,
          nodeId: `s=${name}`,
          dataType: DataType.Double,
        });
        variables.set(name, variable);
      }
      variables.get('STILL')!.setValueFromSource({ dataType: DataType.Double, value: 7 });
      variables.get('COUNT')!.bindVariable(
        {
          get: () => new Variant({ dataType: DataType.Double, value: ++count }),
        },
        true,
      );
    },
    { limits: { maxNodesPerRead: 2 } },
  );
});
afterAll(() => plc?.stop());

const set = (name: string, value: number, status: StatusCode = StatusCodes.Good) =>
  variables.get(name)!.setValueFromSource({ dataType: DataType.Double, value }, status);

test('polls fall on whole intervals', () => {
  expect(nextTime(1_000, 1_000)).toBe(2_000);
  expect(nextTime(1_001, 1_000)).toBe(2_000);
  expect(nextTime(59_999, 60_000)).toBe(60_000);
});

test('tags are polled without a subscription, in portions, and a bad one harms no other', async () => {
  const nodes = ['COUNT', 'STILL', 'NONE'].map((name) => `nsu=urn:plc;s=${name}`);
  const tags = tagsOf(nodes, { mode: 'poll', sampling: 50 });
  const adapter = opcuaAdapter(openly(plc.endpoint, scratch(), tags), QUICK);
  await adapter.connect(new AbortController().signal);
  const sink = recorder();
  const run = adapter.run(sink, new AbortController().signal).catch((error: unknown) => error);
  await until('several readings', () => sink.of(0).length > 5);
  expect(plc.server.engine.currentSubscriptionCount).toBe(0);
  const values = sink.of(0).map(({ value }) => value as number);
  for (const [i, value] of values.entries()) if (i > 0) expect(value).toBeGreaterThan(values[i - 1]!);
  // What stands still with its time is told once; what cannot be read is told once, and named.
  expect(sink.of(1).map(({ value }) => value)).toEqual([7]);
  expect(sink.of(2).map(({ status }) => statusName(status))).toEqual(['BadNodeIdUnknown']);
  expect(sink.parts.get(nodes[2]!)).toContain('BadNodeIdUnknown');
  expect(sink.parts.has(nodes[0]!)).toBe(false);
  set('STILL', 8);
  await until('the new value', () => sink.last(1)?.value === 8);
  set('STILL', 8, StatusCodes.BadSensorFailure);
  await until('the new status', () => statusName(sink.last(1)!.status) === 'BadSensorFailure');
  expect(sink.readies).toBe(1);
  expect(sink.faults()).toEqual([]);
  await adapter.close();
  expect(await run).toBeUndefined();
});

test('handles that the server does not know any more are given up for the node itself', async () => {
  const server = plc.server as unknown as Record<string, (message: object, channel: Channel) => void>;
  const honest = server._on_RegisterNodesRequest!;
  const take = honest.bind(server);
  server._on_RegisterNodesRequest = (message, channel) => {
    const tampered = Object.create(channel) as Channel;
    tampered.send_response = (type, response, ...more) => {
      const registeredNodeIds = (response as { registeredNodeIds: object[] }).registeredNodeIds.map((_, i) =>
        coerceNodeId(`ns=7;i=${i + 1}`),
      );
      channel.send_response(type, Object.assign(response, { registeredNodeIds }), ...more);
    };
    take(message, tampered);
  };
  const adapter = opcuaAdapter(
    openly(plc.endpoint, scratch(), tagsOf(['nsu=urn:plc;s=COUNT'], { mode: 'poll', sampling: 50 })),
    QUICK,
  );
  await adapter.connect(new AbortController().signal);
  const sink = recorder();
  const run = adapter.run(sink, new AbortController().signal).catch((error: unknown) => error);
  await until('readings', () => sink.of(0).filter(({ value }) => value !== null).length > 3);
  expect(sink.of(0).map(({ status }) => statusName(status))[0]).toBe('BadNodeIdUnknown');
  await until('no trouble', () => sink.parts.size === 0);
  await adapter.close();
  await run;
  server._on_RegisterNodesRequest = honest;
});
