// Edits of the mapping, one after the other, while 5,000 tags flow: what an edit does not name loses nothing, and nobody
// reconnects. Counters in the PLCs prove it: the first register of every hundred goes up by one with each read, so a poll
// that is missing downstream is a step by two. FIELDGATE_RELOADS=500 is the long form.

import { createReadStream, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, expect, it } from 'vitest';
import { startAgent } from '../support/agent.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { held, plc, STRIDE } from './plc.ts';

const EDITS = Number(process.env.FIELDGATE_RELOADS ?? 30);
const UNITS = 5;
const EACH = 1_000;

const folder = scratch();
const file = join(folder, 'fieldgate.yaml');
const output = join(folder, 'readings.jsonl');
const ends: (() => Promise<unknown>)[] = [];
afterAll(async () => {
  for (const end of ends.reverse()) await end();
});

/** A tag that edits are about. */
interface Edited {
  readonly unit: number;
  readonly offset: number;
  readonly deadband: number | undefined;
}

interface Status {
  readonly epoch: string;
  readonly sources: readonly { readonly name: string; readonly connects: number; readonly state: { state: string } }[];
  readonly mapping: {
    readonly hash: string;
    readonly reloads: number;
    readonly appliedAt: number;
    readonly refused: { readonly at: number; readonly count: number } | null;
  };
}

/** Repeatable, so that a failure can be looked at again. */
function dice(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (state >>> 8) % below;
  };
}

const WRONG: readonly ((text: string) => string)[] = [
  (text) => text.replace('site: lavera', 'sight: lavera'),
  (text) => `${text}  half: { protocol: modbus-tcp, ho`,
  (text) => text.replace(/^ {6}EDIT.*$/m, '      EDIT.X: { address: "holding:70000" }'),
  (text) => text.replace('tagFiles: [one.csv]', 'tagFiles: [gone.csv]'),
  (text) => text.replace('defaults: { poll: 1s }', 'defaults: { poll: 1 fortnight }'),
  (text) => `${text}\tbuffer: { path: elsewhere.db }\n`,
];

