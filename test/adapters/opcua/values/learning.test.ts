// A type that could not be learned when its first value came is learned later, with all that it is made of.

import type { AddressSpace } from 'node-opcua-address-space';
import { AttributeIds, DataType, type ReadRequest, ServiceFault, StatusCodes } from 'node-opcua-client';
import { afterEach, expect, test, vi } from 'vitest';
import { opcuaAdapter } from '../../../../agent/src/adapters/opcua/adapter.ts';
import { scratch } from '../../../support/scratch.ts';
import { until } from '../../../support/until.ts';
import { recorder } from '../../recorder.ts';
import { structureOf } from '../raw-structure.ts';
import { openly, QUICK, smallServer, tagsOf } from '../rig.ts';

interface Channel {
  send_response(type: string, response: object, message: object, done: () => void): void;
}

const endings: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  vi.restoreAllMocks();
  for (const end of endings.splice(0).reverse()) await end();
});

test('a part of a structure that the server did not describe at first', async () => {
  let set = () => {};
  let inner = '';
  const plc = await smallServer((space: AddressSpace) => {
    const namespace = space.registerNamespace('urn:plc');
    const typeOf = (name: string, dataType: unknown) =>
      namespace.createDataType({
        browseName: name,
        nodeId: `s=${name}`,
        isAbstract: false,
        subtypeOf: 'Structure',
        partialDefinition: [{ name: 'X', dataType: dataType as DataType }],
      });
    const part = typeOf('Inner', DataType.Byte);
    inner = String(part.nodeId);
    const encodingOf = typeOf('Outer', part.nodeId);
    const encoding = namespace.addObject({ browseName: { name: 'Default Binary' }, nodeId: 's=E', encodingOf });
    const organizedBy = space.rootFolder.objects;
    const pv = namespace.addVariable({ organizedBy, browseName: 'PV', nodeId: 's=PV', dataType: 'Structure' });
    let byte = 6;
    set = () => pv.setValueFromSource(structureOf(encoding.nodeId, Buffer.from([++byte])).value);
  });
  endings.push(() => plc.stop());
  set();
  let refused = 0;
  const server = plc.server as unknown as {
    _on_ReadRequest(message: { request: ReadRequest }, channel: Channel): void;
  };
  const read = server._on_ReadRequest.bind(server);
  server._on_ReadRequest = (message, channel) => {
    const asks = (message.request.nodesToRead ?? []).some(
      ({ nodeId, attributeId }) => String(nodeId) === inner && attributeId === AttributeIds.DataTypeDefinition,
    );
    if (!asks || refused > 0) return read(message, channel);
    refused += 1;
    const fault = new ServiceFault({ responseHeader: { serviceResult: StatusCodes.BadResourceUnavailable } });
    channel.send_response('MSG', fault, message, () => {});
  };
  const adapter = opcuaAdapter(openly(plc.endpoint, scratch(), tagsOf(['nsu=urn:plc;s=PV'])), QUICK);
  endings.push(() => adapter.close());
  const sink = recorder();
  await adapter.connect(new AbortController().signal);
  adapter.run(sink, new AbortController().signal).catch(() => {});
  await until('a first reading', () => sink.last(0));
  expect([refused, sink.last(0)!.value]).toEqual([1, null]);
  const now = performance.now.bind(performance);
  vi.spyOn(performance, 'now').mockImplementation(() => now() + 301_000);
  set();
  await until('the next reading', () => sink.of(0).length > 1);
  expect(sink.last(0)!.value).toEqual({ X: { X: 8 } });
});
