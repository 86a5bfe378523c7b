// What is left out of what is asked beside the readings, for how long, and what is told of it.

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { courtesies } from '../../../../agent/src/adapters/opcua/source/courtesy.ts';

const HOUR = 3_600_000;

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

function start() {
  const told = new Map<string, string | undefined>();
  const all = courtesies((kind, text) => told.set(kind, text));
  const { units } = all;
  return {
    units,
    told: () => told.get('units') ?? '',
    /** A link that ends while these are asked for in one call. */
    ends(...names: string[]) {
      units.asking('reading', names);
      all.renew();
      all.tell();
    },
    link() {
      all.renew();
      all.tell();
    },
  };
}

test('one link that ends proves nothing, and an answer between two clears', () => {
  const { units, ends, told } = start();
  ends('A', 'B');
  expect(units.manner('A')).toBe('together');
  units.asking('reading', ['A', 'B'])();
  ends('A', 'B');
  expect([units.manner('A'), units.waiting, told()]).toEqual(['together', false, '']);
});

test('an answer of another service about the same clears nothing', () => {
  const { units, ends } = start();
  ends('A');
  units.asking('looking', ['A'])();
  ends('A');
  expect(units.manner('A')).toBe('alone');
});

test('after two links alone, after a third one left out, after an hour tried alone over a new link', () => {
  const { units, ends, link, told } = start();
  ends('A', 'B');
  ends('A', 'B');
  expect([units.manner('A'), units.manner('B'), units.manner('C')]).toEqual(['alone', 'alone', 'together']);
  expect(units.waiting).toBe(true);
  ends('A');
  units.asking('reading', ['B'])();
  expect([units.manner('A'), units.manner('B'), units.waiting]).toEqual(['not', 'together', false]);
  expect(told()).toContain('A (3 links ended');
  vi.advanceTimersByTime(HOUR);
  expect(units.manner('A')).toBe('not');
  link();
  expect(units.manner('A')).toBe('alone');
  // It does it again: longer.
  ends('A');
  vi.advanceTimersByTime(HOUR);
  link();
  expect(units.manner('A')).toBe('not');
  vi.advanceTimersByTime(HOUR);
  link();
  units.asking('reading', ['A'])();
  expect([units.manner('A'), told()]).toEqual(['together', '']);
});

test('what fails alone without harm to the link is left out in the same way', () => {
  const { units, link, told } = start();
  units.failed('reading', 'A', 'BadInternalError');
  expect([units.manner('A'), told()]).toEqual(['not', expect.stringContaining('A (BadInternalError)')]);
  vi.advanceTimersByTime(HOUR);
  link();
  expect(units.manner('A')).toBe('alone');
});

test('a server that hangs up over all of a kind costs nine links an hour, and is left alone for the next', () => {
  const { units, ends, link, told } = start();
  const names = Array.from({ length: 50 }, (_, i) => `V${i}`);
  let links = 0;
  for (let more = true; more && links < 100; ) {
    const together = names.filter((name) => units.manner(name) === 'together');
    const alone = names.find((name) => units.manner(name) === 'alone');
    const asked = together.length > 0 ? together : alone === undefined ? [] : [alone];
    more = asked.length > 0;
    if (more) {
      ends(...asked);
      links += 1;
    }
  }
  expect(links).toBe(9);
  expect(told()).toContain('none is asked for');
  vi.advanceTimersByTime(HOUR);
  link();
  expect(units.waiting).toBe(true);
});

test('of many only some are named', () => {
  const { units, told } = start();
  for (let i = 0; i < 100; i++) units.failed('reading', `V${i}`, 'BadTimeout');
  expect(told()).toContain('and 97 more');
  expect(told().length).toBeLessThan(300);
});
