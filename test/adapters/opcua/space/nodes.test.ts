// Node ids and browse paths mean the same signal at every connect, whatever index the server gives its namespaces
// today, within the limits the server sets.

import { DataType } from 'node-opcua-client';
import { afterEach, describe, expect, test } from 'vitest';
import { type OpcUaTag, opcuaAdapter } from '../../../../agent/src/adapters/opcua/adapter.ts';
import { parseNode, parsePath } from '../../../../agent/src/adapters/opcua/space/nodes.ts';
import { statusName } from '../../../../agent/src/model/status.ts';
import { scratch } from '../../../support/scratch.ts';
import { until } from '../../../support/until.ts';
import { recorder } from '../../recorder.ts';
import { openly, QUICK, type SmallServer, smallServer, tagsOf } from '../rig.ts';

const pki = scratch();
let small: SmallServer | undefined;
afterEach(async () => {
  await small?.stop();
  small = undefined;
});

/** First readings of all tags, and what is wrong with them. */
async function readings(server: SmallServer, tags: readonly OpcUaTag[]) {
  const adapter = opcuaAdapter(openly(server.endpoint, pki, tags), QUICK);
  await adapter.connect(new AbortController().signal);
  const sink = recorder();
  const stop = new AbortController();
  const run = adapter.run(sink, stop.signal);
  await Promise.race([run, until('all first readings', () => tags.every(({ index }) => sink.last(index)))]);
  stop.abort();
  await run;
  await adapter.close();
  return sink;
}

const paths = (list: readonly string[]): OpcUaTag[] =>
  list.map((path, index) => ({ index, name: path, path, sampling: 50, wantsRange: false }));

describe('node ids', () => {
  const namespaces = ['http://opcfoundation.org/UA/', 'urn:server', 'urn:a;b', 'urn:plc'];

  test.each([
    ['nsu=urn:plc;s=FIC101.PV', 'ns=3;s=FIC101.PV'],
    ['nsu=http://opcfoundation.org/UA/;i=2258', 'ns=0;i=2258'],
    ['ns=7;i=4294967295', 'ns=7;i=4294967295'],
    ['i=85', 'ns=0;i=85'],
    ['ns=3;s="DB_1"."x;y"=z', 'ns=3;s="DB_1"."x;y"=z'],
    ['ns=1;s=72962B91-FA75-4AE6-8D28-B404DC7DAF63', 'ns=1;s=72962B91-FA75-4AE6-8D28-B404DC7DAF63'],
    ['ns=1;g=72962b91-fa75-4ae6-8d28-b404dc7daf63', 'ns=1;g=72962B91-FA75-4AE6-8D28-B404DC7DAF63'],
    ['ns=1;b=AAH+/w==', 'ns=1;b=AAH+/w=='],
  ])('%s', (text, expected) => {
    const parsed = parseNode(text, namespaces);
    expect('node' in parsed && parsed.node.toString()).toBe(expected);
  });

  test.each([
    ['nsu=urn:other;s=x', 'BadNodeIdUnknown'],
    ['ns=70000;s=x', 'BadNodeIdInvalid'],
    ['i=4294967296', 'BadNodeIdInvalid'],
    ['g=x', 'BadNodeIdInvalid'],
    ['nonsense', 'BadNodeIdInvalid'],
  ])('%s is refused', (text, expected) => {
    const parsed = parseNode(text, namespaces);
    expect('status' in parsed && statusName(parsed.status)).toBe(expected);
  });

  test('a namespace index that shifts between two connects', async () => {
    const fill = (order: readonly string[]) =>
      smallServer((space) => {
        for (const uri of order) {
          const namespace = space.registerNamespace(uri);
          namespace.addVariable({
            organizedBy: space.rootFolder.objects,
            browseName: 'PV',
            nodeId: 's=PV',
            dataType: DataType.String,
            value: { dataType: DataType.String, value: uri },
          });
        }
      });
    const tags = tagsOf(['nsu=urn:plc:one;s=PV', 'nsu=urn:plc:two;s=PV']);
    for (const order of [
      ['urn:plc:one', 'urn:plc:two'],
      ['urn:new', 'urn:plc:two', 'urn:plc:one'],
    ]) {
      small = await fill(order);
      const sink = await readings(small, tags);
      expect([sink.last(0)?.value, sink.last(1)?.value]).toEqual(['urn:plc:one', 'urn:plc:two']);
      await small.stop();
    }
    small = undefined;
  });
});

