// The refinery as a process of its own: `node sim/refinery/main.ts --tags N --folder DIR [--port-base P]`.
// Prints one JSON line when everything listens, then answers one JSON line per command line on standard input:
//   {"do":"stop|restart|cut|freeze|thaw","at":"dcs|flare|tanks"}   {"do":"kill|revive","at":"flare|tanks","unit":9}
//   {"do":"tick|pause|resume"}   {"do":"counters"}   {"do":"set","tag":"20FIC101.PV","value":12.5}
// Ends on SIGTERM, on SIGINT and when standard input ends.

import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { obey } from './commands.ts';
import { mappingFor, startRefinery } from './refinery.ts';

const { values } = parseArgs({
  options: {
    tags: { type: 'string', default: '200' },
    folder: { type: 'string' },
    seed: { type: 'string', default: '1' },
    counters: { type: 'string', default: '0.1' },
    period: { type: 'string', default: '1000' },
    paused: { type: 'boolean', default: false },
    'port-base': { type: 'string' },
    hub: { type: 'string', default: 'readings.jsonl' },
  },
});
// node-opcua writes its warnings with console.log; standard output belongs to the answers.
console.log = console.error;

if (values.folder === undefined) {
  console.error('usage: node sim/refinery/main.ts --tags N --folder DIR [--port-base P]');
  process.exit(2);
}

const folder = resolve(values.folder);
const base = values['port-base'] === undefined ? undefined : Number(values['port-base']);
const refinery = await startRefinery({
  tags: Number(values.tags),
  folder,
  seed: Number(values.seed),
  counters: Number(values.counters),
  period: Number(values.period),
  ticking: !values.paused,
  ...(base !== undefined && { ports: { dcs: base, flare: base + 1, tanks: base + 2 } }),
});

const mapping = join(folder, 'mapping.yaml');
writeFileSync(
  mapping,
  mappingFor(refinery, {
    hub: values.hub === 'iot-edge' ? { type: 'iot-edge' } : { type: 'jsonl', path: join(folder, values.hub) },
    buffer: { path: join(folder, 'buffer.db') },
    events: true,
  }),
);

const { dcs, flare, tanks, tags } = refinery;
const say = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`);
say({
  mapping,
  tags,
  endpoint: dcs.endpoint,
  ports: { dcs: dcs.port, flare: flare.port, tanks: tanks.port },
  certificate: dcs.certificateFile,
  thumbprint: dcs.thumbprint,
});

let ending = false;
const end = async () => {
  if (ending) return;
  ending = true;
  await refinery.close();
  process.exit(0);
};
process.on('SIGTERM', end);
process.on('SIGINT', end);

// Commands are obeyed one after the other: a restart has happened when its answer is there.
for await (const line of createInterface({ input: process.stdin })) {
  if (line.trim() === '') continue;
  try {
    say(await obey(refinery, line));
  } catch (error) {
    say({ error: error instanceof Error ? error.message : String(error) });
  }
}
await end();
