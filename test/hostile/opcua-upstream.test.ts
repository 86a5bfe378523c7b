// The defects of node-opcua that docs/upstream/README.md tells of, on the installed release: every reproduction finds
// what the table says. One that finds its defect gone fails here, and the table says which containment may go then.

import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = join(root, 'docs/upstream');
const page = readFileSync(join(folder, 'README.md'), 'utf8');
const scripts = readdirSync(folder).filter((name) => /^node-opcua-.*\.mjs$/.test(name));

/** Processes at once: each has deadlines of its own. */
const AT_ONCE = 4;
let free = AT_ONCE;
const queue: (() => void)[] = [];

/** What a script says and how it ends: 1 the defect is there, 0 it is gone. */
async function run(script: string): Promise<{ code: number | null; said: string }> {
  if (free === 0) await new Promise<void>((resolve) => queue.push(resolve));
  else free -= 1;
  try {
    return await ended(script);
  } finally {
    const next = queue.shift();
    if (next) next();
    else free += 1;
  }
}

function ended(script: string): Promise<{ code: number | null; said: string }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [join(folder, script)], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (said += text));
    child.on('close', (code) => resolve({ code, said }));
  });
}

describe.concurrent('reproductions', { timeout: 180_000 }, () => {
  test.each(scripts)('%s finds its defect', async (script) => {
    const { code, said } = await run(script);
    expect({ code, said }).toEqual({ code: 1, said: expect.stringMatching(/DEFECT: /) });
  });
});

test('every reproduction is in the table, and every link of the page leads somewhere', () => {
  const links = [...page.matchAll(/\]\(([^)#]+)\)/g)].map(([, link]) => link!);
  for (const script of scripts) expect(links).toContain(script);
  for (const link of links.filter((each) => !each.includes(':'))) {
    expect(() => readFileSync(join(folder, link)), link).not.toThrow();
  }
  for (const [, file] of page.matchAll(/`((?:test|agent)\/[^`]+\.ts)`/g)) {
    expect(() => readFileSync(join(root, file!)), file).not.toThrow();
  }
});

test('every reproduction names the installed release', () => {
  const require = (name: string) =>
    (JSON.parse(readFileSync(join(root, 'node_modules', name, 'package.json'), 'utf8')) as { version: string }).version;
  for (const script of scripts) {
    const text = readFileSync(join(folder, script), 'utf8');
    const named = [...text.matchAll(/(node-opcua-[a-z-]+)@([\d.]+)/g)];
    expect(named.length, script).toBeGreaterThan(0);
    for (const [, name, version] of named) expect(`${name}@${version}`, script).toBe(`${name}@${require(name!)}`);
  }
});