describe('browse paths', () => {
  test.each([
    [
      '/Objects/2:Crude unit/FIC101',
      [
        { namespace: undefined, name: 'Objects' },
        { namespace: 2, name: 'Crude unit' },
        { namespace: undefined, name: 'FIC101' },
      ],
    ],
    [
      '/a&/b/c&&d/&3:x',
      [
        { namespace: undefined, name: 'a/b' },
        { namespace: undefined, name: 'c&d' },
        { namespace: undefined, name: '3:x' },
      ],
    ],
    ['/7:&:', [{ namespace: 7, name: ':' }]],
  ])('%s', (path, expected) => expect(parsePath(path)).toEqual(expected));

  test.each(['', 'Objects', '/Objects/', '//x', '/x&'])('"%s" is none', (path) => {
    expect(parsePath(path)).toBeUndefined();
  });

  test('with and without namespaces, missing and ambiguous', async () => {
    small = await smallServer((space) => {
      const one = space.registerNamespace('urn:one');
      const two = space.registerNamespace('urn:two');
      const unit = one.addFolder(space.rootFolder.objects, { browseName: 'Unit 1' });
      const variable = (namespace: typeof one, browseName: string, value: number) =>
        namespace.addVariable({
          organizedBy: unit,
          browseName,
          dataType: DataType.Double,
          value: { dataType: DataType.Double, value },
        });
      variable(one, 'FIC101', 1);
      variable(two, 'TI105', 2);
      variable(two, 'FIC101', 3);
      const three = space.registerNamespace('urn:three');
      variable(two, 'AI1', 4);
      variable(three, 'AI1', 5);
    });
    const list = [
      '/Objects/Unit 1/FIC101',
      '/Objects/Unit 1/TI105',
      '/Objects/Unit 1/3:FIC101',
      '/Objects/Unit 2/X',
      '/Objects/Unit 1/AI1',
      'no path',
    ];
    const sink = await readings(small, paths(list));
    expect(list.map((_, tag) => sink.last(tag)?.value)).toEqual([1, 2, 3, null, null, null]);
    const statuses = [3, 4, 5].map((tag) => statusName(sink.last(tag)!.status));
    expect(statuses).toEqual(['BadNoMatch', 'BadBrowseNameDuplicated', 'BadBrowseNameInvalid']);
    expect(sink.parts.get('/Objects/Unit 2/X')).toContain('nothing is at /Objects/Unit 2');
    expect(sink.parts.get('/Objects/Unit 1/AI1')).toContain('3:AI1 or 4:AI1');
  });
});

test('10,000 tags on a server that takes 100 at a time', async () => {
  const count = 10_000;
  small = await smallServer(
    (space) => {
      const namespace = space.registerNamespace('urn:plc');
      const folder = namespace.addFolder(space.rootFolder.objects, { browseName: 'Unit' });
      for (let i = 0; i < count; i++) {
        namespace.addVariable({
          organizedBy: folder,
          browseName: `T${i}`,
          nodeId: `s=T${i}`,
          dataType: DataType.Int32,
          value: { dataType: DataType.Int32, value: i },
        });
      }
    },
    { limits: { maxMonitoredItemsPerCall: 100, maxNodesPerRead: 50, maxNodesPerTranslateBrowsePathsToNodeIds: 70 } },
  );
  const tags = Array.from({ length: count }, (_, index): OpcUaTag => {
    const common = { index, name: `T${index}`, sampling: 1_000, wantsRange: index < 300 };
    return index % 2 ? { ...common, node: `nsu=urn:plc;s=T${index}` } : { ...common, path: `/Objects/Unit/T${index}` };
  });
  // A limit that is known is kept; finding it out by being refused would cost every reconnection dozens of calls.
  const refusals: string[] = [];
  small.server.on('response', ({ responseHeader: { serviceResult } }) => {
    if (serviceResult.isNotGood()) refusals.push(serviceResult.name);
  });
  const sink = await readings(small, tags);
  expect(refusals.filter((name) => name === 'BadTooManyOperations')).toEqual([]);
  expect([...sink.parts.keys()]).toEqual(['deadband in percent']);
  expect(sink.parts.get('deadband in percent')).toContain('T0, T1, T2 and 297 more');
  expect(tags.filter(({ index }) => sink.last(index)?.value !== index)).toEqual([]);
  expect(sink.facts.size).toBe(300);
}, 60_000);
