// Browsing: how long a walk through the simulated DCS takes, and what it costs gateway and server, each a process.
// Prints figures; never passes or fails on time.
//
//   npm run bench:browse               100,000 variables
//   npm run bench:browse -- 10000

import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { opcuaSurvey } from '../agent/src/adapters/opcua/browse/survey.ts';
import { openPki } from '../agent/src/adapters/opcua/security/pki.ts';
import { cost } from './processes.ts';

const wanted = Number(process.argv[2] ?? 100_000);
const folder = mkdtempSync(join(tmpdir(), 'bench-browse-'));
// 85 of a hundred tags of the simulated refinery are the DCS's.
const args = ['--tags', String(Math.ceil(wanted / 0.85)), '--folder', folder, '--paused'];
const sim = spawn(process.execPath, [join(import.meta.dirname, '../sim/refinery/main.ts'), ...args], {
  stdio: ['pipe', 'pipe', 'ignore'],
});
const { value: line } = await createInterface({ input: sim.stdout })[Symbol.asyncIterator]().next();
const { endpoint, certificate } = JSON.parse(line ?? '{}') as { endpoint: string; certificate: string };
const pki = join(folder, 'gateway-pki');
await openPki(pki).add(readFileSync(certificate), 'trusted');
const survey = opcuaSurvey({
  name: 'dcs',
  endpoint,
  user: { name: 'fieldgate', password: async () => readFileSync(join(folder, 'dcs-password'), 'utf8').trim() },
  publishing: 500,
  pki,
  applicationUri: 'urn:bench:gateway:fieldgate',
  tags: [],
});
const before = [cost(process.pid), cost(sim.pid!)] as const;
const begin = performance.now();
let found = 0;
for await (const _ of survey.browse!({ progress: () => {} }, new AbortController().signal)) found++;
const seconds = (performance.now() - begin) / 1_000;
const after = [cost(process.pid), cost(sim.pid!)] as const;
const cpu = (i: 0 | 1) => (after[i].cpu - before[i].cpu).toFixed(1);
console.log(
  `${found.toLocaleString('en')} variables in ${seconds.toFixed(1)} s; CPU ${cpu(0)} s here, ${cpu(1)} s at the server; ` +
    `${Math.round(after[0].rss / 1e6)} MB resident`,
);
sim.kill();
rmSync(folder, { recursive: true, force: true });
