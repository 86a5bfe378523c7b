// Two real servers that serve the same counter with the same source times, behind wires that a test can cut and freeze,
// and a gateway that uses them as a redundant set. The counter goes up by one per change, so that what is lost shows.

import type { AddressSpace, UAVariable } from 'node-opcua-address-space';
import { DataType, StatusCodes, Variant } from 'node-opcua-client';
import type { ServerSession } from 'node-opcua-server';
import { expect } from 'vitest';
import { redundantAdapter } from '../../../../agent/src/adapters/opcua/redundancy/redundant.ts';
import { redundantSet, standing } from '../../../../agent/src/adapters/opcua/redundancy/set.ts';
import type { OpcUaOptions, OpcUaTag } from '../../../../agent/src/adapters/opcua/source/options.ts';
import { fromMillis } from '../../../../agent/src/model/time.ts';
import { scratch } from '../../../support/scratch.ts';
import { until } from '../../../support/until.ts';
import { recorder } from '../../recorder.ts';
import { type Wire, wire } from '../../wire.ts';
import { openly, QUICK, type SmallServer, smallServer, tagsOf } from '../rig.ts';

/** Source time of what has never changed. */
const BEGINNING = new Date(Date.now() - 60_000);

export interface Twin extends SmallServer {
  readonly wire: Wire;
  set(node: string, value: number, time: Date): void;
  bad(node: string, time: Date): void;
  /** Sends from now on whatever it was told to keep. */
  chatter(): void;
  level(value: number): void;
  /** What it says of its set: RedundancySupport. */
  support(value: number): void;
  readonly sessions: number;
  readonly subscriptions: number;
}

export interface TwinsOptions {
  readonly nodes?: readonly string[];
  readonly fill?: (space: AddressSpace, which: number) => void;
}

async function twin(nodes: readonly string[], which: number, fill: TwinsOptions['fill'], port?: number): Promise<Twin> {
  const variables = new Map<string, UAVariable>();
  const build = (space: AddressSpace) => {
    // The index of the namespace is another one at each.
    for (let i = 0; i < which; i++) space.registerNamespace(`urn:test:vendor:${i}`);
    const ns = space.registerNamespace('urn:test:plc');
    for (const name of nodes) {
      const variable = ns.addVariable({
        browseName: name,
        nodeId: `s=${name}`,
        organizedBy: space.rootFolder.objects,
        dataType: 'UInt32',
        minimumSamplingInterval: 0,
      });
      variable.setValueFromSource({ dataType: DataType.UInt32, value: 0 }, StatusCodes.Good, BEGINNING);
      variables.set(name, variable);
    }
    fill?.(space, which);
  };
  const one = await smallServer(build, port === undefined ? {} : { port });
  const relay = await wire(one.port);
  const bind = (id: string, dataType: DataType, value: number) => {
    const node = one.server.engine.addressSpace?.findNode(id) as UAVariable;
    node.bindVariable({ get: () => new Variant({ dataType, value }) }, true);
  };
  bind('i=3709', DataType.Int32, 0);
  return {
    ...one,
    wire: relay,
    endpoint: `opc.tcp://127.0.0.1:${relay.port}`,
    set: (node, value, time) =>
      variables.get(node)?.setValueFromSource({ dataType: DataType.UInt32, value }, StatusCodes.Good, time),
    bad: (node, time) =>
      variables
        .get(node)
        ?.setValueFromSource({ dataType: DataType.UInt32, value: 0 }, StatusCodes.BadNoCommunication, time),
    chatter() {
      const { _sessions } = one.server.engine as unknown as { _sessions: Record<string, ServerSession> };
      for (const { publishEngine } of Object.values(_sessions))
        for (const subscription of publishEngine.subscriptions) subscription.publishingEnabled = true;
    },
    level: (value) => bind('i=2267', DataType.Byte, value),
    support: (value) => bind('i=3709', DataType.Int32, value),
    get sessions() {
      return one.server.engine.currentSessionCount;
    },
    get subscriptions() {
      return one.server.engine.currentSubscriptionCount;
    },
    async stop() {
      await relay.stop();
      await one.stop();
    },
  };
}

