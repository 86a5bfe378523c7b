// The providers of the bench: their schemas, cut down to the types that the configuration names, and their rules.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BY_HAND } from '../schema/by-hand.ts';
import { typesOf } from '../schema/packages.ts';
import { type ProviderSchema, subset } from '../schema/schema.ts';
import { computedOnly } from './computed.ts';
import { type Finding, reattach, type Served, serve } from './server.ts';

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

function schemas(folders: readonly string[], progress: (line: string) => void): Record<string, ProviderSchema> {
  const named = namedTypes(folders);
  const wanted = (type: string) => named.has(type) || alike(type, named);
  const recovered = RECOVERED.map((name) => [name, { provider: BY_HAND[name], ...typesOf(name, progress) }] as const);
  return Object.fromEntries([
    ...recovered.map(([name, schema]) => [name, subset(schema, wanted)]),
    ['azapi', BY_HAND.azapi],
  ]);
}

/** Everything that is wrong with one block of configuration, as the real provider would refuse it. */
function validate(
  schema: ProviderSchema,
  kind: 'resource' | 'data',
  type: string,
  config: unknown,
): readonly Finding[] {
  const block = kind === 'resource' ? schema.resources[type] : schema.dataSources[type];
  return block === undefined ? [] : computedOnly(block, config);
}

export interface Bench {
  /** For TF_REATTACH_PROVIDERS. */
  readonly reattach: string;
  close(): void;
}

export async function openBench(folders: readonly string[], progress: (line: string) => void): Promise<Bench> {
  const served: Record<string, Served> = {};
  for (const [name, schema] of Object.entries(schemas(folders, progress))) {
    served[name] = await serve(name, schema, (kind, type, config) => validate(schema, kind, type, config));
  }
  return {
    reattach: reattach(served),
    close: () => {
      for (const server of Object.values(served)) server.close();
    },
  };
}
