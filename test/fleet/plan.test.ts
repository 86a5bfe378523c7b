// Plans with mistakes, each said with its place; the enrolment group; the verdict on a ring.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { busiestMinute } from '../../fleet/budget.ts';
import { loadPlan } from '../../fleet/plan.ts';
import { judge } from '../../fleet/verdict.ts';
import { type Fleet, startFleet } from './support.ts';

let fleet: Fleet | undefined;
afterEach(() => fleet?.service.close());

describe('a plan', () => {
  test.each([
    ['soak: 5m', 'soak: ten', '9:29', 'write a duration'],
    ['rings:', 'rings: []\n  others:', '8:10', 'needs a ring'],
    ['hub:', 'hup:', '2:1', 'hub'],
    ['m/base.json', 'm/gone.json', '5:21', 'gone.json'],
    ['priority: 10', 'priority: 5000', '5:44', 'a base stands below its layers'],
    ['m/fieldgate-1.4.1.json', 'm/layer-metrics.json', '7:13', 'brings no module fieldgate'],
  ])('with %s as %s', async (from, to, place, said) => {
    fleet = await startFleet({ canary: 1 });
    writeFileSync(fleet.plan, readFileSync(fleet.plan, 'utf8').replace(from, to));
    const loaded = loadPlan(fleet.plan);
    const mistakes = 'mistakes' in loaded ? loaded.mistakes : [];
    const shown = mistakes.map(
      ({ line, column, message, suggestion = '' }) => `${line}:${column} ${message} ${suggestion}`,
    );
    expect(
      shown.some((one) => one.startsWith(place) && one.includes(said)),
      shown.join('\n'),
    ).toBe(true);
    expect((await fleet.fleet(['rollout', fleet.plan])).exit).toBe(2);
    expect(fleet.service.entries).toEqual([]);
  });
});

describe('the enrolment group', () => {
  test('is shown as a difference, written once, and left alone', async () => {
    fleet = await startFleet({ canary: 1 });
    const { service, folder, plan } = fleet;
    const ca = join(folder, 'plant-ca.pem');
    writeFileSync(ca, service.ca);
    const enrolment = (ring: string) =>
      `enrolment:\n  service: ${service.host}\n  group: lavera\n  ca: { file: plant-ca.pem }\n  tags: { site: lavera, ring: ${ring} }\n`;
    const text = readFileSync(plan, 'utf8');
    writeFileSync(plan, text + enrolment('all'));

    const shown = await fleet.fleet(['enrol', plan, '--plan']);
    expect(shown.exit, shown.text).toBe(0);
    expect(shown.events.map((event) => event.line)).toContain('+ initialTwin.tags.ring all');
    expect(service.groups.size).toBe(0);

    service.fault('enrol', 503);
    service.fault('enrol', 'lost');
    expect((await fleet.fleet(['enrol', plan])).exit).toBe(0);
    expect(service.groups.get('lavera')).toMatchObject({ capabilities: { iotEdge: true } });
    const again = await fleet.fleet(['enrol', plan]);
    expect(again.events[0]?.text).toBe('lavera is as the plan says');

    writeFileSync(plan, text + enrolment('early'));
    const changed = await fleet.fleet(['enrol', plan]);
    expect(changed.events[0]?.line).toBe('~ initialTwin.tags.ring all → early');
    expect(service.groups.get('lavera')).toMatchObject({ initialTwin: { tags: { ring: 'early' } } });
  });
});

describe('a ring', () => {
  const rule = { name: 'canary', healthy: 0.98, maxFailing: 1, within: 3_600_000, soak: 600_000 };
  const well = { expected: 100, targeted: 100, successful: 100, good: 100, failing: [] };

  test('passes after its soak, and not by counts of before', () => {
    expect(judge(rule, well, 0, undefined, 1_000)).toEqual({ is: 'soaking', left: 600_000 });
    expect(judge(rule, well, 0, 1_000, 601_000)).toEqual({ is: 'passed' });
    expect(judge(rule, { ...well, good: 98 }, 0, 1_000, 601_000)).toEqual({ is: 'passed' });
    expect(judge(rule, { ...well, good: 97 }, 0, 1_000, 601_000)).toMatchObject({ is: 'waiting', counted: true });
    const old = { ...well, targeted: 10, successful: 10, good: 10 };
    expect(judge(rule, old, 0, 1_000, 601_000)).toMatchObject({ is: 'waiting', counted: false });
  });

  test('fails by too many in trouble, or by its time', () => {
    expect(judge(rule, { ...well, failing: ['a'] }, 0, undefined, 1_000).is).toBe('soaking');
    expect(judge(rule, { ...well, failing: ['a', 'b'] }, 0, undefined, 1_000).is).toBe('failed');
    expect(judge(rule, { ...well, good: 97 }, 0, undefined, 3_600_001).is).toBe('failed');
  });
});

test('the busiest minute', () => {
  expect(busiestMinute([])).toBe(0);
  expect(busiestMinute([0, 59_999, 60_000, 60_001, 200_000])).toBe(3);
});
