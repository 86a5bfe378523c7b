import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { Fault } from '../../agent/src/model/fault.ts';
import { type HttpOptions, type HttpServer, httpAddress, listen } from '../../agent/src/observe/http.ts';
import { metrics } from '../../agent/src/observe/metrics.ts';
import { sampleStatus } from './sample-status.ts';

const servers: HttpServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

async function start(options: Partial<HttpOptions> = {}): Promise<{ server: HttpServer; base: string; port: number }> {
  const status = options.status ?? sampleStatus;
  const server = await listen({
    host: '127.0.0.1',
    port: 0,
    status,
    metrics: metrics(status),
    healthy: () => true,
    ...options,
  });
  servers.push(server);
  return { server, base: `http://${server.address}`, port: Number(server.address.split(':').at(-1)) };
}

/** Sends bytes as they are; resolves with everything the server said until it closed, and after how long. */
async function raw(port: number, bytes: string): Promise<{ answer: string; ms: number }> {
  const begun = performance.now();
  const socket: Socket = connect(port, '127.0.0.1');
  let answer = '';
  socket.on('data', (chunk) => (answer += chunk));
  socket.on('error', () => {});
  await once(socket, 'connect');
  socket.write(bytes);
  await once(socket, 'close');
  return { answer, ms: performance.now() - begun };
}

test('every page answers, with its type and with headers that keep it out of other pages', async () => {
  const { base } = await start();
  for (const [path, type] of [
    ['/', 'text/plain'],
    ['/metrics', 'text/plain; version=0.0.4'],
    ['/healthz', 'text/plain'],
    ['/readyz', 'text/plain'],
    ['/status', 'application/json'],
    ['/status?pretty', 'application/json'],
  ]) {
    const response = await fetch(base + path);
    expect(response.status, path).toBe(200);
    expect(response.headers.get('content-type'), path).toContain(type);
    expect(response.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(response.headers.get('access-control-allow-origin')).toBeNull();
    expect((await response.text()).length).toBeGreaterThan(2);
  }
  expect((await fetch(`${base}/nothing`)).status).toBe(404);
  expect((await fetch(`${base}/status/../../etc/passwd`)).status).toBe(404);
});

test('the status is JSON with maps as objects, and a tag name that looks like a secret is kept', async () => {
  const { base } = await start();
  const status = (await (await fetch(`${base}/status`)).json()) as ReturnType<typeof sampleStatus>;
  expect(status.sources[0]?.state).toMatchObject({ trouble: { '20KEYPHASOR1.PASSWORD': 'BadNodeIdUnknown' } });
  expect(status.store.buffer.pendingReadings).toBe(400);
});

test('the status carries no secret that a library put into a reason', async () => {
  const leaky = sampleStatus();
  const { base } = await start({
    status: () => ({
      ...leaky,
      store: {
        ...leaky.store,
        forwarder: {
          ...leaky.store.forwarder,
          hub: { state: 'waiting', attempt: 1, until: 0, code: 'hub.refused', reason: 'SharedAccessKey=c4n4ry; no' },
        },
      },
    }),
    healthy: () => 'SharedAccessKey=c4n4ry; no',
  });
  expect(await (await fetch(`${base}/status`)).text()).not.toContain('c4n4ry');
  expect(await (await fetch(`${base}/healthz`)).text()).not.toContain('c4n4ry');
});

test('health says why it is not well, and readiness follows the phase', async () => {
  let health: true | string = true;
  let phase: 'starting' | 'running' | 'stopping' = 'starting';
  const { base } = await start({ healthy: () => health, status: () => ({ ...sampleStatus(), phase }) });
  const codeOf = async (path: string) => (await fetch(base + path)).status;
  expect(await codeOf('/healthz')).toBe(200);
  expect(await codeOf('/readyz')).toBe(503);
  phase = 'running';
  expect(await codeOf('/readyz')).toBe(200);
  phase = 'stopping';
  expect(await codeOf('/readyz')).toBe(503);
  health = 'the storage thread ended';
  const response = await fetch(`${base}/healthz`);
  expect([response.status, await response.text()]).toEqual([503, 'the storage thread ended\n']);
});

test('GET and HEAD only; a body is refused and the connection closed', async () => {
  const { base, port } = await start();
  for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
    const response = await fetch(`${base}/status`, { method });
    expect([method, response.status, response.headers.get('allow')]).toEqual([method, 405, 'GET, HEAD']);
  }
  const head = await fetch(`${base}/metrics`, { method: 'HEAD' });
  expect([head.status, await head.text()]).toEqual([200, '']);
  expect(Number(head.headers.get('content-length'))).toBeGreaterThan(1_000);
  const body = await raw(port, 'GET /status HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\nxxx');
  expect(body.answer).toMatch(/^HTTP\/1\.1 413 /);
  expect(body.ms).toBeLessThan(4_000);
});

