// The first check beyond the schema, and it comes from the schema itself: a value for an attribute that only the
// provider sets. Terraform hands such a configuration to the provider, and only the provider's own code refuses it.

import type { Block } from '../schema/schema.ts';
import type { Finding } from './server.ts';

/** azurerm's SDK adds `id` to every resource as optional and computed, and refuses a value for it. */
const SET_BY_PROVIDER = (name: string, optional: boolean, depth: number) => !optional || (name === 'id' && depth === 0);

export function computedOnly(block: Block, config: unknown, path: readonly (string | number)[] = []): Finding[] {
  if (config === null || typeof config !== 'object') return [];
  const values = config as Readonly<Record<string, unknown>>;
  const found: Finding[] = [];
  for (const { name, computed, optional } of block.attributes) {
    if (computed !== true || values[name] === null || values[name] === undefined) continue;
    if (!SET_BY_PROVIDER(name, optional === true, path.length)) continue;
    found.push({
      path: [...path, name],
      what: `${name} cannot be set`,
      mend: `Azure decides ${name}; remove it here and read it from the resource where it is needed.`,
    });
  }
  for (const { name, nesting, block: inner } of block.blocks) {
    const value = values[name];
    if (nesting === 'SINGLE') {
      found.push(...computedOnly(inner, value, [...path, name]));
    } else if (Array.isArray(value)) {
      for (const [index, item] of value.entries()) found.push(...computedOnly(inner, item, [...path, name, index]));
    }
  }
  return found;
}
