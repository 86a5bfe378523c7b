// `fieldgate demo`: the real gateway on a simulated refinery and a local hub, all on this machine, with a live
// summary. Nothing is faked on the gateway's side: encrypted OPC UA, Modbus, a buffer on disk, MQTT over TLS to the
// hub by the unmodified Azure SDK. The simulators are processes of their own.

import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadMapping } from '../config/load.ts';
import { formatMistake } from '../config/mistake.ts';
import { parseDuration } from '../config/units.ts';
import { type Gateway, startGateway } from '../gateway.ts';
import { type Batch, valueAt } from '../model/batch.ts';
import { Fault } from '../model/fault.ts';
import { statusName } from '../model/status.ts';
import type { Tag } from '../model/tag.ts';
import { toMillis } from '../model/time.ts';
import { httpAddress } from '../observe/http.ts';
import { openLog } from '../observe/log.ts';
import { parseArguments, Usage } from './arguments.ts';
import { type Command, EXIT, type Io } from './command.ts';
import { type Peer, startPeer } from './demo/peer.ts';
import { account, type HubAccount, line, type Moment, type Shown, screen } from './demo/screen.ts';
import { lineOf } from './refused.ts';
import { stopSignal, surviveRejections } from './run.ts';

export const command: Command = {
  name: 'demo',
  usage: '[--tags N] [--for DURATION] [--folder DIR]',
  summary: 'The gateway on a simulated refinery and a local hub, with a live summary.',
  help: `
Options:
  --tags N         tags of the refinery, 120 to 100000; default 1000
  --for DURATION   ends by itself: 20s, 5m; default: Ctrl-C ends it
  --folder DIR     where buffer, certificates and the mapping are kept; default: a temporary folder, removed at the end

The summary is redrawn on a terminal and is plain lines elsewhere. At the end it gives its account.

Environment:
  FIELDGATE_HTTP   where /metrics and /status listen; default 127.0.0.1:9600

Examples:
  fieldgate demo
  fieldgate demo --tags 5000 --for 60s

Exit codes: 0 everything accepted was delivered or is in the buffer, 1 it was not, 2 wrong usage.
`,

  async run(args, io) {
    const { values } = parseArguments(
      args,
      { tags: { type: 'string' }, for: { type: 'string' }, folder: { type: 'string' } },
      [],
    );
    const tags = Number(values.get('tags') ?? 1_000);
    if (!Number.isInteger(tags) || tags < 120 || tags > 100_000)
      throw new Usage('--tags is a whole number from 120 to 100000');
    const duration = values.has('for') ? parseDuration(values.get('for') ?? '') : Number.POSITIVE_INFINITY;
    if (duration === undefined)
      throw new Usage(`--for ${values.get('for')}: write a number and a unit, like 20s or 5m`);
    const given = values.get('folder');
    const folder = given === undefined ? mkdtempSync(join(tmpdir(), 'fieldgate-demo-')) : resolve(given);
    const peers: Peer[] = [];
    try {
      mkdirSync(folder, { recursive: true });
      return await demo({ folder, tags, duration, peers, io });
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      io.err.write(`fieldgate demo: ${lineOf(error)}\n`);
      return EXIT.failed;
    } finally {
      await Promise.all(peers.map((peer) => peer.close()));
      if (given === undefined) rmSync(folder, { recursive: true, force: true });
    }
  },
};

interface Demo {
  readonly folder: string;
  readonly tags: number;
  /** ms, or infinity. */
  readonly duration: number;
  /** Simulators that were started; the caller ends them. */
  readonly peers: Peer[];
  readonly io: Io;
}