it(`${EDITS} edits while 5,000 tags flow: what they do not name loses nothing`, { timeout: 1_200_000 }, async () => {
  const random = dice(4_711);
  const one = await plc();
  const two = await plc();
  ends.push(
    () => one.stop(),
    () => two.stop(),
  );
  // Unit by unit, so that counters and edited tags share requests with all the others.
  const rows = ['name,address,unitId'];
  for (let unit = 1; unit <= UNITS; unit++)
    for (let at = 0; at < EACH; at++)
      rows.push(`${at % STRIDE === 0 ? 'COUNT' : 'STAY'}.${unit}.${at},holding:${at},${unit}`);
  writeFileSync(join(folder, 'one.csv'), `${rows.join('\n')}\n`);
  const edited = new Map<string, Edited>();
  let names = 0;
  const anywhere = (): Edited => {
    const offset = random(1_200);
    return { unit: 1 + random(UNITS + 1), offset: offset % STRIDE === 0 ? offset + 1 : offset, deadband: undefined };
  };
  const mapping = () => `version: 1
site: lavera
gateway: gw-1
hub: { type: jsonl, path: ${output}, maxDelay: 100ms }
buffer: { path: ${join(folder, 'data/buffer.db')} }
sources:
  two:
    protocol: modbus-tcp
    host: 127.0.0.1
    port: ${two.port}
    defaults: { poll: 100ms }
    tags: { COUNT.TWO: { address: "holding:0" }, STAY.TWO: { address: "holding:1" } }
  one:
    protocol: modbus-tcp
    host: 127.0.0.1
    port: ${one.port}
    timeout: 20s
    defaults: { poll: 1s }
    tagFiles: [one.csv]
    tags:
${[...edited].map(([name, { unit, offset, deadband }]) => `      ${name}: { address: "holding:${offset}", unitId: ${unit}${deadband === undefined ? '' : `, deadband: ${deadband}`} }\n`).join('')}`;
  const add = () => edited.set(`EDIT.${names++}`, anywhere());
  for (let i = 0; i < 20; i++) add();
  writeFileSync(file, mapping());

  const port = 40_000 + (process.pid % 20_000);
  const agent = startAgent(['run', '--config', file], { FIELDGATE_HTTP: `127.0.0.1:${port}` });
  ends.push(() => agent.end('SIGKILL'));
  let code: unknown;
  void agent.ended.then((how) => {
    code = how;
  });
  const status = async (): Promise<Status> => {
    for (let attempt = 1; ; attempt++) {
      try {
        return (await (await fetch(`http://127.0.0.1:${port}/status`)).json()) as Status;
      } catch (cause) {
        // A connection that was idle may be closed in the moment of a request.
        if (code === undefined && attempt < 3) continue;
        throw new Error(`no status; the gateway ended: ${code}\n${agent.stderr().slice(-3_000)}`, { cause });
      }
    }
  };
  const running = async () => {
    const now = await status().catch(() => undefined);
    return now?.sources.every(({ state }) => ['running', 'degraded'].includes(state.state)) ? now : undefined;
  };
  const first = await until('both sources', running, 60_000);
  // All tags have been read before the first edit.
  await until('the first cycle', () => one.requests >= (UNITS * EACH) / 125 && two.requests > 10, 60_000);

  /** Every address a tag has had, and when it was removed last. */
  const addresses = new Map<string, Set<number>>(
    [...edited].map(([name, tag]) => [name, new Set([held(tag.unit, tag.offset)])]),
  );
  const took: number[] = [];
  let reloads = first.mapping.reloads;
  let hash = first.mapping.hash;
  let broken = false;
  let refusals = 0;
  const begin = performance.now();
  const put = (text: string): number => {
    writeFileSync(file, text);
    const at = Date.now();
    process.kill(agent.pid, 'SIGHUP');
    return at;
  };
  for (let i = 0; i < EDITS; i++) {
    if (broken) {
      put(mapping());
      const now = await until(
        'the mended mapping',
        async () => {
          const { mapping } = await status();
          return mapping.refused === null ? mapping : undefined;
        },
        30_000,
      );
      expect({ hash: now.hash, reloads: now.reloads }).toEqual({ hash, reloads });
      broken = false;
      continue;
    }
    if (i % 5 === 4) {
      const wrong = WRONG[random(WRONG.length)]!(mapping());
      const at = put(wrong);
      const now = await until(
        'the refusal',
        async () => {
          const { mapping } = await status();
          return mapping.refused !== null && mapping.refused.at >= at ? mapping : undefined;
        },
        30_000,
      );
      expect({ hash: now.hash, reloads: now.reloads }, wrong.slice(-300)).toEqual({ hash, reloads });
      refusals++;
      broken = true;
      continue;
    }
    const all = [...edited.keys()];
    const name = all[random(all.length)]!;
    const tag = edited.get(name)!;
    const what = random(4);
    if (what === 0 || all.length < 10) add();
    else if (what === 1) edited.delete(name);
    else if (what === 2) edited.set(name, { ...anywhere(), deadband: tag.deadband });
    else edited.set(name, { ...tag, deadband: (tag.deadband ?? 0) + 1 });
    for (const [each, { unit, offset }] of edited)
      addresses.set(each, (addresses.get(each) ?? new Set()).add(held(unit, offset)));
    const at = put(mapping());
    const now = await until(
      `edit ${i}\n${agent.stderr().slice(-2_000)}`,
      async () => {
        const { mapping } = await status();
        return mapping.reloads > reloads ? mapping : undefined;
      },
      30_000,
    );
    expect(now.hash).not.toBe(hash);
    ({ hash, reloads } = now);
    took.push(now.appliedAt - at);
  }
  const seconds = (performance.now() - begin) / 1_000;
  if (broken) {
    put(mapping());
    await until('the last one mended', async () => (await status()).mapping.refused === null, 30_000);
  }
  // What was added last gets its reading, and whole cycles follow the last edit.
  const polls = one.requests;
  await until('two more cycles', () => one.requests > polls + (2 * UNITS * EACH) / 125, 30_000);
  const last = await status();
  const made = { one: one.made, two: two.made };
  expect(await agent.end('SIGTERM')).toBe(0);

  expect(made).toEqual({ one: 1, two: 1 });
  expect(last.sources.map(({ name, connects }) => `${name} ${connects}`)).toEqual(['two 1', 'one 1']);
  expect(last.epoch).toBe(first.epoch);
  expect(last.mapping.reloads - first.mapping.reloads).toBe(took.length);

  const seen = await readBack();
  expect(seen.gaps).toEqual([]);
  expect(seen.holes, 'numbers that are missing in the output').toEqual([]);
  expect(seen.steps, 'polls that are missing').toEqual([]);
  expect(seen.counters).toBe((UNITS * EACH) / STRIDE + 1);
  expect(seen.bad, 'Bad readings of tags that no edit named').toEqual([]);
  for (const [name, tag] of edited) {
    expect.soft(seen.last.get(name), name).toEqual({ status: 'Good', value: held(tag.unit, tag.offset) });
  }
  for (const [name, values] of seen.values) {
    expect.soft([...values.difference(addresses.get(name)!)], `values of ${name}`).toEqual([]);
    if (!edited.has(name)) expect.soft(seen.last.get(name)?.status, name).toBe('BadOutOfService');
  }

  const sorted = took.sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  console.log(
    `${EDITS} edits in ${seconds.toFixed(1)} s (${(EDITS / seconds).toFixed(1)} a second), ${refusals} of them refused and as many mended; ` +
      `applied after p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, most ${sorted.at(-1)} ms; ` +
      `${seen.readings} readings, ${(statSync(output).size / 1e6).toFixed(0)} MB`,
  );
});

