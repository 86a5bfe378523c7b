// Rehearses a deployment without Azure: starts the gateway from a manifest as the edge agent would, on a simulated refinery
// and against the local hub, lets it live through what happens on a site (edgeHub made anew, the module killed, its
// token refused for a while), asks its twin and its methods, and shows the account of the hub.
//
//   npm run rehearse -- deploy/iot-edge/manifests/single/plain.json [--for 60s] [--tags 1000]
//   … --lose-mqtt                            in the end edgeHub does not answer over MQTT, as 1.6.0 and 1.6.1 do not
//   … --root DIR [--image-env NAME=VALUE]…   from an image's root file system (needs root; see .ci/image)
//
// Exits with 0 when every reading that the gateway took is at the hub or explained, and everything was answered.

import {
  chmodSync,
  chownSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Peer, startPeer } from '../agent/src/cli/demo/peer.ts';
import type { EdgeAgentDesired, Manifest, Module } from '../deploy/iot-edge/build/manifest.ts';
import { findings } from '../deploy/iot-edge/build/rules.ts';
import { notRehearsed, type RunningModule, socketFolder, startModule } from '../deploy/iot-edge/rehearsal/module.ts';

const MODULE = 'fieldgate';
const USER = 10_001;

interface Summary {
  readonly readings: number;
  readonly missing: number;
  readonly double: number;
  readonly doubleById: number;
  readonly malformed: number;
  readonly gaps: number;
}

const { values, positionals } = parseArgs({
  options: {
    for: { type: 'string', default: '60s' },
    tags: { type: 'string', default: '1000' },
    root: { type: 'string' },
    'lose-mqtt': { type: 'boolean', default: false },
    'image-env': { type: 'string', multiple: true, default: [] },
  },
  allowPositionals: true,
});
const [file, ...more] = positionals;
const seconds = Number(/^(\d+)s$/.exec(values.for)?.[1]);
if (file === undefined || more.length > 0 || !(seconds >= 15)) {
  console.error('usage: npm run rehearse -- MANIFEST [--for 60s] [--tags 1000]; at least 15s');
  process.exit(2);
}

const steps: { readonly what: string; readonly ok: boolean; readonly told: string }[] = [];
function step(what: string, ok: boolean, told = ''): void {
  steps.push({ what, ok, told });
  console.log(`${ok ? 'ok    ' : 'FAILED'} ${what}${told === '' ? '' : `: ${told}`}`);
}

const folder = mkdtempSync(join(tmpdir(), 'rehearsal-'));
const peers: Peer[] = [];
let module: RunningModule | undefined;
try {
  await rehearse(moduleOf(file));
} finally {
  module?.kill('SIGKILL');
  await Promise.all(peers.map((peer) => peer.close()));
  rmSync(folder, { recursive: true, force: true });
}
const failed = steps.filter(({ ok }) => !ok).length;
console.log(`\n${failed === 0 ? 'rehearsed' : 'NOT WELL'}: ${file}, ${steps.length - failed} of ${steps.length} steps`);
process.exitCode = failed === 0 ? 0 : 1;

/** The gateway's module of a manifest or a layer. */
function moduleOf(path: string): Module {
  const document = JSON.parse(readFileSync(path, 'utf8')) as Manifest;
  const agent = document.modulesContent.$edgeAgent as Record<string, unknown>;
  const whole = agent['properties.desired'] as EdgeAgentDesired | undefined;
  const found = (whole?.modules[MODULE] ?? agent[`properties.desired.modules.${MODULE}`]) as Module | undefined;
  const wrong = findings(document, whole === undefined ? 'layer' : 'manifest');
  step('the manifest keeps the rules', wrong.length === 0, wrong.map(({ at, what }) => `${at}: ${what}`).join('; '));
  if (found === undefined) throw new Error(`${path} has no module ${MODULE}: nothing to rehearse`);
  return found;
}

