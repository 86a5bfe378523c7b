// The image's health check, as a process, against a gateway that is well, one that is not, and none.

import { execFile } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';

const SCRIPT = join(import.meta.dirname, '..', '..', 'scripts', 'healthcheck.ts');

const close: (() => void)[] = [];
afterEach(() => {
  for (const one of close.splice(0)) one();
});

/** Listens on a port of its own and answers /healthz with `code`; gives back the port. */
async function answering(code: number): Promise<number> {
  const server = createServer((request, response) => {
    response.writeHead(request.url === '/healthz' ? code : 404).end();
  });
  close.push(() => server.close());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

function check(http: string): Promise<number> {
  return new Promise((resolve) => {
    const env = { ...process.env, FIELDGATE_HTTP: http };
    const child = execFile(process.execPath, [SCRIPT], { env }, () => resolve(child.exitCode ?? -1));
  });
}

it('is well when the gateway is, also when that listens everywhere', async () => {
  const port = await answering(200);
  expect(await check(`127.0.0.1:${port}`)).toBe(0);
  expect(await check(`0.0.0.0:${port}`)).toBe(0);
});

it('is not when the gateway says so', async () => {
  expect(await check(`127.0.0.1:${await answering(503)}`)).toBe(1);
});

it('is not when nobody answers', async () => {
  const port = await answering(200);
  for (const one of close.splice(0)) one();
  expect(await check(`127.0.0.1:${port}`)).toBe(1);
});

it('has nothing to ask when the page is off', async () => {
  expect(await check('off')).toBe(0);
});
