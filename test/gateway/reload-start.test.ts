// A mapping that changes while the gateway starts, after it was read and before its file is watched.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { diffPlants } from '../../agent/src/config/diff.ts';
import { loadMapping } from '../../agent/src/config/load.ts';
import type { Plant } from '../../agent/src/config/plant.ts';
import { reloader } from '../../agent/src/reload.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';

it('is applied as soon as it is watched, and one that did not change is not read anew', {
  timeout: 60_000,
}, async () => {
  const folder = scratch();
  const file = join(folder, 'fieldgate.yaml');
  const write = (tag: string) =>
    writeFileSync(
      file,
      `version: 1
site: lavera
gateway: gw-1
hub: { type: jsonl, path: "-" }
buffer: { path: ${join(folder, 'data/buffer.db')} }
sources:
  one: { protocol: modbus-tcp, host: 10.0.0.1, tags: { ${tag}: { address: 400001 } } }
`,
    );
  write('A.PV');
  const loaded = await loadMapping(file, { env: {} });
  if ('mistakes' in loaded) throw new Error('the mapping has mistakes');
  let running: Plant = loaded.plant;
  const lines: string[] = [];
  const one = reloader({
    file,
    from: 'file',
    loaded,
    env: {},
    apply: async ({ plant }) => {
      const diff = diffPlants(running, plant);
      running = plant;
      return { diff, restart: [] };
    },
    log: (_, text) => lines.push(text),
  });
  write('B.PV');
  const ended = new AbortController();
  const watching = one.watch(20, ended.signal);
  await until('the change', () => running.sources[0]?.tags[0]?.name === 'B.PV');
  ended.abort();
  await watching;
  expect([one.status().reloads, lines]).toEqual([1, ['mapping applied']]);
});
