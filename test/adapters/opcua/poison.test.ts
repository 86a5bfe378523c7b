// Servers that fail over single nodes: whoever asks for one of those gets no answer, a hang-up, or a failure of the whole
// call. The other tags are read, the guilty ones are found by halving and left alone, and the source stays connected.

import { DataType, type NodeId, ServiceFault, StatusCodes } from 'node-opcua-client';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { OpcUaTag, Timings } from '../../../agent/src/adapters/opcua/adapter.ts';
import { isGood, statusName } from '../../../agent/src/model/status.ts';
import { type Watched, watch } from '../../hostile/watched.ts';
import { scratch } from '../../support/scratch.ts';
import { until } from '../../support/until.ts';
import { openly, QUICK, type SmallServer, smallServer, tagsOf } from './rig.ts';

const TAGS = 500;
const POISON = [[77], [3, 77, 402]];

interface Message {
  readonly request: Record<string, readonly object[] | null>;
}
interface Channel {
  send_response(type: string, response: object, message: Message, done: () => void): void;
  close(done: () => void): void;
}
type Handlers = Record<string, (message: Message, channel: Channel) => void>;
type How = 'fails' | 'hangs up' | 'never answers';

let plc: SmallServer;
let poison: readonly number[] = [];
let poisonous: string | undefined;
let how: How = 'fails';
let asked = 0;
let source: Watched | undefined;

/** What a request asks for, by service. */
const NAMES: Record<string, (request: Message['request']) => string[]> = {
  CreateMonitoredItems: ({ itemsToCreate }) =>
    (itemsToCreate as { itemToMonitor: { nodeId: NodeId } }[]).map(({ itemToMonitor }) =>
      String(itemToMonitor.nodeId.value),
    ),
  Read: ({ nodesToRead }) => (nodesToRead as { nodeId: NodeId }[]).map(({ nodeId }) => String(nodeId.value)),
  RegisterNodes: ({ nodesToRegister }) => (nodesToRegister as NodeId[]).map(({ value }) => String(value)),
  TranslateBrowsePathsToNodeIds: ({ browsePaths }) =>
    (browsePaths as { startingNode: NodeId; relativePath: { elements: { targetName: { name: string } }[] } }[]).flatMap(
      ({ startingNode, relativePath }) => [String(startingNode.value), relativePath.elements[0]!.targetName.name],
    ),
};

beforeAll(async () => {
  plc = await smallServer((space) => {
    const namespace = space.registerNamespace('urn:plc');
    for (let i = 0; i < TAGS; i++)
      namespace
        .addVariable({
          organizedBy: space.rootFolder.objects,
          browseName: `V${i}`,
          nodeId: `s=V${i}`,
          dataType: DataType.Double,
        })
        .setValueFromSource({ dataType: DataType.Double, value: i });
  });
  const server = plc.server as unknown as Handlers;
  server._on_RegisterNodesRequest = (message, channel) => {
    const fault = new ServiceFault({ responseHeader: { serviceResult: StatusCodes.BadServiceUnsupported } });
    channel.send_response('MSG', fault, message, () => {});
  };
  for (const [service, names] of Object.entries(NAMES)) {
    const take = server[`_on_${service}Request`]!.bind(server);
    server[`_on_${service}Request`] = (message, channel) => {
      const wanted = new Set(poison.map((i) => `V${i}`));
      if (service !== poisonous || !names(message.request).some((name) => wanted.has(name)))
        return take(message, channel);
      asked += 1;
      if (how === 'hangs up') return channel.close(() => {});
      if (how === 'never answers') return;
      const fault = new ServiceFault({ responseHeader: { serviceResult: StatusCodes.BadInternalError } });
      channel.send_response('MSG', fault, message, () => {});
    };
  }
});
afterEach(async () => {
  await source?.supervisor.stop();
  source = undefined;
});
afterAll(() => plc?.stop());

const byNode = tagsOf(Array.from({ length: TAGS }, (_, i) => `nsu=urn:plc;s=V${i}`));
const MAPPED: Record<string, readonly OpcUaTag[]> = {
  CreateMonitoredItems: byNode,
  Read: byNode.map((tag) => ({ ...tag, mode: 'poll', sampling: 200 })),
  RegisterNodes: byNode.map((tag) => ({ ...tag, mode: 'poll', sampling: 200 })),
  TranslateBrowsePathsToNodeIds: byNode.map(({ node: _, ...tag }, i) => ({ ...tag, path: `/Objects/V${i}` })),
};

