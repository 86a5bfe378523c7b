// What a person is told when something around the gateway is wrong: each of these is tried as on site, with the
// command as a process, and loses nothing.

import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type OpcUaSim, startOpcUaServer } from '../../sim/refinery/opcua.ts';
import { startAgent } from '../support/agent.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';

const folder = scratch();

interface Written {
  readonly sources?: string;
  readonly buffer?: string;
}

const NOBODY = `
  nobody:
    protocol: modbus-tcp
    host: 127.0.0.1
    port: 1
    tags: { A.PV: { address: 400001 } }`;

let files = 0;
function mapping({ sources = NOBODY, buffer }: Written = {}): string {
  const name = `mapping-${files++}`;
  const file = join(folder, `${name}.yaml`);
  const text = `version: 1
site: lavera
gateway: gw-1
hub: { type: jsonl, path: ${join(folder, `${name}.jsonl`)} }
buffer: { path: ${buffer ?? join(folder, name, 'buffer.db')} }
sources:${sources}
`;
  writeFileSync(file, text);
  return file;
}

/** A free port of 127.0.0.1, and the server that holds it until it is closed. */
async function held(): Promise<{ port: number; release(): Promise<void> }> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  return { port, release: () => new Promise((resolve) => server.close(() => resolve())) };
}

interface Status {
  readonly sources: readonly {
    readonly name: string;
    readonly state: {
      readonly state: string;
      readonly code?: string;
      readonly reason?: string;
      readonly attempt?: number;
      readonly until?: number;
    };
  }[];
}

async function status(port: number): Promise<Status | undefined> {
  const answer = await fetch(`http://127.0.0.1:${port}/status`, { signal: AbortSignal.timeout(5_000) }).catch(
    () => undefined,
  );
  return answer?.ok ? ((await answer.json()) as Status) : undefined;
}

async function freePort(): Promise<number> {
  const { port, release } = await held();
  await release();
  return port;
}

describe('fieldgate run', () => {
  it('refuses a mapping with mistakes, with their places, and starts nothing', async () => {
    const file = join(folder, 'wrong.yaml');
    writeFileSync(file, 'version: 1\nsite: lavera\nhub: { type: jsonl, path: x.jsonl }\nsauces: {}\n');
    const agent = startAgent(['run', '--config', file]);
    expect(await agent.ended).toBe(1);
    expect(agent.stderr()).toContain(`${file}:4:1`);
    expect(agent.stderr()).toContain('did you mean "sources"?');
    expect(agent.stderr()).toContain('nothing was started');
  });

  it('says which port is in use, and how to choose another', async () => {
    const { port, release } = await held();
    const agent = startAgent(['run', '--config', mapping()], { FIELDGATE_HTTP: `127.0.0.1:${port}` });
    expect(await agent.ended).toBe(1);
    expect(agent.stderr()).toContain(String(port));
    expect(agent.stderr()).toContain('FIELDGATE_HTTP');
    await release();
  });

  it('says that the buffer cannot be written there', async () => {
    writeFileSync(join(folder, 'a-file'), '');
    const agent = startAgent(['run', '--config', mapping({ buffer: join(folder, 'a-file', 'buffer.db') })]);
    expect(await agent.ended).toBe(1);
    expect(agent.stderr()).toContain('[buffer.path]');
    expect(agent.stderr()).toContain('a-file');
  });

  it('refuses a buffer that another gateway uses, and leaves that one alone', async () => {
    const file = mapping({ buffer: join(folder, 'shared', 'buffer.db') });
    const first = startAgent(['run', '--config', file]);
    await until('the first gateway runs', () => first.stderr().includes('fieldgate runs'));
    const second = startAgent(['run', '--config', file]);
    expect(await second.ended).toBe(1);
    expect(second.stderr()).toContain('[buffer.locked]');
    expect(second.stderr()).toContain('in use by another gateway');
    expect(await first.end('SIGTERM')).toBe(0);
  });

  it('goes on with a source that is not there, and shows state, reason and backoff in /status', async () => {
    const port = await freePort();
    const agent = startAgent(['run', '--config', mapping()], { FIELDGATE_HTTP: `127.0.0.1:${port}` });
    const waiting = await until('the source waits', async () =>
      (await status(port))?.sources.find(({ state }) => state.state === 'waiting' && (state.attempt ?? 0) > 1),
    );
    expect(waiting.state.code).toBe('source.unreachable');
    expect(waiting.state.reason).toContain('127.0.0.1:1');
    expect(waiting.state.until).toBeGreaterThan(Date.now() - 60_000);
    expect(await agent.end('SIGTERM')).toBe(0);
  });
});

describe('an OPC UA server that nobody trusted', () => {
  let sim: OpcUaSim;
  beforeAll(async () => {
    sim = await startOpcUaServer({ folder: join(folder, 'dcs'), tags: 100 });
  });
  afterAll(() => sim?.close());

  it('is refused with its thumbprint and the command that trusts it; the command works while the gateway runs', async () => {
    writeFileSync(join(folder, 'password'), sim.password);
    const file = mapping({
      sources: `
  dcs:
    protocol: opcua
    endpoint: ${sim.endpoint}
    user: { name: ${sim.user}, passwordFile: ${join(folder, 'password')} }
    tags: { 20FIC101.PV: { node: "nsu=${sim.namespace};s=20FIC101.PV" } }`,
    });
    const port = await freePort();
    const agent = startAgent(['run', '--config', file], { FIELDGATE_HTTP: `127.0.0.1:${port}` });
    const refused = await until('the source is refused', async () =>
      (await status(port))?.sources.find(({ state }) => state.code === 'source.untrusted'),
    );
    const pki = join(file.replace(/\.yaml$/, ''), 'pki');
    const command = `fieldgate certificates trust ${sim.thumbprint} --pki ${pki}`;
    expect(refused.state.reason).toContain(command);
    expect(agent.stderr()).toContain(command);

    const trust = startAgent(command.split(' ').slice(1));
    expect(await trust.ended).toBe(0);
    await until(
      'the source runs',
      async () => (await status(port))?.sources.every(({ state }) => state.state === 'running'),
      30_000,
    );
    expect(await agent.end('SIGTERM')).toBe(0);
  });
});
