// A tag that moves from one source to another in one reload: the last that is said of it is what its new source says,
// however long the old one takes to part. The adapters are scripted: only the order in which things happen matters.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Sink, Source } from '../../agent/src/adapters/adapter.ts';
import { diffPlants } from '../../agent/src/config/diff.ts';
import { loadMapping } from '../../agent/src/config/load.ts';
import type { Plant } from '../../agent/src/config/plant.ts';
import { BatchBuilder, Kind } from '../../agent/src/model/batch.ts';
import { StatusCode } from '../../agent/src/model/status.ts';
import type { Tag } from '../../agent/src/model/tag.ts';
import { now } from '../../agent/src/model/time.ts';
import { supervised } from '../../agent/src/sources.ts';
import type { Wirer } from '../../agent/src/wiring.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';

async function plant(one: string, two: string): Promise<Plant> {
  const file = join(scratch(), 'fieldgate.yaml');
  writeFileSync(
    file,
    `version: 1
site: lavera
gateway: gw-1
hub: { type: jsonl, path: "-" }
buffer: { path: data/buffer.db }
sources:
  one: { protocol: modbus-tcp, host: 10.0.0.1, ${one} }
  two: { protocol: modbus-tcp, host: 10.0.0.2, ${two} }
`,
  );
  const loaded = await loadMapping(file, { env: {} });
  if ('mistakes' in loaded) throw new Error(JSON.stringify(loaded.mistakes));
  return loaded.plant;
}

/** Sources that say each of their tags once, as soon as they have it, and part when `parted` says so. */
function scriptedWirer(parted: Promise<void>): Wirer {
  const tags: Tag[] = [];
  const sinks = new Map<string, Sink>();
  const say = (sink: Sink, indices: readonly number[]) => {
    const builder = new BatchBuilder();
    for (const index of indices) builder.push(index, now(), StatusCode.Good, Kind.Number, index);
    sink.deliver(builder.take());
    sink.ready();
  };
  return {
    tags,
    learnUnit: () => undefined,
    wire({ name: source, tags: wanted }, kept = new Map()) {
      const fresh: Tag[] = [];
      const indices = new Map<string, number>();
      for (const { name } of wanted) {
        const index = kept.get(name) ?? tags.length;
        if (index === tags.length) {
          tags.push({ index, name, source, priority: 'normal' });
          fresh.push(tags[index] as Tag);
        }
        indices.set(name, index);
      }
      const made: Source = {
        name: source,
        protocol: 'scripted',
        address: '-',
        tags: [...indices.values()],
        latency: 0,
        create: () => ({
          connect: async () => {},
          run: (sink, signal) => {
            sinks.set(source, sink);
            say(sink, made.tags);
            return new Promise((resolve) => signal.addEventListener('abort', () => resolve()));
          },
          close: () => (source === 'one' ? parted : Promise.resolve()),
        }),
        retag: (_, { added }) => say(sinks.get(source) as Sink, added),
      };
      return { source: made, indices, fresh, ruleOf: (name) => ({ tag: indices.get(name) as number }) };
    },
  };
}

test('the new source of a tag has the last word on it, and the old one still tells of what is gone', async () => {
  const parted = Promise.withResolvers<void>();
  const wirer = scriptedWirer(parted.promise);
  const kept: { readonly tag: string; readonly source: string; readonly status: number }[] = [];
  const before = await plant(
    'tags: { A: { address: 400001 }, X: { address: 400002 }, GONE: { address: 400003 } }',
    'tags: { B: { address: 400001 } }',
  );
  const after = await plant(
    'timeout: 3s, tags: { A: { address: 400001 } }',
    'tags: { B: { address: 400001 }, X: { address: 400002 } }',
  );
  const sources = supervised(before.sources, {
    wirer,
    lastAlive: null,
    define: () => {},
    keep(batch) {
      for (let i = 0; i < batch.count; i++) {
        const { name, source } = wirer.tags[batch.tag[i] as number] as Tag;
        kept.push({ tag: name, source, status: batch.status[i] as number });
      }
    },
    log: () => {},
  });
  sources.start();
  await until('the first readings', () => kept.length === 4);
  const changed = sources.change(diffPlants(before, after));
  await until('X by its new source', () => kept.some(({ tag, source }) => tag === 'X' && source === 'two'));
  parted.resolve();
  await changed;
  expect(kept.findLast(({ tag }) => tag === 'X')).toMatchObject({ source: 'two', status: StatusCode.Good });
  expect(kept.findLast(({ tag }) => tag === 'GONE')).toMatchObject({ status: StatusCode.BadOutOfService });
  await sources.stop();
});