function start(service: string, which: readonly number[], doing: How, timings: Timings, tags = MAPPED[service]!) {
  poison = which;
  poisonous = service;
  how = doing;
  asked = 0;
  const latest: number[] = [];
  const one = watch({ ...openly(plc.endpoint, scratch(), tags), publishing: 100 }, timings, ({ tag, status }) => {
    latest[tag] = status;
  });
  source = one;
  const rest = tags.map(({ index }) => index).filter((index) => !which.includes(index));
  return {
    one,
    latest,
    stats: () => one.supervisor.stats(),
    others: () => rest.every((index) => latest[index] !== undefined && isGood(latest[index])),
  };
}

/** Calm: all others are read, the poisonous ones have a reason, and the source is not connected anew. */
async function settled(
  { one, latest, stats, others }: ReturnType<typeof start>,
  which: readonly number[],
  reason: string,
) {
  await until('the others', others, 45_000);
  await until(
    'the reasons',
    () => {
      const { state } = stats();
      if (state.state !== 'degraded' || state.troubleCount !== which.length) return false;
      return which.every((i) => state.trouble.get(MAPPED[poisonous!]![i]!.name)?.startsWith(reason));
    },
    45_000,
  );
  for (const i of which) expect(statusName(latest[i]!)).toBe(reason);
  expect(others(), one.reason()).toBe(true);
}

const SERVICES = ['CreateMonitoredItems', 'Read', 'TranslateBrowsePathsToNodeIds'];
const CASES = SERVICES.flatMap((service) => POISON.map((which) => [service, which] as const));
/** Of those that take their time; all of them with FIELDGATE_LONG=1. */
const SOME = process.env.FIELDGATE_LONG ? CASES : CASES.filter((_, i) => i % 3 === 1 || i === 2);

describe('a server that fails the whole call over a node', () => {
  test.each(CASES)('%s of %j', { timeout: 120_000 }, async (service, which) => {
    const run = start(service, which, 'fails', QUICK);
    await settled(run, which, 'BadInternalError');
    expect(run.stats().connects).toBe(1);
    // Halved for each, and then tried alone now and then.
    expect(asked).toBeLessThan(30 * which.length);
    // Well again: read again.
    poison = [];
    await until('all are well', () => run.stats().state.state === 'running', 45_000);
    await until('their readings', () => which.every((i) => isGood(run.latest[i]!)));
    expect(run.stats().connects).toBe(1);
  });
});

describe('a server that never answers over a node', () => {
  test.each(SOME)('%s of %j', { timeout: 120_000 }, async (service, which) => {
    const run = start(service, which, 'never answers', { ...QUICK, request: 500 });
    await settled(run, which, 'BadTimeout');
    expect(run.stats().connects).toBe(1);
  });
});

describe('a server that hangs up over a node', () => {
  test.each(SOME)('%s of %j', { timeout: 120_000 }, async (service, which) => {
    const run = start(service, which, 'hangs up', { ...QUICK, retry: 2_000 });
    await settled(run, which, 'BadConnectionClosed');
    const { connects } = run.stats();
    // Twice to be sure, then halved for each.
    expect(connects).toBeLessThan(4 + 10 * which.length);
    expect(asked).toBeLessThan(4 + 10 * which.length);
  });
});

test.each<How>(['fails', 'never answers', 'hangs up'])(
  'a server that %s over registering is not asked to register',
  {
    timeout: 120_000,
  },
  async (doing) => {
    const run = start('RegisterNodes', [77], doing, { ...QUICK, request: 500 });
    await until('all', () => run.others() && isGood(run.latest[77] ?? 0x8000_0000), 45_000);
    expect(run.stats().connects).toBeLessThan(5);
  },
);

test.each<How>(['fails', 'never answers'])(
  'a server that %s over the range of a node: that one goes without',
  {
    timeout: 120_000,
  },
  async (doing) => {
    const tags = byNode.map((tag) => ({ ...tag, wantsRange: true }));
    const run = start('TranslateBrowsePathsToNodeIds', [77], doing, { ...QUICK, request: 500 }, tags);
    await until('all', () => run.others() && isGood(run.latest[77] ?? 0x8000_0000), 45_000);
    expect(asked).toBeGreaterThan(0);
    expect(run.stats().connects).toBe(1);
  },
);
