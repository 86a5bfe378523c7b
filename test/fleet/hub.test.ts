// The service misbehaves as it does in earnest, and somewhat worse: what was written is what is there, or the tool says
// why not and nobody has been given anything.

import { afterEach, describe, expect, test } from 'vitest';
import { type Deployment, idOf, NOBODY } from '../../fleet/deployment.ts';
import type { FaultKind, Operation } from '../../sim/iothub/service.ts';
import { busiest, type Fleet, startFleet } from './support.ts';

let fleet: Fleet | undefined;
afterEach(() => fleet?.service.close());

const layer = (id: string, more: Partial<Deployment> = {}): Deployment => ({
  id,
  priority: 100,
  targetCondition: NOBODY,
  content: { $edgeAgent: {}, fieldgate: { 'properties.desired.logLevel': 'info' } },
  metrics: {},
  memory: { layer: 'site', version: '1', state: 'closed' },
  ...more,
});

describe('a deployment', () => {
  test.each<[string, Operation, FaultKind, number]>([
    ['an answer that is lost after the write', 'put', 'lost', 1],
    ['a write that is never answered', 'put', 'hang', 1],
    ['503', 'put', 503, 3],
    ['500', 'put', 500, 1],
    ['429 without Retry-After', 'put', 429, 2],
    ['somebody else who changed it', 'put', 'other-etag', 1],
    ['an empty answer', 'get', 'empty', 2],
    ['a read that is never answered', 'get', 'hang', 1],
    ['a read that breaks', 'get', 'lost', 1],
    ['502 for reads', 'get', 502, 2],
  ])('is there in spite of %s', async (_what, operation, kind, times) => {
    fleet = await startFleet({ canary: 1 });
    const { service, clock } = fleet;
    const { hub, calls } = await fleet.hub(400);
    await hub.ensure(layer('site-1'));
    service.fault(operation, kind, times);
    const start = clock.now();
    const wanted = layer('site-1', { targetCondition: "tags.ring = 'canary'" });
    const stored = await hub.ensure(wanted);
    expect(stored.targetCondition).toBe(wanted.targetCondition);
    expect(service.configurations.get('site-1').targetCondition).toBe(wanted.targetCondition);
    // Told once more, it writes nothing.
    const writes = calls.counts.writes.length;
    await hub.ensure(wanted);
    expect(calls.counts.writes).toHaveLength(writes);
    if (kind === 429) expect(clock.now() - start).toBeGreaterThanOrEqual(times * 10_000);
  });

  test('whose content the service drops is seen before anybody has it', async () => {
    fleet = await startFleet({ canary: 3 });
    await fleet.fleet(['publish', fleet.plan]);
    fleet.service.fault('put', 'other-content');
    const { exit, events } = await fleet.fleet(['rollout', fleet.plan]);
    expect(exit).toBe(3);
    expect(events.at(-1)?.text).toContain('keeps other content under fieldgate-1-4-1 than was sent');
    expect(fleet.service.configurations.get('fieldgate-1-4-1').targetCondition).toBe(NOBODY);
    expect(fleet.service.gateways.versions()).toEqual({ none: 3 });
  });

  test('cannot get other content under its id', async () => {
    fleet = await startFleet({ canary: 1 });
    const { hub } = await fleet.hub();
    await hub.ensure(layer('site-1'));
    const other = layer('site-1', { content: { $edgeAgent: {} } });
    await expect(hub.ensure(other)).rejects.toMatchObject({ code: 'refused' });
    // The service itself would have said nothing.
    const { configurations } = fleet.service;
    configurations.put('site-1', { ...configurations.get('site-1'), content: { modulesContent: {} } }, '"*"');
    expect(configurations.get('site-1').content.modulesContent).toHaveProperty('fieldgate');
  });

  test('that somebody else changes meanwhile is left to them', async () => {
    fleet = await startFleet({ canary: 1 });
    const { service } = fleet;
    const { hub } = await fleet.hub();
    await hub.ensure(layer('site-1'));
    const { configurations } = service;
    const realPut = configurations.put.bind(configurations);
    // Between our read and our write, once.
    configurations.put = (...args) => {
      configurations.put = realPut;
      realPut('site-1', { ...configurations.get('site-1'), priority: 7 }, '"*"');
      return realPut(...args);
    };
    await expect(hub.ensure(layer('site-1', { priority: 200 }))).rejects.toMatchObject({ code: 'refused' });
    expect(configurations.get('site-1').priority).toBe(7);
  });

  test('has an id that the service takes', () => {
    expect(idOf('Fieldgate', '1.4.2-rc.1')).toBe('fieldgate-1-4-2-rc-1');
    expect(idOf('a', 'x'.repeat(300))).toHaveLength(128);
  });
});