export async function twins({ nodes = ['counter'], fill }: TwinsOptions = {}) {
  const both = (await Promise.all([twin(nodes, 0, fill), twin(nodes, 1, fill)])) as [Twin, Twin];
  /** When each number was made. */
  const made: number[] = [];
  let count = 0;
  const lags = [0, 0];
  const tick = () => {
    count += 1;
    const time = new Date();
    made[count] = fromMillis(time.getTime());
    for (const [i, each] of both.entries()) each.set('counter', count, new Date(time.getTime() - (lags[i] ?? 0)));
  };
  const ticker = setInterval(tick, 50);
  return {
    both,
    made,
    get count() {
      return count;
    },
    /** From now on the counter of this server has a source time that is so much behind, ms. */
    lag: (server: number, ms: number) => {
      lags[server] = ms;
    },
    async stop() {
      clearInterval(ticker);
      await Promise.all(both.map((each) => each.stop().catch(() => {})));
    },
  };
}

export type Twins = Awaited<ReturnType<typeof twins>>;

/** A gateway at work on them. */
export async function gather(
  twins: Twins,
  redundancy: 'cold' | 'warm' | 'hot' | undefined,
  more: Partial<OpcUaOptions> = {},
  tags: readonly OpcUaTag[] = tagsOf(['nsu=urn:test:plc;s=counter'], { sampling: 0 }),
  timings = QUICK,
) {
  const { both, made } = twins;
  const options = { ...openly(both[0].endpoint, scratch(), tags), ...more, ...(redundancy && { redundancy }) };
  const endpoints = both.map(({ endpoint }) => endpoint);
  const set = redundantSet(options, endpoints, { steady: 300, dwell: 60_000 });
  let adapter = redundantAdapter(set, timings);
  const sink = recorder();
  let stop = new AbortController();
  let run: Promise<unknown>;
  const start = async () => {
    await adapter.connect(stop.signal);
    run = adapter.run(sink, stop.signal).catch((error: unknown) => error);
  };
  await start();
  const values = (tag = 0) => sink.of(tag).map(({ value }) => value as number);
  const used = () => standing(set).findIndex(({ used }) => used);
  return {
    set,
    sink,
    values,
    used,
    get run() {
      return run;
    },
    standing: () => standing(set),
    /** Resolves when the server stands by, as far as its mode goes. */
    ready: (server: number) =>
      until(`server ${server} stands by`, () => {
        const kept = set.kept[server]!;
        const { health, mode } = standing(set)[server]!;
        return health === 'healthy' && (mode === 'cold' || kept.estate?.slept !== undefined);
      }),
    /** Resolves when so many numbers have come that were made after now. */
    flow: (numbers = 3) => {
      const goal = twins.count + numbers;
      return until(`number ${goal}`, () => (values().at(-1) ?? 0) >= goal);
    },
    async again() {
      await run;
      await adapter.close();
      stop = new AbortController();
      adapter = redundantAdapter(set, timings);
      await start();
    },
    async stop() {
      stop.abort();
      await run;
      await adapter.close();
    },
    /** Numbers that never came, without a gap record that says so. */
    unexplained() {
      const came = new Set(values());
      const lacking: number[] = [];
      for (let value = Math.min(...came); value < Math.max(...came); value++) {
        const at = made[value] as number;
        const covered = sink.gaps.some(({ from, to, complete }) => !complete && from <= at && at <= (to ?? 0));
        if (!came.has(value) && !covered) lacking.push(value);
      }
      expect(sink.faults()).toEqual([]);
      return lacking;
    },
    /** What is wrong with the numbers: those that never came, came twice, or out of their order. */
    faults() {
      const all = values();
      return all.flatMap((value, i) => (i === 0 || value === all[i - 1]! + 1 ? [] : [`${all[i - 1]} → ${value}`]));
    },
  };
}