async function demo({ folder, tags, duration, peers, io }: Demo): Promise<number> {
  const stopped = stopSignal();
  io.err.write(`starting the refinery (${tags.toLocaleString('en-US')} tags) and the local hub…\n`);
  const start = async (simulator: string, ...options: string[]) => {
    const peer = await startPeer(fileURLToPath(new URL(`../../../sim/${simulator}/main.ts`, import.meta.url)), [
      '--folder',
      join(folder, simulator),
      ...options,
    ]);
    peers.push(peer);
    return peer;
  };
  const [refinery, hub] = await Promise.all([
    start('refinery', '--tags', String(tags), '--hub', 'iot-edge'),
    start('hub'),
  ]);
  Object.assign(process.env, hub.ready.environment);
  trust(String(refinery.ready.certificate), join(folder, 'refinery'));

  const loaded = await loadMapping(String(refinery.ready.mapping), { env: process.env });
  if ('mistakes' in loaded) {
    for (const mistake of loaded.mistakes) io.err.write(`${formatMistake(mistake)}\n`);
    return EXIT.failed;
  }
  const shown = new Latest();
  // The summary is the demo's output; of the log only what is wrong may come between.
  const log = openLog({ level: io.env.FIELDGATE_LOG ?? (io.out.isTTY ? 'error' : 'warn') });
  const gateway = await startGateway({
    ...loaded,
    log,
    http: httpAddress(io.env.FIELDGATE_HTTP),
    tap: (batch) => shown.see(batch),
  });
  surviveRejections(log);
  shown.choose(gateway.tags);

  const end = summarise(gateway, shown, io);
  const timer = Number.isFinite(duration) ? setTimeout(() => process.emit('SIGTERM', 'SIGTERM'), duration) : undefined;
  const failure = await Promise.race([stopped.then(() => undefined), gateway.broken.catch((error: Error) => error)]);
  clearTimeout(timer);
  const seconds = (Date.now() - gateway.status().startedAt) / 1_000;
  const status = await gateway.close();
  end();
  const { lines, sound } = account(status, (await hub.ask({ call: 'summary' })).result as HubAccount, seconds);
  io.out.write(`${lines.join('\n')}\n`);
  if (failure !== undefined) io.err.write(`fieldgate demo: ${failure.message}\n`);
  return sound && failure === undefined ? EXIT.clean : EXIT.failed;
}

/** The gateway beside this buffer trusts the refinery's server, as `fieldgate certificates trust` would make it. */
function trust(certificate: string, dataFolder: string): void {
  const trusted = join(dataFolder, 'pki', 'trusted', 'certs');
  mkdirSync(trusted, { recursive: true });
  copyFileSync(certificate, join(trusted, 'refinery.pem'));
}

const REDRAW = 500;
const LINE = 5_000;

/** Draws until the returned function is called. */
function summarise(gateway: Gateway, shown: Latest, io: Io): () => void {
  const terminal = io.out.isTTY === true;
  let before = { at: performance.now(), received: 0 };
  let drawn = 0;
  const moment = (): Moment => {
    const status = gateway.status();
    const at = performance.now();
    const received = status.sources.reduce((sum, source) => sum + source.received, 0);
    const rate = (received - before.received) / Math.max(0.001, (at - before.at) / 1_000);
    if (at - before.at >= 2_000) before = { at, received };
    const columns = (io.out as { columns?: number }).columns ?? 100;
    return { status, rate, shown: shown.tags(), now: Date.now(), columns };
  };
  const draw = () => {
    if (!terminal) {
      io.out.write(`${line(moment())}\n`);
      return;
    }
    const lines = screen(moment());
    // Back to the first line drawn before, then each line over the old one.
    io.out.write(`${drawn > 0 ? `\x1b[${drawn}A` : ''}${lines.map((text) => `${text}\x1b[K\n`).join('')}\x1b[J`);
    drawn = lines.length;
  };
  const timer = setInterval(draw, terminal ? REDRAW : LINE);
  return () => {
    clearInterval(timer);
    draw();
  };
}

const SHOWN = 10;

/** The latest readings of a few tags, as they pass by. */
class Latest {
  readonly #tags = new Map<number, Shown | undefined>();
  #all: readonly Tag[] = [];

  /** One of each kind: the letters of an ISA-5.1 name tell a flow from a level, the source a PLC from the DCS. */
  choose(tags: readonly Tag[]): void {
    this.#all = tags;
    const kinds = new Set<string>();
    for (const { name, source, index } of tags) {
      const kind = `${source} ${name.replaceAll(/[^A-Z]/g, '')}`;
      if (kinds.has(kind) || this.#tags.size === SHOWN) continue;
      kinds.add(kind);
      this.#tags.set(index, undefined);
    }
  }

  see(batch: Batch): void {
    for (let i = 0; i < batch.count; i++) {
      const index = batch.tag[i] as number;
      if (!this.#tags.has(index)) continue;
      const value = valueAt(batch, i);
      const text = typeof value === 'number' ? String(Math.round(value * 1e3) / 1e3) : String(value);
      this.#tags.set(index, {
        name: this.#all[index]?.name ?? '',
        value: text.length > 20 ? `${text.slice(0, 19)}…` : text,
        unit: this.#all[index]?.unit ?? '',
        status: statusName(batch.status[i] as number),
        at: toMillis(batch.time[i] as number),
      });
    }
  }

  tags(): Shown[] {
    return [...this.#tags.values()].filter((tag) => tag !== undefined);
  }
}
