// docs/dependencies.md, package.json and package-lock.json say the same: every package listed, with its exact version
// and its licence, and none that is gone.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '..', '..');

interface Manifest {
  readonly version: string;
  readonly license?: string;
  readonly dependencies?: Record<string, string>;
  readonly devDependencies?: Record<string, string>;
  readonly optionalDependencies?: Record<string, string>;
}

function readJson<T>(path: string): T {
  return JSON.parse(readFileSync(join(ROOT, path), 'utf8')) as T;
}

const manifest = readJson<Manifest>('package.json');
const lock = readJson<{ packages: Record<string, Manifest> }>('package-lock.json').packages;
const asked = { ...manifest.dependencies, ...manifest.optionalDependencies, ...manifest.devDependencies };

interface Row {
  readonly name: string;
  readonly version: string;
  readonly licence: string;
}

const listed: Row[] = [
  ...readFileSync(join(ROOT, 'docs', 'dependencies.md'), 'utf8').matchAll(
    /^\| ([^|]+) \| ([^|]+) \| ([^|]+) \| [^|]+ \|/gm,
  ),
]
  .map(([, name, version, licence]) => ({ name: name!, version: version!, licence: licence! }))
  .filter(({ name }) => name !== 'package');

describe('the list of dependencies', () => {
  it('names every package once, and no other', () => {
    expect(listed.map(({ name }) => name).sort()).toEqual(Object.keys(asked).sort());
  });

  it('names the versions of package.json', () => {
    expect(Object.fromEntries(listed.map(({ name, version }) => [name, version]))).toEqual(asked);
  });

  it('names the licences of the lock file', () => {
    const known = listed.filter(({ name }) => lock[`node_modules/${name}`]?.license !== undefined);
    expect(known.length).toBeGreaterThan(0);
    expect(known).toEqual(
      known.map(({ name, version }) => ({ name, version, licence: lock[`node_modules/${name}`]!.license })),
    );
  });
});

describe('package.json', () => {
  it('asks for exact versions', () => {
    expect(Object.entries(asked).filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([]);
  });

  it('is what the lock file was made from', () => {
    const { dependencies, devDependencies, optionalDependencies } = lock['']!;
    expect({ dependencies, devDependencies, optionalDependencies }).toEqual({
      dependencies: manifest.dependencies,
      devDependencies: manifest.devDependencies,
      optionalDependencies: manifest.optionalDependencies,
    });
    const locked = Object.keys(asked).filter((name) => lock[`node_modules/${name}`] !== undefined);
    expect(locked.filter((name) => lock[`node_modules/${name}`]!.version !== asked[name])).toEqual([]);
    const needed = Object.keys({ ...manifest.dependencies, ...manifest.devDependencies });
    expect(needed.filter((name) => !locked.includes(name))).toEqual([]);
  });

  it('lets no package run a script while it is installed', () => {
    expect(readFileSync(join(ROOT, '.npmrc'), 'utf8')).toMatch(/^ignore-scripts=true$/m);
  });
});

describe('the lock file', () => {
  // one version off by a digit gives each of them a copy of its own, whose NodeId is no NodeId to the others
  it('brings each part of node-opcua once', () => {
    expect(Object.keys(lock).filter((path) => /node_modules\/.*node_modules\/node-opcua/.test(path))).toEqual([]);
  });

  it('names no registry', () => {
    expect(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')).not.toContain('"resolved": "http');
  });
});