describe('limits', () => {
  test('45 deployments keep below 20 operations a minute', { timeout: 60_000 }, async () => {
    fleet = await startFleet({ canary: 1 });
    const { hub, calls } = await fleet.hub();
    for (let i = 0; i < 45; i++) await hub.ensure(layer(`site-${i}`));
    expect(fleet.service.configurations.size).toBe(45);
    expect(busiest(fleet.service, ['put', 'get', 'list', 'delete'])).toBeLessThanOrEqual(20);
    expect(calls.counts.throttled).toBe(0);
  });

  test('a plan that claims too many units is throttled, and gets there', { timeout: 60_000 }, async () => {
    fleet = await startFleet({ canary: 1 });
    const { service, clock } = fleet;
    const { Calls } = await import('../../fleet/calls.ts');
    const { openHub } = await import('../../fleet/hub.ts');
    const calls = new Calls({ clock, units: 10, random: () => 0 });
    const hub = await openHub(
      { host: service.host, ca: service.ca, connectionString: service.connectionString, scope: '' },
      calls,
    );
    for (let i = 0; i < 10; i++) await hub.ensure(layer(`site-${i}`));
    expect(service.configurations.size).toBe(10);
    expect(calls.counts.throttled).toBeGreaterThan(0);
  });

  test('a hub that is full is refused, with what may go', { timeout: 60_000 }, async () => {
    fleet = await startFleet({ canary: 1 });
    const { service, plan } = fleet;
    const body = { content: { modulesContent: { $edgeAgent: {} } }, targetCondition: NOBODY, priority: 5_000 };
    for (let i = 0; i < 99; i++) service.configurations.put(`x-${i}`, { id: `x-${i}`, ...body }, undefined);
    const { exit, events } = await fleet.fleet(['rollout', plan]);
    expect(exit).toBe(3);
    expect(events.at(-1)?.text).toContain('the hub has 99 of 100 configurations; none of ours may be removed');
    expect(service.configurations.size).toBe(99);
  });
});

describe('a query', () => {
  test('has all its pages', async () => {
    fleet = await startFleet({ canary: 350 });
    const { hub } = await fleet.hub();
    fleet.service.fault('query', 500);
    const rows = await hub.rows("SELECT deviceId FROM devices WHERE tags.ring = 'canary'");
    expect(new Set(rows.map(({ deviceId }) => deviceId)).size).toBe(350);
    expect(await hub.count("tags.ring = 'nobody'")).toBe(0);
  });

  test('that the service does not take ends the command before anything is written', async () => {
    fleet = await startFleet({ canary: 1 });
    const { hub } = await fleet.hub();
    expect(await hub.test('*', {})).toHaveLength(1);
    expect(await hub.test("properties.desired.x = 'y'", { bad: 'SELECT' })).toHaveLength(2);
    expect(await hub.test("tags.ring = 'canary' OR NOT deviceId IN ['a', 'b']", {})).toEqual([]);
  });
});

test('a key that is refused ends the command at once', async () => {
  fleet = await startFleet({ canary: 1 });
  const wrong = fleet.service.connectionString.replace(/SharedAccessKey=.*/, 'SharedAccessKey=d3Jvbmc=');
  const { exit, text } = await fleet.fleet(['status', fleet.plan], { env: { FIELDGATE_FLEET_HUB: wrong } });
  expect(exit).toBe(5);
  expect(text).not.toContain('d3Jvbmc');
});
