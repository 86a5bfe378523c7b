// The npm packages that carry the providers' schemas. They are fetched with npm when they are needed, held to the hash
// written here, read in memory and kept as one JSON file each; nothing of them is installed or committed.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cacheFolder, writeWhole } from '../cache.ts';
import { filesIn } from './archive.ts';
import { recover, sourceOf } from './bindings.ts';
import type { Block } from './schema.ts';

interface Package {
  readonly name: string;
  readonly version: string;
  /** As `npm view NAME@VERSION dist.integrity` says. */
  readonly integrity: string;
  /** How many types it is known to have; fewer means that the reader lost some. */
  readonly atLeast: { readonly resources: number; readonly dataSources: number };
}

export const PACKAGES: Readonly<Record<'azurerm' | 'azuread' | 'random' | 'time', Package>> = {
  azurerm: {
    name: '@cdktn/provider-azurerm',
    version: '16.1.0',
    integrity: 'sha512-ArrHLoh/ebmY2yymKIxh2wL4HWqgvrK4EOVDfbOnNW8/qKA6/+EjIMBTacfA9C2tUq5zgBoNzImIZyqOiT/JYg==',
    atLeast: { resources: 1132, dataSources: 396 },
  },
  azuread: {
    name: '@cdktf/provider-azuread',
    version: '14.3.1',
    integrity: 'sha512-EbRXdtPmYuBIUzEmEUHa5mnrbEgSnY3zcUDlSdSVmiuv/a2rkQ2zPh4Nq1pcFSlshWXBosbqELh8m+JBkkQBmw==',
    atLeast: { resources: 40, dataSources: 15 },
  },
  random: {
    name: '@cdktf/provider-random',
    version: '12.0.1',
    integrity: 'sha512-yE9fteVRxekOl6MhJeM6sac1VkljCwGFrZxozq0aE11zTBmB4oQBr3nk9Z1A2C5C3IB/0jKmabYDNPqgrZDfNw==',
    atLeast: { resources: 8, dataSources: 0 },
  },
  time: {
    name: '@cdktf/provider-time',
    version: '11.0.1',
    integrity: 'sha512-FI0xFIcfF7U0t+pk7NNNJujiCxIOw6wL0I61/LEgPC59WWcGVrRPdj5F7YvEEpgcWkse6YrYc9soumsTQa5WYg==',
    atLeast: { resources: 4, dataSources: 0 },
  },
};

interface Types {
  readonly resources: Record<string, Block>;
  readonly dataSources: Record<string, Block>;
}

function fetchPackage({ name, version, integrity }: Package): Buffer {
  const folder = mkdtempSync(join(tmpdir(), 'fieldgate-npm-'));
  try {
    execFileSync('npm', ['pack', '--silent', '--ignore-scripts', `${name}@${version}`, '--pack-destination', folder], {
      cwd: folder,
      stdio: ['ignore', 'ignore', 'pipe'],
      timeout: 300_000,
    });
    const [file] = readdirSync(folder).filter((entry) => entry.endsWith('.tgz'));
    if (file === undefined) throw new Error(`npm pack ${name}@${version} wrote no file`);
    const archive = readFileSync(join(folder, file));
    const actual = `sha512-${createHash('sha512').update(archive).digest('base64')}`;
    if (actual !== integrity) {
      throw new Error(`${name}@${version} is not what it was: expected ${integrity}, got ${actual}`);
    }
    return archive;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function recoverAll(source: Package, archive: Buffer): Types {
  const types: Types = { resources: {}, dataSources: {} };
  for (const [, body] of filesIn(archive, (path) => /^package\/lib\/[^/]+\/index\.js$/.test(path))) {
    const generated = sourceOf(body.toString('latin1'));
    const found = generated === undefined ? undefined : recover(generated);
    if (found?.kind === 'resource') types.resources[found.type] = found.block;
    // a data source is named data_… in the bindings only when its folder is; the type itself has no prefix
    if (found?.kind === 'data') types.dataSources[found.type] = found.block;
  }
  const resources = Object.keys(types.resources).length;
  const dataSources = Object.keys(types.dataSources).length;
  if (resources < source.atLeast.resources || dataSources < source.atLeast.dataSources) {
    throw new Error(`${source.name}: read only ${resources} resources and ${dataSources} data sources`);
  }
  return types;
}

/** What the schema is recovered by: a change there makes the kept files stale. */
function reader(): string {
  const hash = createHash('sha256');
  for (const file of ['bindings.ts', 'archive.ts']) hash.update(readFileSync(join(import.meta.dirname, file)));
  return hash.digest('hex').slice(0, 12);
}

/** All types of a provider: from the kept file, or from its package, which takes some seconds and the network. */
export function typesOf(provider: keyof typeof PACKAGES, progress: (line: string) => void): Types {
  const source = PACKAGES[provider];
  const kept = join(cacheFolder('schema'), `${provider}-${source.version}-${reader()}.json`);
  if (existsSync(kept)) return JSON.parse(readFileSync(kept, 'utf8')) as Types;
  progress(`fetching ${source.name}@${source.version} for the schema of ${provider}`);
  const types = recoverAll(source, fetchPackage(source));
  writeWhole(kept, JSON.stringify(types));
  const { resources, dataSources } = types;
  progress(`${provider}: ${Object.keys(resources).length} resources, ${Object.keys(dataSources).length} data sources`);
  return types;
}
