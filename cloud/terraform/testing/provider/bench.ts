// The providers of the bench: their schemas, cut down to the types that the configuration names, and their rules.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { validateResource } from '../rules/rules.ts';
import { BY_HAND } from '../schema/by-hand.ts';
import { typesOf } from '../schema/packages.ts';
import { type ProviderSchema, subset } from '../schema/schema.ts';
import { computedOnly } from './computed.ts';
import { reattach, type Served, serve, type Validate } from './server.ts';

const RECOVERED = ['azurerm', 'azuread', 'random', 'time'] as const;

/** Every resource and data source type that a .tf or test file below the folders names. */
function namedTypes(folders: readonly string[]): Set<string> {
  const named = new Set<string>();
  for (const folder of folders) {
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile() || !/\.(tf|hcl)$/.test(entry.name) || entry.parentPath.includes('.terraform')) continue;
      const text = readFileSync(join(entry.parentPath, entry.name), 'utf8');
      for (const [, type] of text.matchAll(/\b(?:resource|data|mock_resource|mock_data)\s+"(\w+)"/g)) named.add(type!);
    }
  }
  return named;
}

/** Letters in common at the start: a misspelt type is to be met with a suggestion, so its likes are served too. */
function alike(type: string, named: ReadonlySet<string>): boolean {
  const bare = (name: string) => name.replaceAll('_', '');
  return [...named].some((name) => bare(name) === bare(type) || `${name}s` === type || name === `${type}s`);
}

function schemas(named: ReadonlySet<string>, progress: (line: string) => void): Record<string, ProviderSchema> {
  const wanted = (type: string) => named.has(type) || alike(type, named);
  const recovered = RECOVERED.map((name) => [name, { provider: BY_HAND[name], ...typesOf(name, progress) }] as const);
  return Object.fromEntries([
    ...recovered.map(([name, schema]) => [name, subset(schema, wanted)]),
    ['azapi', BY_HAND.azapi],
  ]);
}

/** Checks a block of configuration by its schema and its rules. */
function validator(schema: ProviderSchema): Validate {
  return (kind, type, config) => {
    const block = kind === 'resource' ? schema.resources[type] : schema.dataSources[type];
    if (block === undefined) return [];
    return kind === 'resource' ? validateResource(type, block, config) : computedOnly(block, config);
  };
}

export interface Bench {
  /** For TF_REATTACH_PROVIDERS. */
  readonly reattach: string;
  close(): void;
}

/** Serves the types that the configuration below the folders names, and those named besides. */
export async function openBench(
  folders: readonly string[],
  progress: (line: string) => void,
  besides: readonly string[] = [],
): Promise<Bench> {
  const served: Record<string, Served> = {};
  const named = new Set([...namedTypes(folders), ...besides]);
  for (const [name, schema] of Object.entries(schemas(named, progress))) {
    served[name] = await serve(name, schema, validator(schema));
  }
  return {
    reattach: reattach(served),
    close: () => {
      for (const server of Object.values(served)) server.close();
    },
  };
}
