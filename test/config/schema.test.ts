// What is made from the schema and committed must be current, and must say what an editor needs.

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { mappingJsonSchema, mappingJsonSchemaText } from '../../agent/src/config/jsonschema.ts';
import { withReference } from '../../agent/src/config/reference.ts';

const file = (name: string) => readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8');

interface Node {
  properties?: Record<string, Node>;
  additionalProperties?: Node | boolean;
  oneOf?: Node[];
  anyOf?: Node[];
  items?: Node | Node[];
  description?: string;
  pattern?: string;
  default?: unknown;
  required?: string[];
}

const schema = mappingJsonSchema() as Node;

/** Every property of every object, with its path. */
function* properties(node: Node, path: string): Generator<[string, Node]> {
  for (const [key, inner] of Object.entries(node.properties ?? {})) {
    yield [`${path}.${key}`, inner];
    yield* properties(inner, `${path}.${key}`);
  }
  for (const inner of [...(node.oneOf ?? []), ...(node.anyOf ?? [])]) yield* properties(inner, path);
  if (typeof node.additionalProperties === 'object') yield* properties(node.additionalProperties, `${path}.*`);
}

describe('fieldgate.schema.json', () => {
  it('is current; else run: node scripts/launch.mjs run scripts/reference.ts', () => {
    expect(file('fieldgate.schema.json')).toBe(mappingJsonSchemaText());
  });

  it('describes every key', () => {
    const silent = [...properties(schema, '')].filter(([, node]) => !node.description).map(([path]) => path);
    expect(silent).toEqual([]);
  });

  it('takes no key that it does not know, at any depth', () => {
    const open: string[] = [];
    const visit = (node: Node, path: string) => {
      if (node.properties && node.additionalProperties !== false) open.push(path);
      for (const [key, inner] of properties(node, path)) visit(inner, key);
      for (const inner of [...(node.oneOf ?? []), ...(node.anyOf ?? [])]) visit(inner, path);
    };
    visit(schema, '');
    expect(open).toEqual([]);
  });

  it('has patterns and defaults as people write them', () => {
    const all = new Map(properties(schema, ''));
    expect(all.get('.buffer.maxSize')).toMatchObject({ default: '4GB', pattern: expect.any(String) });
    expect(all.get('.buffer.commitInterval')).toMatchObject({ default: '100ms', pattern: expect.any(String) });
    expect(all.get('.sources.*.timeout')).toMatchObject({ default: '1s' });
    expect(all.get('.sources.*.endpoint')?.pattern).toBeTypeOf('string');
    for (const [path, { pattern }] of all) expect(() => new RegExp(pattern ?? '', 'u'), path).not.toThrow();
  });
});

describe('docs/mapping.md', () => {
  it('has the keys of the schema; else run: node scripts/launch.mjs run scripts/reference.ts', () => {
    const page = file('docs/mapping.md');
    expect(page).toBe(withReference(page));
  });
});
