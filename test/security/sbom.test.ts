// The bill of materials names everything that the image installs, each with a licence that may be passed on, and the
// check finds what it is there to find.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { bill, installed, type Lock, objections } from '../../scripts/sbom.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const own = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
const lock = (JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as { packages: Lock }).packages;

interface Bill {
  readonly serialNumber: string;
  readonly components: readonly Record<string, unknown>[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[];
}

const made = (packages: Lock) => bill(own, installed(packages), { node: '26.0.0', sqlite: '3.0.0' }) as unknown as Bill;

describe('the bill of this commit', () => {
  const parts = installed(lock);

  it('has nothing to object to', () => {
    expect(objections(parts)).toEqual([]);
  });

  it('names every package that is asked for, with the version that is locked', () => {
    const names = new Map(parts.map(({ name, version }) => [name, version]));
    for (const [name, version] of Object.entries<string>(own.dependencies))
      expect([name, names.get(name)]).toEqual([name, version]);
    for (const name of Object.keys(own.devDependencies)) {
      if (lock[`node_modules/${name}`]?.dev) expect(names.has(name), name).toBe(false);
    }
  });

  it('is closed: everything that a part needs is a part, and everything is needed', () => {
    const { components, dependencies } = made(lock);
    const refs = new Set(components.map((each) => each['bom-ref'] as string));
    expect(dependencies.flatMap(({ dependsOn }) => dependsOn).filter((ref) => !refs.has(ref))).toEqual([]);
    const reached = new Set<string>();
    const needs = new Map(dependencies.map(({ ref, dependsOn }) => [ref, dependsOn]));
    const walk = (ref: string): void => {
      if (reached.has(ref)) return;
      reached.add(ref);
      needs.get(ref)?.forEach(walk);
    };
    walk(`${own.name}@${own.version}`);
    expect([...refs].filter((ref) => !reached.has(ref))).toEqual([]);
  });

  it('is the same each time, has digests, and names no registry', () => {
    expect(made(lock)).toEqual(made(lock));
    const { components, serialNumber } = made(lock);
    expect(serialNumber).toMatch(/^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(components.filter(({ hashes }) => hashes !== undefined).length).toBe(components.length - 2);
    expect(JSON.stringify(components)).not.toMatch(/https?:/);
  });
});

describe('what is objected to', () => {
  const of = (license?: string, more = {}): Lock => ({
    '': {},
    'node_modules/a': { version: '1.0.0', ...(license !== undefined && { license }), ...more },
  });
  const told = (packages: Lock, waivers = {}) => objections(installed(packages, waivers), waivers);

  it.each(['MIT', 'MIT OR GPL-2.0', '(MIT OR Apache-2.0)', 'MIT AND ISC'])('%s is passed', (licence) => {
    expect(told(of(licence))).toEqual([]);
  });

  it.each(['GPL-3.0', 'MIT AND GPL-2.0', 'SEE LICENSE IN LICENSE.md', 'UNLICENSED'])('%s is not', (licence) => {
    expect(told(of(licence))).toEqual([`a@1.0.0: ${licence} is not in the list of scripts/sbom.ts`]);
  });

  it('a package without a licence, until somebody has read which it is', () => {
    expect(told(of())[0]).toContain('names no licence');
    expect(told(of(), { a: { version: '1.0.0', licence: 'MIT', why: 'its README' } })).toEqual([]);
  });

  it('a waiver for another version', () => {
    const waivers = { a: { version: '0.9.0', licence: 'MIT', why: 'its README' } };
    expect(told(of(), waivers)).toHaveLength(2);
  });

  it('not what is for development or optional', () => {
    expect(told(of('GPL-3.0', { dev: true }))).toEqual([]);
    expect(told(of('GPL-3.0', { optional: true }))).toEqual([]);
  });
});

it('a package in two versions is two parts, each needed by its own', () => {
  const parts = installed({
    '': {},
    'node_modules/a': { version: '1.0.0', license: 'MIT', dependencies: { c: '^2' } },
    'node_modules/a/node_modules/c': { version: '2.0.0', license: 'MIT' },
    'node_modules/@x/b': { version: '1.0.0', license: 'MIT', dependencies: { c: '^1' } },
    'node_modules/c': { version: '1.0.0', license: 'MIT' },
  });
  expect(parts.map(({ name, version, needs }) => [name, version, needs])).toEqual([
    ['@x/b', '1.0.0', ['c@1.0.0']],
    ['a', '1.0.0', ['c@2.0.0']],
    ['c', '1.0.0', []],
    ['c', '2.0.0', []],
  ]);
});
