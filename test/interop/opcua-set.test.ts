// A redundant set of two asyncua servers: its own word is taken for what kind of set it is, one is killed, and of a hot
// set nothing is lost and nothing comes twice.

import { afterEach, describe, expect, test } from 'vitest';
import { redundantAdapter } from '../../agent/src/adapters/opcua/redundancy/redundant.ts';
import { redundantSet, standing } from '../../agent/src/adapters/opcua/redundancy/set.ts';
import { openly, tagsOf } from '../adapters/opcua/rig.ts';
import { recorder } from '../adapters/recorder.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { interopPython, type Peer, startPeer } from './python.ts';

const python = await interopPython();

describe.skipIf(python === undefined)('two asyncua servers', () => {
  const endings: (() => unknown)[] = [];
  afterEach(async () => {
    for (const end of endings.splice(0).reverse()) await end();
  });

  test.each([
    ['hot', 3],
    ['warm', 2],
  ])('a %s set of which one is killed', async (mode, support) => {
    const peers = (await Promise.all([0, 1].map(() => startPeer(python!, 'asyncua_set_server.py')))) as [Peer, Peer];
    endings.push(() => Promise.all(peers.map((peer) => peer.stop())));
    for (const peer of peers) peer.process.stdin?.on('error', () => {});
    for (const peer of peers) peer.tell(`support ${support}`);
    const made: number[] = [];
    const beat = setInterval(() => {
      made.push(Date.now());
      for (const peer of peers) peer.tell(`set ${made.length} ${made.at(-1)}`);
    }, 50);
    endings.push(() => clearInterval(beat));

    const endpoints = peers.map(({ ready }) => (ready as { endpoint: string }).endpoint);
    const tags = tagsOf(['nsu=urn:test:asyncua;s=counter'], { sampling: 20 });
    const set = redundantSet({ ...openly(endpoints[0]!, scratch(), tags), publishing: 200 }, endpoints);
    const adapter = redundantAdapter(set);
    const sink = recorder();
    const stop = new AbortController();
    await adapter.connect(stop.signal);
    const run = adapter.run(sink, stop.signal);
    endings.push(async () => {
      stop.abort();
      await run;
      await adapter.close();
    });
    const values = () => sink.of(0).map(({ value }) => value as number);
    const flow = async (numbers: number) => {
      const goal = made.length + numbers;
      await until(`number ${goal}`, () => (values().at(-1) ?? 0) >= goal);
    };
    await until('the other stands by', () => {
      const [, other] = standing(set);
      return other?.mode === mode && other.health === 'healthy' && set.kept[1]?.estate?.slept !== undefined;
    });
    await flow(30);
    await peers[0].stop();
    await until('the change', () => set.active === 1);
    await flow(10);

    const all = values();
    const holes = all.flatMap((value, i) => (i === 0 || value === all[i - 1]! + 1 ? [] : [`${all[i - 1]} → ${value}`]));
    if (mode === 'hot') {
      expect(holes).toEqual([]);
      expect(sink.gaps).toEqual([]);
    } else {
      expect(sink.gaps).toMatchObject([{ reason: 'source-down' }]);
      const [gap] = sink.gaps;
      const came = new Set(all);
      const first = Math.min(...all.filter((value) => value > 0));
      for (let value = first; value < Math.max(...all); value++) {
        if (came.has(value)) continue;
        const at = (made[value - 1]! - Date.UTC(2020, 0, 1)) * 10_000;
        expect(gap!.from).toBeLessThanOrEqual(at);
        expect(gap!.to).toBeGreaterThanOrEqual(at);
      }
    }
    expect(sink.faults()).toEqual([]);
  });
});
