// A whole roll-out against the local service: 500 gateways in three rings, one that does not get well, and one that is
// killed in the middle.

import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test } from 'vitest';
import { until } from '../support/until.ts';
import { busiest, type Event, type Fleet, startFleet } from './support.ts';

let fleet: Fleet | undefined;
afterEach(() => fleet?.service.close());

const CHILD = fileURLToPath(new URL('./child.ts', import.meta.url));
const RINGS = { canary: 10, early: 90, all: 400 };
const WRITES = ['put', 'delete'];
const CONFIGURATIONS = [...WRITES, 'get', 'list', 'test'];

function manifest({ folder }: Fleet, version: string): string[] {
  return ['--manifest', join(folder, 'm', `fieldgate-${version}.json`)];
}

function limits({ service }: Fleet): { configurations: boolean; queries: boolean; throttled: number } {
  return {
    configurations: busiest(service, CONFIGURATIONS) <= 20,
    queries: busiest(service, ['query']) <= 20,
    throttled: service.entries.filter(({ status }) => status === 429).length,
  };
}

describe('500 gateways', () => {
  test('get a version ring by ring, lose one that fails in the first ring, and get the next', {
    timeout: 120_000,
  }, async () => {
    fleet = await startFleet(RINGS, { rule: ', maxFailing: 2' });
    const { service, plan } = fleet;
    expect(await fleet.fleet(['publish', plan])).toMatchObject({ exit: 0 });

    const first = await fleet.fleet(['rollout', plan]);
    expect(first, first.text).toMatchObject({ exit: 0 });
    expect(service.gateways.versions()).toEqual({ '1.4.1': 500 });
    expect(opened(first.events)).toEqual(['canary', 'early', 'all']);
    console.log(first.events.at(-1)?.text);

    service.gateways.fail('1.4.2', 'look', service.gateways.ring('canary').slice(0, 3));
    const second = await fleet.fleet(['rollout', plan, ...manifest(fleet, '1.4.2')]);
    expect(second, second.text).toMatchObject({ exit: 1 });
    expect(opened(second.events)).toEqual(['canary']);
    const said = second.events.find(({ event }) => event === 'trouble')?.text;
    expect(said).toContain('3 of 10 gateways failing, 2 allowed: gw-0001, gw-0002, gw-0003');
    expect(said).toContain('10 of 10 gateways are back at 1.4.1');
    expect(service.gateways.versions()).toEqual({ '1.4.1': 500 });
    console.log(second.events.findLast(({ event }) => event === 'account')?.text);

    // What failed stays where it is, below what stands above it.
    const kept = Object.fromEntries(service.configurations.list().map(({ id, priority }) => [id, priority]));
    expect(kept).toMatchObject({
      'fieldgate-1-4-1': 1000,
      'fieldgate-1-4-2': 1001,
      'fieldgate-1-4-1-after-1-4-2': 1002,
    });
    const again = await fleet.fleet(['rollout', plan, ...manifest(fleet, '1.4.2')]);
    expect(again, again.text).toMatchObject({ exit: 1 });

    const third = await fleet.fleet(['rollout', plan, ...manifest(fleet, '1.4.3')]);
    expect(third, third.text).toMatchObject({ exit: 0 });
    expect(service.gateways.versions()).toEqual({ '1.4.3': 500 });
    expect(limits(fleet)).toEqual({ configurations: true, queries: true, throttled: 0 });
  });
});

describe('a ring fails', () => {
  test.each([
    ['a module that cannot be started', 'crash', '1 of 4 gateways failing'],
    ['a gateway that does not answer', 'offline', '3 of 4 gateways have it, 4 needed after 90m'],
  ] as const)('for %s', { timeout: 60_000 }, async (_what, how, why) => {
    fleet = await startFleet({ canary: 4, all: 4 }, { rule: ', within: 90m' });
    const { service, plan } = fleet;
    await fleet.fleet(['publish', plan]);
    expect((await fleet.fleet(['rollout', plan])).exit).toBe(0);
    service.gateways.fail('1.4.2', how, service.gateways.ring('canary').slice(0, 1));
    const { exit, events, text } = await fleet.fleet(['rollout', plan, ...manifest(fleet, '1.4.2')]);
    expect(exit, text).toBe(1);
    expect(events.find(({ event }) => event === 'trouble')?.text).toContain(why);
    expect(service.gateways.versions()).toEqual({ '1.4.1': 8 });
  });
});

describe('killed in the middle', () => {
  test('the same command goes on where it was', { timeout: 60_000 }, async () => {
    fleet = await startFleet(RINGS);
    const { service, plan, origin } = fleet;
    await fleet.fleet(['publish', plan]);
    const env = {
      ...process.env,
      NODE_EXTRA_CA_CERTS: service.caFile,
      FIELDGATE_FLEET_HUB: service.connectionString,
    };
    const args = [CHILD, String(origin), 'rollout', plan, '--json'];
    const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    child.stdout.on('data', (part) => {
      text += part;
    });
    await until('the second ring has it', () => /"event":"progress".*"ring":"early"/.test(text), 30_000);
    child.kill('SIGKILL');
    await until('the tool is dead', () => child.signalCode === 'SIGKILL');
    expect(text).not.toContain(service.connectionString.split('SharedAccessKey=')[1]);

    const { exit, events } = await fleet.fleet(['rollout', plan]);
    expect(exit).toBe(0);
    expect(events[0]).toMatchObject({ event: 'resume', ring: 'early' });
    expect(opened(events)).toEqual(['all']);
    expect(service.gateways.versions()).toEqual({ '1.4.1': 500 });
    expect(service.configurations.list().filter(({ id }) => id.startsWith('fieldgate'))).toHaveLength(1);
  });

  test('with --plan nothing is written', async () => {
    fleet = await startFleet({ canary: 2, all: 3, none: 1 });
    const { service, plan } = fleet;
    await fleet.fleet(['publish', plan]);
    const before = service.entries.filter(({ operation }) => WRITES.includes(operation)).length;
    const { exit, events } = await fleet.fleet(['rollout', plan, '--plan']);
    expect(exit).toBe(0);
    expect(events.filter(({ ring }) => ring !== undefined).map(({ gateways }) => gateways)).toEqual([2, 3, 1]);
    expect(service.entries.filter(({ operation }) => WRITES.includes(operation))).toHaveLength(before);
  });
});

function opened(events: readonly Event[]): unknown[] {
  return events.filter(({ event }) => event === 'open').map(({ ring }) => ring);
}
