// A server without subscriptions (a small PLC, the Nano profile): what to write in the mapping is said, and it helps.

import { DataType, ServiceFault, type StatusCode, StatusCodes } from 'node-opcua-client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { opcuaAdapter } from '../../../agent/src/adapters/opcua/adapter.ts';
import { scratch } from '../../support/scratch.ts';
import { until } from '../../support/until.ts';
import { recorder } from '../recorder.ts';
import { openly, QUICK, type SmallServer, smallServer, tagsOf } from './rig.ts';

interface Channel {
  send_response(type: string, response: object, message: object, done: () => void): void;
}
let plc: SmallServer;
let answer: StatusCode = StatusCodes.BadServiceUnsupported;

beforeAll(async () => {
  plc = await smallServer((space) => {
    const namespace = space.registerNamespace('urn:plc');
    namespace
      .addVariable({
        organizedBy: space.rootFolder.objects,
        browseName: 'A',
        nodeId: 's=A',
        dataType: DataType.Double,
      })
      .setValueFromSource({ dataType: DataType.Double, value: 7 });
  });
  const server = plc.server as unknown as Record<string, (message: object, channel: Channel) => void>;
  server._on_CreateSubscriptionRequest = (message, channel) => {
    const fault = new ServiceFault({ responseHeader: { serviceResult: answer } });
    channel.send_response('MSG', fault, message, () => {});
  };
});
afterAll(() => plc?.stop());

test.each([StatusCodes.BadServiceUnsupported, StatusCodes.BadNotSupported, StatusCodes.BadNotImplemented])(
  'CreateSubscription is answered by %s',
  async (status) => {
    answer = status;
    const nodes = ['nsu=urn:plc;s=A'];
    const subscribing = opcuaAdapter(openly(plc.endpoint, scratch(), tagsOf(nodes)), QUICK);
    await subscribing.connect(new AbortController().signal);
    await expect(subscribing.run(recorder(), new AbortController().signal)).rejects.toMatchObject({
      code: 'source.configuration',
      message: expect.stringContaining('"defaults: { mode: poll }"'),
    });
    await subscribing.close();

    const polling = opcuaAdapter(openly(plc.endpoint, scratch(), tagsOf(nodes, { mode: 'poll' })), QUICK);
    await polling.connect(new AbortController().signal);
    const sink = recorder();
    const run = polling.run(sink, new AbortController().signal);
    await until('a reading', () => sink.last(0)?.value === 7);
    await polling.close();
    await run;
  },
);