interface Row {
  readonly tag?: string;
  readonly gap?: string;
  readonly value?: number | null;
  readonly status?: string;
  readonly seq: number;
}

interface Seen {
  readings: number;
  readonly gaps: string[];
  readonly holes: string[];
  readonly steps: string[];
  readonly bad: string[];
  readonly counters: number;
  /** Of edited tags. */
  readonly last: ReadonlyMap<string, { readonly status: string; readonly value: number | null }>;
  /** Of edited tags: all that were Good. */
  readonly values: ReadonlyMap<string, Set<number>>;
}

/** Reads the output as a consumer does who trusts nobody. */
async function readBack(): Promise<Seen> {
  const counters = new Map<string, number>();
  const last = new Map<string, { status: string; value: number | null }>();
  const values = new Map<string, Set<number>>();
  const seen = { readings: 0, gaps: [] as string[], holes: [] as string[], steps: [] as string[], bad: [] as string[] };
  let seq: number | undefined;
  for await (const line of createInterface({ input: createReadStream(output) })) {
    const row = JSON.parse(line) as Row;
    if (seq !== undefined && row.seq !== seq + 1) seen.holes.push(`${seq}, then ${row.seq}`);
    seq = row.seq;
    if (row.gap !== undefined) seen.gaps.push(line);
    if (row.tag === undefined) continue;
    seen.readings++;
    const { tag, value = null, status = '' } = row;
    if (tag.startsWith('EDIT')) {
      last.set(tag, { status, value });
      if (status === 'Good') values.set(tag, (values.get(tag) ?? new Set()).add(value!));
      continue;
    }
    if (status !== 'Good') seen.bad.push(line);
    if (!tag.startsWith('COUNT')) continue;
    const before = counters.get(tag);
    if (before !== undefined && value !== ((before + 1) & 0xffff)) seen.steps.push(`${tag}: ${before}, then ${value}`);
    counters.set(tag, value!);
  }
  return { ...seen, counters: counters.size, last, values };
}
