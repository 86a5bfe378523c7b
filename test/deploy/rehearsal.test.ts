// Every deployment of a whole gateway is rehearsed: the module runs as its manifest says, and lives through what happens
// on a site. Long form: REHEARSE=60s.

import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const LENGTH = process.env.REHEARSE ?? '15s';
const manifests = readdirSync(join(root, 'deploy/iot-edge/manifests/single'));

function rehearse(...args: string[]): Promise<{ code: number; out: string }> {
  const child = spawn(process.execPath, [join(root, 'scripts/rehearse.ts'), ...args], { cwd: root });
  let out = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (out += chunk));
  return new Promise((resolve) => child.once('exit', (code) => resolve({ code: code ?? -1, out })));
}

describe('a rehearsal', { concurrent: true, timeout: 300_000 }, () => {
  it('names what is wrong with its arguments', async () => {
    expect((await rehearse()).code).toBe(2);
    expect((await rehearse('a.json', '--for', '2s')).code).toBe(2);
    expect((await rehearse('deploy/iot-edge/manifests/base.json')).out).toContain('has no module fieldgate');
  });

  // Two at a time: each is a plant, a hub and a gateway.
  it.each([manifests.filter((_, i) => i % 2 === 0), manifests.filter((_, i) => i % 2 === 1)])(
    '%s, …',
    async (...files) => {
      for (const file of files) {
        const { code, out } = await rehearse(
          join('deploy/iot-edge/manifests/single', file),
          '--for',
          LENGTH,
          '--tags',
          '100',
          ...(file === 'plain.json' ? ['--lose-mqtt'] : []),
        );
        expect(code, out).toBe(0);
        expect(out).toMatch(/(1[46]) of \1 steps/);
      }
    },
  );
});
