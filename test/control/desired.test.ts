// Desired properties are taken whole or refused whole, and what is wrong is said in words.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readDesired } from '../../agent/src/control/desired.ts';
import type { JsonObject } from '../../agent/src/delivery/control.ts';

const TODAY = new Date('2026-11-24T12:00:00Z');
const SHA = 'a'.repeat(64);
const read = (properties: JsonObject) => readDesired(properties, TODAY);

describe('desired properties', () => {
  it('are taken with what belongs to the twin left out', () => {
    expect(
      read({
        $version: 7,
        $metadata: { $lastUpdated: 'x' },
        logLevel: 'debug',
        drainLimit: 20,
        mapping: { url: 'https://store/x.yaml?sig=abc', sha256: SHA.toUpperCase(), version: '12' },
        waivers: { 'cdu1-dcs': { acceptedBy: 'OT security officer', until: '2027-03-31' } },
      }),
    ).toEqual({
      desired: {
        logLevel: 'debug',
        drainLimit: 20,
        mapping: { url: 'https://store/x.yaml?sig=abc', sha256: SHA, version: '12' },
        waivers: { 'cdu1-dcs': { acceptedBy: 'OT security officer', until: '2027-03-31' } },
      },
    });
  });

  it('may be none at all', () => {
    expect(read({ $version: 1 })).toEqual({ desired: {} });
  });

  it('take a mapping in pieces', () => {
    expect(read({ mapping: { inline: ['version: 1\n', 'site: x\n'] } })).toEqual({
      desired: { mapping: { inline: 'version: 1\nsite: x\n' } },
    });
  });

  it.each<[string, JsonObject, string[]]>([
    [
      'an unknown property',
      { loglevel: 'debug' },
      ['loglevel: there is no such property; there are logLevel, mapping, drainLimit, waivers'],
    ],
    ['a level that is none', { logLevel: 'loud' }, ['logLevel: write debug, info, warn or error']],
    ['a limit of nothing', { drainLimit: 0 }, ['drainLimit: write messages per second, more than 0']],
    ['a limit in words', { drainLimit: 'fast' }, ['drainLimit: write messages per second, like 20']],
    ['a mapping from nowhere', { mapping: { version: '1' } }, ['mapping: needs inline or url, one of them']],
    [
      'a mapping that nobody can check',
      { mapping: { url: 'https://x/y' } },
      ['mapping: needs sha256, so that the url can be checked'],
    ],
    [
      'a mapping from a file',
      { mapping: { url: 'file:///etc/passwd', sha256: SHA } },
      ['mapping.url: write an address that begins with https://'],
    ],
    [
      'a digest that is none',
      { mapping: { url: 'https://x/y', sha256: 'abc' } },
      ['mapping.sha256: write the SHA-256 of the file, 64 hexadecimal digits'],
    ],
    [
      'a mapping too long for a twin',
      { mapping: { inline: 'x'.repeat(30_000) } },
      ['mapping: is longer than 28000 characters: use a url'],
    ],
    [
      'a waiver without end',
      { waivers: { a: { acceptedBy: 'x' } } },
      ['waivers.a.until: write the last day on which it is accepted, like 2027-03-31'],
    ],
    [
      'a waiver that is over',
      { waivers: { a: { acceptedBy: 'x', until: '2026-11-23' } } },
      ['waivers.a.until: 2026-11-23 is past'],
    ],
    [
      'several at once',
      { logLevel: 1, drainLimit: -1 },
      ['logLevel: write debug, info, warn or error', 'drainLimit: write messages per second, more than 0'],
    ],
  ])('%s', (_, properties, mistakes) => {
    expect(read(properties)).toEqual({ mistakes });
  });

  it('whatever comes is taken or refused in a bounded number of words', () => {
    const some = fc.dictionary(
      fc.oneof(fc.constantFrom('logLevel', 'mapping', 'drainLimit', 'waivers', '__proto__'), fc.string()),
      fc.jsonValue() as fc.Arbitrary<never>,
    );
    fc.assert(
      fc.property(some, (properties) => {
        const given = read(properties as JsonObject);
        if ('mistakes' in given) expect(given.mistakes.join('').length).toBeLessThan(11 * 300);
        else expect(Object.keys(given.desired).every((key) => key in properties)).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });
});
