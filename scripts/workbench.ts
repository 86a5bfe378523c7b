// A small site for the documents: a DCS, a PLC and edgeHub, all simulated, at addresses that look like a plant's. What is
// shown in a page is what a command printed here, with the addresses, paths and thumbprints of this machine replaced by
// those of the page, and nothing else changed.

import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type LocalHub, startHub } from '../sim/hub/hub.ts';
import { startModbusServer } from '../sim/refinery/modbus.ts';
import { startOpcUaServer } from '../sim/refinery/opcua.ts';

const MAIN = fileURLToPath(new URL('../agent/src/main.ts', import.meta.url));
const THUMBPRINT = '1f0a7c9be2d34c5d8a6b7c8d9e0f1a2b3c4d5e6f';
const DEADLINE_MS = 60_000;

export interface Workbench {
  /** Puts a file that a page shows where the commands find it. */
  put(name: string, text: string): void;
  /** Runs a command line that begins with `fieldgate`; what it printed, as the page shows it. */
  run(line: string): Promise<string>;
  close(): Promise<void>;
}

export async function workbench(): Promise<Workbench> {
  const folder = mkdtempSync(join(tmpdir(), 'fieldgate-docs-'));
  const [dcs, plc, hub] = await Promise.all([
    startOpcUaServer({ folder: join(folder, 'sim'), tags: 20, ticking: false }),
    startModbusServer({ site: 'flare', tags: 20, ticking: false }),
    startHub({ folder: join(folder, 'hub'), deviceId: 'gw-cdu1-01' }),
  ]);
  dcs.set('20FIC101.PV', 121.5);
  // 3.27 barg as the float of two words, the low one first; half of 0 to 4095.
  plc.setRegister(1, 'holding', 10, [0x47ae, 0x4051]);
  plc.setRegister(1, 'holding', 20, [2_048]);
  const site = join(folder, 'site');
  mkdirSync(site);
  writeFileSync(join(folder, 'password'), dcs.password);
  // Page → this machine. A page writes the PLC's port below its host.
  const places: readonly (readonly [page: string, here: string])[] = [
    ['opc.tcp://10.20.1.15:4840', dcs.endpoint],
    ['host: 10.20.4.7\n    port: 502', `host: 127.0.0.1\n    port: ${plc.port}`],
    ['/run/secrets/cdu1-dcs', join(folder, 'password')],
    [THUMBPRINT, dcs.thumbprint],
  ];
  return {
    put(name, text) {
      const file = join(site, name);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(
        file,
        places.reduce((all, [page, here]) => all.replaceAll(page, here), text),
      );
    },
    async run(line) {
      const args = words(places.reduce((all, [page, here]) => all.replaceAll(page, here), line)).slice(1);
      return shown(await output(args, site, hub), { dcs, plc, hub, site, folder });
    },
    async close() {
      await Promise.all([dcs.close(), plc.close(), hub.close()]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** As a shell without variables or patterns would cut it. */
function words(line: string): string[] {
  return [...line.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(
    ([, single, double, bare]) => single ?? double ?? bare ?? '',
  );
}

async function output(args: readonly string[], cwd: string, hub: LocalHub): Promise<string> {
  const env = { ...process.env, ...hub.environment, FIELDGATE_HTTP: '127.0.0.1:1', NO_COLOR: '1' };
  const child = spawn(process.execPath, [MAIN, ...args], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (more: string) => (text += more));
  const timer = setTimeout(() => child.kill('SIGKILL'), DEADLINE_MS);
  await new Promise((resolve) => child.on('close', resolve));
  clearTimeout(timer);
  return text;
}

interface Here {
  readonly dcs: { readonly endpoint: string; readonly port: number; readonly thumbprint: string };
  readonly plc: { readonly port: number };
  readonly hub: LocalHub;
  readonly site: string;
  readonly folder: string;
}

/** This machine → page, in the order in which they may be replaced. */
function shown(text: string, { dcs, plc, hub, site, folder }: Here): string {
  const of = (host: string, from: string) =>
    [
      [`127.0.0.1 is an address (this host)`, `${host} is an address (private)`],
      ['from 127.0.0.1 (lo)', `from ${from}`],
    ] as const;
  const section = (title: string, pairs: readonly (readonly [string, string])[]) => {
    const parts = text.split('\n\n');
    const replaced = (part: string) => pairs.reduce((all, [here, page]) => all.replaceAll(here, page), part);
    text = parts.map((part) => (part.startsWith(title) ? replaced(part) : part)).join('\n\n');
  };
  section('cdu1-dcs', of('10.20.1.15', '10.20.1.2 (ens19)'));
  section('flare-plc', of('10.20.4.7', '10.20.4.2 (ens20)'));
  section('hub', [
    ['localhost is 127.0.0.1 (this host)', 'gw-cdu1-01 is 172.18.0.3 (private)'],
    ['from 127.0.0.1 (lo)', 'from 172.18.0.4 (eth0)'],
    ['reached from 127.0.0.1', 'reached from 172.18.0.4'],
    [`127.0.0.1:${hub.port}`, '172.18.0.3:8883'],
    ['localhost, vouched', 'gw-cdu1-01, vouched'],
    ['fieldgate local hub CA', 'site edge CA'],
  ]);
  const pairs: readonly (readonly [string | RegExp, string])[] = [
    [dcs.endpoint, 'opc.tcp://10.20.1.15:4840'],
    [`port ${dcs.port} is open`, 'port 4840 is open'],
    [`127.0.0.1:${plc.port}`, '10.20.4.7:502'],
    [dcs.thumbprint, THUMBPRINT],
    [/\b[0-9a-f]{40}\b(?<!1f0a7c9be2d34c5d8a6b7c8d9e0f1a2b3c4d5e6f)/g, '7b1d02c5a94e83f6071526b3c4d5e6f708192a3b'],
    [`${site}/`, '/srv/fieldgate/'],
    [site, '/srv/fieldgate'],
    [join(folder, 'password'), '/run/secrets/cdu1-dcs'],
    [join(folder, 'hub'), '/var/run/iotedge'],
    [/^( {2}ok {6}user {9}).*$/m, '$1number 10001'],
    [/CN=fieldgate [^),]+/g, 'CN=fieldgate gw-cdu1-01'],
    ['local.azure-devices.net', 'iot-data-prod-weu-001.azure-devices.net'],
  ];
  return pairs.reduce(
    (all, [here, page]) =>
      all.replaceAll(here instanceof RegExp && !here.global ? new RegExp(here, `${here.flags}g`) : here, page),
    text,
  );
}