test('a page in a browser that rebinds its name to loopback is turned away', async () => {
  const { port } = await start();
  const codeFor = async (host: string) =>
    Number(
      (await raw(port, `GET /status HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)).answer.split(' ')[1],
    );
  for (const host of [`127.0.0.1:${port}`, `localhost:${port}`, 'LOCALHOST', `[::1]:${port}`, '127.1.2.3'])
    expect([host, await codeFor(host)]).toEqual([host, 200]);
  for (const host of [
    'evil.example',
    `evil.example:${port}`,
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    '',
    '10.0.0.1',
  ])
    expect([host, await codeFor(host)]).toEqual([host, 421]);
});

test('bound to every address it answers under any name, because its own names are not known', async () => {
  const { port } = await start({ host: '0.0.0.0' });
  const { answer } = await raw(port, 'GET /healthz HTTP/1.1\r\nHost: gw-cdu1-01:9600\r\nConnection: close\r\n\r\n');
  expect(answer).toMatch(/^HTTP\/1\.1 200 /);
});

test('a request that comes too slowly is cut, and others are answered meanwhile', { timeout: 25_000 }, async () => {
  const { base, port } = await start();
  const slow = [
    raw(port, 'GET /status HTTP/1.1\r\nHost: localhost\r\nX-Slow: '),
    raw(port, ''),
    raw(port, 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'),
  ];
  expect((await fetch(`${base}/healthz`)).status).toBe(200);
  const [header, silent, kept] = await Promise.all(slow);
  expect(header!.answer).toMatch(/^HTTP\/1\.1 408 /);
  expect(header!.ms).toBeLessThan(9_000);
  expect(silent!.ms).toBeLessThan(14_000);
  expect(kept!.answer).toMatch(/^HTTP\/1\.1 200 /);
  expect(kept!.ms, 'an idle kept-alive connection is closed').toBeLessThan(9_000);
});

test('an oversized header and garbage are cut at once', async () => {
  const { base, port } = await start();
  const large = await raw(port, `GET /status HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`);
  expect(large.answer).toMatch(/^HTTP\/1\.1 431 /);
  const url = await raw(port, `GET /${'x'.repeat(20_000)} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
  expect(url.answer).toMatch(/^HTTP\/1\.1 431 /);
  const garbage = await raw(port, '\u0016\u0003\u0001\u0002\u0000\u0001\r\n\r\n');
  expect(garbage.answer).toMatch(/^HTTP\/1\.1 400 /);
  expect((await fetch(`${base}/healthz`)).status).toBe(200);
});

test('more connections than fifty are not kept', async () => {
  const { port } = await start();
  const sockets = Array.from({ length: 60 }, () => connect(port, '127.0.0.1').on('error', () => {}));
  let closed = 0;
  for (const socket of sockets) socket.on('close', () => closed++).resume();
  await expect.poll(() => closed, { timeout: 4_000 }).toBe(10);
  for (const socket of sockets) socket.destroy();
});

test('a page that cannot be made is a 500, and the server lives on', async () => {
  let broken = true;
  const { base } = await start({
    status: () => {
      if (broken) throw new Error('no status');
      return sampleStatus();
    },
  });
  for (const path of ['/status', '/metrics', '/readyz']) expect((await fetch(base + path)).status, path).toBe(500);
  broken = false;
  expect((await fetch(`${base}/status`)).status).toBe(200);
});

test('a port in use is a fault that names the port and FIELDGATE_HTTP', async () => {
  const { port } = await start();
  const failure = await start({ port }).catch((error) => error);
  expect(failure).toBeInstanceOf(Fault);
  expect(failure.code).toBe('http.port');
  expect(failure.message).toContain(String(port));
  expect(failure.message).toContain('in use');
  expect(failure.message).toContain('FIELDGATE_HTTP');
});

test('an address that this machine does not have is a fault too', async () => {
  const failure = await start({ host: '203.0.113.77' }).catch((error) => error);
  expect([failure.code, failure.message]).toEqual(['http.port', expect.stringContaining('no address 203.0.113.77')]);
});

test('close ends kept-alive connections at once and is legal twice', async () => {
  const { server, base } = await start();
  await (await fetch(`${base}/healthz`)).text();
  const begun = performance.now();
  await server.close();
  await server.close();
  expect(performance.now() - begun).toBeLessThan(1_000);
  await expect(fetch(`${base}/healthz`)).rejects.toThrow();
});

test('FIELDGATE_HTTP is an address with a port, or off', () => {
  expect(httpAddress(undefined)).toEqual({ host: '127.0.0.1', port: 9600 });
  expect(httpAddress('')).toEqual({ host: '127.0.0.1', port: 9600 });
  expect(httpAddress(' 0.0.0.0:9600 ')).toEqual({ host: '0.0.0.0', port: 9600 });
  expect(httpAddress('[::1]:0')).toEqual({ host: '::1', port: 0 });
  expect(httpAddress('OFF')).toBe('off');
  for (const wrong of [
    '9600',
    ':9600',
    'localhost',
    'localhost:',
    'a:99999',
    'http://a:1',
    '::1:9600',
    'a:-1',
    'a:1.5',
    'no',
  ]) {
    const failure = (() => {
      try {
        return httpAddress(wrong);
      } catch (error) {
        return error;
      }
    })();
    expect(failure, wrong).toMatchObject({ code: 'http.port', message: expect.stringContaining('FIELDGATE_HTTP') });
  }
});
