// What the module twin costs: bytes of reported properties, from a real gateway over the local hub, while all is well and
// while a source comes and goes. The gateway reports at most once in 30 s, here once in a second, so that a minute has as
// many chances to report as half an hour. What it makes of an hour, 120 of the largest, is an estimate: a report of 30 s
// may join several of these.
//
//   npm run bench:reported                  30 s for each
//   npm run bench:reported -- --seconds 60 --verbose

import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { loadMapping } from '../agent/src/config/load.ts';
import { METHOD_NAMES } from '../agent/src/control/methods.ts';
import type { JsonObject } from '../agent/src/delivery/control.ts';
import { type Gateway, startGateway } from '../agent/src/gateway.ts';
import { journal } from '../agent/src/observe/journal.ts';
import { reloader } from '../agent/src/reload.ts';
import { remoteControl } from '../agent/src/remote/remote.ts';
import { startHub } from '../sim/hub/hub.ts';
import { mappingFor, startRefinery } from '../sim/refinery/refinery.ts';
import { until } from '../test/support/until.ts';

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '30' }, verbose: { type: 'boolean', default: false } },
});
const SECONDS = Number(values.seconds);
const INTERVAL = 1_000;
/** Reports an hour at the interval of the real gateway. */
const SLOTS = 120;

const folder = mkdtempSync(join(tmpdir(), 'bench-reported-'));
const hub = await startHub({ folder: join(folder, 'hub'), detail: 'messages', keepBytes: 0 });
const refinery = await startRefinery({ tags: 1_000, folder: join(folder, 'refinery') });
Object.assign(process.env, hub.environment);
mkdirSync(join(folder, 'data/pki/trusted/certs'), { recursive: true });
copyFileSync(refinery.dcs.certificateFile, join(folder, 'data/pki/trusted/certs/dcs.pem'));
const file = join(folder, 'mapping.yaml');
const path = join(folder, 'data/buffer.db');
writeFileSync(file, mappingFor(refinery, { hub: { type: 'iot-edge' }, buffer: { path } }));

const book = journal(() => {}, 'info');
const loaded = await loadMapping(file);
if ('mistakes' in loaded) throw new Error('the mapping of the refinery has mistakes');
const reloading = reloader({
  file,
  from: 'file',
  loaded,
  env: {},
  apply: (next) => gateway.reload(next),
  log: book.log,
});
const gateway: Gateway = await startGateway({
  ...loaded,
  log: book.log,
  http: 'off',
  mappingStatus: reloading.status,
  methods: METHOD_NAMES,
});

const sent: number[] = [];
/** What was sent, for --verbose. */
const said = new Set<string>();
/** The gateway, whose reports are counted on their way. */
const counted: Gateway = {
  ...gateway,
  control: (desk) =>
    gateway.control({
      ...desk,
      reporting: (line) =>
        desk.reporting(
          line && {
            ...line,
            report: (patch: JsonObject) => {
              said.add(JSON.stringify(patch));
              sent.push(Buffer.byteLength(JSON.stringify(patch)));
              return line.report(patch);
            },
          },
        ),
    }),
};
const desk = remoteControl({
  gateway: counted,
  reloader: reloading,
  journal: book,
  own: { file, from: 'file' },
  bufferPath: path,
  drainLimit: undefined,
  image: 'fieldgate:bench',
  interval: INTERVAL,
});

async function phase(what: string, during: () => Promise<unknown>): Promise<void> {
  sent.length = 0;
  said.clear();
  const work = during();
  await sleep(SECONDS * 1_000);
  const bytes = sent.reduce((sum, size) => sum + size, 0);
  const largest = Math.max(0, ...sent);
  const slots = (SECONDS * 1_000) / INTERVAL;
  if (values.verbose) console.log([...said].join('\n'));
  console.log(
    `${what.padEnd(36)} ${String(sent.length).padStart(3)} reports in ${slots} chances, ${bytes} bytes, the largest ${largest}; ` +
      `at most ${((largest * SLOTS) / 1_000).toFixed(1)} kB an hour`,
  );
  await work;
}

try {
  await until('the first report', () => sent.length > 0, 60_000);
  console.log(`${'the first report'.padEnd(36)} ${sent[0]} bytes`);
  await sleep(5_000);
  await phase('all is well', async () => {});
  await phase('a source comes and goes every 5 s', async () => {
    for (let i = 0; i < SECONDS / 10; i++) {
      await refinery.flare.stop();
      await sleep(5_000);
      await refinery.flare.restart();
      await sleep(5_000);
    }
  });
} finally {
  desk.close();
  await gateway.close(2_000);
  await Promise.all([hub.close(), refinery.close()]);
  rmSync(folder, { recursive: true, force: true });
}