async function rehearse(wanted: Module): Promise<void> {
  const start = async (simulator: string, ...options: string[]) => {
    const place = join(folder, simulator);
    const main = fileURLToPath(new URL(`../sim/${simulator}/main.ts`, import.meta.url));
    const peer = await startPeer(main, ['--folder', place, ...options]);
    peers.push(peer);
    return peer;
  };
  const [refinery, hub] = await Promise.all([
    start('refinery', '--tags', values.tags, '--hub', 'iot-edge'),
    start('hub'),
  ]);
  const ask = async <T>(call: string, ...given: unknown[]) => {
    const { result, error } = await hub.ask({ call, with: given });
    if (error !== undefined) throw new Error(String(error));
    return result as T;
  };
  const identity = hub.ready.environment as Record<string, string>;
  furnish(String(refinery.ready.mapping), String(refinery.ready.certificate));
  const sockets = socketFolder(identity.IOTEDGE_WORKLOADURI!);
  // As the edge agent lets the module's user into its socket.
  for (const each of [folder, join(folder, 'hub'), join(folder, 'refinery'), sockets]) chmodSync(each, 0o755);
  chmodSync(join(sockets, 'workload.sock'), 0o666);
  const missing = notRehearsed(wanted, values.root !== undefined);
  console.log(`not rehearsed, the container engine's part: ${missing.join(', ')}`);

  const begun = performance.now();
  module = startModule(wanted, {
    main: fileURLToPath(new URL('../agent/src/main.ts', import.meta.url)),
    folder,
    ...(values.root !== undefined && { root: values.root }),
    imageEnvironment: values['image-env'],
    identity,
    see: [sockets, join(folder, 'refinery')],
  });
  const running = module;
  const until = async (what: string, holds: () => Promise<boolean>, deadline = 60_000): Promise<void> => {
    const from = performance.now();
    let told = '';
    while (performance.now() - from < deadline) {
      const held = await holds().catch((error: Error) => {
        told = error.message;
        return false;
      });
      if (held) {
        step(what, true, `${((performance.now() - from) / 1_000).toFixed(1)} s`);
        return;
      }
      await sleep(100);
    }
    step(what, false, `${told}\n${running.log().slice(-2_000)}`);
  };
  const readings = async () => (await ask<Summary>('summary')).readings;
  const grows = async () => {
    const before = await readings();
    return async () => (await readings()) > before + 10;
  };
  const answers = (name: string, payload: object) => async () => {
    const { status } = await ask<{ status: number }>('invoke', name, payload, 2_000);
    return status === 200;
  };

  await until('the first reading is at the hub', async () => (await readings()) > 0);
  console.log(
    `       cold start to the first delivered reading: ${((performance.now() - begun) / 1_000).toFixed(2)} s`,
  );
  await until('the method ping is answered', answers('ping', {}));
  await until('the twin is reported', async () => {
    const { reported } = await ask<{ reported: Record<string, unknown> }>('twin');
    return reported.health !== undefined;
  });
  await ask('desire', { logLevel: 'debug', drainLimit: 100 });
  await until('a desired property is applied', async () => {
    const { desired, reported } = await ask<Record<'desired' | 'reported', Record<string, unknown>>>('twin');
    const told = reported.desired as { version?: number; applied?: boolean } | undefined;
    return told?.version === desired.$version && told?.applied === true;
  });

  await sleep((seconds * 1_000) / 4);
  await ask('faults.recreate');
  await until('after edgeHub was made anew readings arrive', await grows());
  await until('… and methods are answered', answers('ping', {}));

  await sleep((seconds * 1_000) / 4);
  running.kill('SIGKILL');
  await until('after the module was killed the restart policy brings it back', await grows());
  await until('… and methods are answered', answers('status', {}));

  await ask('faults.workload', 'error', 'sign');
  await ask('faults.cut');
  await sleep(2_000);
  await ask('faults.workload');
  await until('after a time in which no token was signed readings arrive', await grows());

  if (values['lose-mqtt']) {
    // As edgeHub 1.6.0 and 1.6.1 do: the gateway waits 15 s for MQTT, then it speaks AMQP.
    await ask('faults.loseConnect', 'hold');
    await ask('faults.cut');
    await until('when edgeHub does not answer over MQTT readings arrive over AMQP', await grows());
    await until('… and methods are answered', answers('ping', {}));
  }

  await sleep((seconds * 1_000) / 4);
  await until('diagnostics writes its bundle', answers('diagnostics', {}));
  const code = await running.stop();
  step('SIGTERM ends it in order', code === 0, `exit code ${code}, started ${running.starts} times`);
  await account(await ask<Summary>('summary'));
}

async function account({ readings, missing, double, doubleById, malformed, gaps }: Summary): Promise<void> {
  step(
    'the account of the hub is complete',
    missing === 0 && malformed === 0,
    `${readings} readings, ${missing} missing`,
  );
  step('what came twice came under the same number', double >= doubleById, `${double} twice, ${gaps} gap records`);
}

/** The folders of the host, as the manifest binds them. */
function furnish(mapping: string, certificate: string): void {
  for (const each of ['data/pki/trusted/certs', 'config', 'secrets'])
    mkdirSync(join(folder, each), { recursive: true });
  const text = readFileSync(mapping, 'utf8').replace(/^( {2}path: ).*buffer\.db$/m, '$1data/buffer.db');
  if (!text.includes('path: data/buffer.db')) throw new Error('the mapping of the refinery has no buffer path');
  writeFileSync(join(folder, 'config/fieldgate.yaml'), text, { mode: 0o444 });
  copyFileSync(certificate, join(folder, 'data/pki/trusted/certs/refinery.pem'));
  if (values.root === undefined) return;
  for (const each of [
    'data',
    'data/pki',
    'data/pki/trusted',
    'data/pki/trusted/certs',
    'data/pki/trusted/certs/refinery.pem',
  ])
    chownSync(join(folder, each), USER, USER);
}
