// The whole refinery for the demo, the tests and the benchmarks: the crude unit's DCS (OPC UA), the flare's PLC and
// the tank farm (Modbus TCP), moved by one seed. Everything listens on 127.0.0.1 only.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type ModbusSim, startModbusServer } from './modbus.ts';
import { type OpcUaSim, startOpcUaServer } from './opcua.ts';
import { registerSignals } from './register-signals.ts';

export { mappingFor } from './mapping.ts';

export interface RefineryOptions {
  /** Tags in all, up to 100,000; about 85 % of them in the DCS; never fewer than the 110 or so always there. */
  readonly tags: number;
  /** Where certificate, key and password are kept. */
  readonly folder: string;
  readonly seed?: number;
  /** Share of the tags that count; default 0.1. */
  readonly counters?: number;
  /** Time between two updates of everything, ms; default 1,000. */
  readonly period?: number;
  /** false: nothing moves by itself. Default true. */
  readonly ticking?: boolean;
  /** Default: free ports. */
  readonly ports?: { readonly dcs: number; readonly flare: number; readonly tanks: number };
}

export interface Refinery {
  readonly dcs: OpcUaSim;
  readonly flare: ModbusSim;
  readonly tanks: ModbusSim;
  /** Holds the password of the DCS's user. */
  readonly passwordFile: string;
  /** Tags in all. */
  readonly tags: number;
  /**
   * Tags that go up by exactly one: in the DCS from reading to reading, whatever the client's pace; on Modbus
   * (70KR101.READS…) from poll to poll, lost replies included.
   */
  readonly counterTags: readonly string[];
  /** One update of everything. */
  tick(time?: Date): void;
  pause(): void;
  resume(): void;
  close(): Promise<void>;
}

const FLARE = 0.05;
const TANKS = 0.1;

/** Starts the three servers; resolves when all accept connections. */
export async function startRefinery(options: RefineryOptions): Promise<Refinery> {
  const folder = resolve(options.folder);
  mkdirSync(folder, { recursive: true });
  const { seed = 1, counters = 0.1, period = 1_000, ticking = true, ports } = options;
  const common = { seed, counters, period, ticking };
  const share = (site: 'flare' | 'tanks', part: number) =>
    registerSignals(site, Math.round(options.tags * part), counters).length;
  const flareTags = share('flare', FLARE);
  const tankTags = share('tanks', TANKS);
  const started: { close(): Promise<void> }[] = [];
  try {
    const begin = async <T extends { close(): Promise<void> }>(starting: Promise<T>): Promise<T> => {
      const sim = await starting;
      started.push(sim);
      return sim;
    };
    const flare = await begin(
      startModbusServer({ site: 'flare', tags: flareTags, ...common, ...(ports && { port: ports.flare }) }),
    );
    const tanks = await begin(
      startModbusServer({ site: 'tanks', tags: tankTags, ...common, ...(ports && { port: ports.tanks }) }),
    );
    const dcs = await begin(
      startOpcUaServer({
        folder,
        tags: options.tags - flareTags - tankTags,
        ...common,
        ...(ports && { port: ports.dcs }),
      }),
    );
    const passwordFile = join(folder, 'dcs-password');
    writeFileSync(passwordFile, dcs.password, { mode: 0o600 });
    return assemble(dcs, flare, tanks, passwordFile);
  } catch (error) {
    await Promise.all(started.map((sim) => sim.close()));
    throw error;
  }
}

function assemble(dcs: OpcUaSim, flare: ModbusSim, tanks: ModbusSim, passwordFile: string): Refinery {
  const all = [dcs, flare, tanks] as const;
  return {
    dcs,
    flare,
    tanks,
    passwordFile,
    tags: all.reduce((sum, sim) => sum + sim.signals.length, 0),
    counterTags: [
      ...dcs.signals.filter((signal) => signal.process === 'counter'),
      ...[flare, tanks].flatMap((sim) => sim.signals.filter((signal) => signal.reads)),
    ].map((signal) => signal.name),
    tick(time) {
      for (const sim of all) sim.tick(time);
    },
    pause() {
      for (const sim of all) sim.pause();
    },
    resume() {
      for (const sim of all) sim.resume();
    },
    async close() {
      await Promise.all(all.map((sim) => sim.close()));
    },
  };
}
