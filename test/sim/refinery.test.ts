import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { mappingSchema } from '../../agent/src/config/schema.ts';
import { mappingFor, type Refinery, type RefineryOptions, startRefinery } from '../../sim/refinery/refinery.ts';
import { scratch } from '../support/scratch.ts';

const folder = scratch();
const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

async function start(options: Partial<RefineryOptions> = {}): Promise<Refinery> {
  const refinery = await startRefinery({ tags: 200, folder, ticking: false, ...options });
  open.push(() => refinery.close());
  return refinery;
}

const parameters = { hub: { type: 'jsonl', path: 'readings.jsonl' }, buffer: { path: 'buffer.db' } };

describe('the mapping', () => {
  test.each([200, 2_000])('of %i tags is valid and names every tag once', async (tags) => {
    const refinery = await start({ tags });
    expect(refinery.tags).toBe(tags);
    const mapping = mappingSchema.parse(parse(mappingFor(refinery, parameters)));
    const names = Object.values(mapping.sources).flatMap((source) => Object.keys(source.tags));
    expect(new Set(names).size).toBe(tags);
    for (const name of refinery.counterTags) expect(names).toContain(name);
    const dcs = mapping.sources['cdu1-dcs']!;
    expect(dcs).toMatchObject({ endpoint: refinery.dcs.endpoint, user: { passwordFile: refinery.passwordFile } });
    expect(mapping.sources['tank-farm']).toMatchObject({
      port: refinery.tanks.port,
      tags: { '90LT301': { unitId: 3, type: 'float32', order: 'CDAB', address: { table: 'holding', offset: 0 } } },
    });
    if (tags === 2_000) expect(Object.keys(dcs.tags).length / tags).toBeCloseTo(0.85, 2);
  });

  test('gives analog tags a deadband when asked to', async () => {
    const refinery = await start();
    const text = mappingFor(refinery, { ...parameters, deadbands: true });
    expect(text).toContain('20FIC101.PV: { node: "nsu=urn:lavera:dcs;s=20FIC101.PV", unit: m3/h, deadband: 0.5% }');
    expect(mappingSchema.safeParse(parse(text)).success).toBe(true);
  });

  test('keeps the password in a file of its own', async () => {
    const refinery = await start();
    expect(readFileSync(refinery.passwordFile, 'utf8')).toBe(refinery.dcs.password);
    expect(mappingFor(refinery, parameters)).not.toContain(refinery.dcs.password);
  });
});

test('one tick moves all three servers', async () => {
  const refinery = await start();
  refinery.tick();
  refinery.tick();
  for (const sim of [refinery.dcs, refinery.flare, refinery.tanks]) expect(sim.counters().updates).toBe(2);
});

test('runs as a process of its own, obeys commands and ends with its standard input', async () => {
  const main = join(import.meta.dirname, '../../sim/refinery/main.ts');
  const child = spawn(process.execPath, [main, '--tags', '200', '--folder', join(folder, 'own'), '--paused']);
  open.push(() => child.kill('SIGKILL'));
  const exit = new Promise((resolve) => child.once('exit', resolve));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const answer = async () => JSON.parse((await lines.next()).value as string);
  const ask = (command: object) => {
    child.stdin.write(`${JSON.stringify(command)}\n`);
    return answer();
  };

  const ready = await answer();
  expect(ready).toMatchObject({ tags: 200, endpoint: `opc.tcp://127.0.0.1:${ready.ports.dcs}` });
  expect(existsSync(ready.certificate)).toBe(true);
  expect(mappingSchema.safeParse(parse(readFileSync(ready.mapping, 'utf8'))).success).toBe(true);

  expect(await ask({ do: 'tick' })).toEqual({ done: 'tick' });
  expect(await ask({ do: 'kill', at: 'tanks', unit: 9 })).toEqual({ done: 'kill' });
  expect(await ask({ do: 'restart', at: 'dcs' })).toEqual({ done: 'restart' });
  expect(await ask({ do: 'set', tag: '70LT310', value: 12 })).toEqual({ done: 'set' });
  expect((await ask({ do: 'set', tag: 'nobody', value: 12 })).error).toContain('no tag');
  expect((await ask({ do: 'explode' })).error).toContain('restart');
  expect((await ask({ do: 'counters' })).counters).toMatchObject({ dcs: { updates: 1 }, tanks: { updates: 1 } });

  child.stdin.end();
  expect(await exit).toBe(0);
});
