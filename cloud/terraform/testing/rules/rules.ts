// All rules of the bench for one resource type, in the order in which they are found: what Azure decides, names, what
// holds everywhere, what the type's own page says.

import { computedOnly } from '../provider/computed.ts';
import type { Finding } from '../provider/server.ts';
import type { Block, NestedBlock } from '../schema/schema.ts';
import type { Check } from './check.ts';
import { EVERYWHERE } from './common.ts';
import { DATA } from './data.ts';
import { IOT } from './iot.ts';
import { NAMES } from './names.ts';
import { NETWORK } from './network.ts';
import { PLATFORM } from './platform.ts';
import { apply, requiresWhen, type TypeRules } from './rule.ts';

const TABLES = { ...IOT, ...DATA, ...NETWORK, ...PLATFORM };
const NAMING = 'https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules';
const DOCS = 'https://registry.terraform.io/providers/hashicorp/azurerm/4.73.0/docs/resources/';

/** Types whose page or name has rules here; the general ones hold for every type. */
export const RULED_TYPES: readonly string[] = [...new Set([...Object.keys(TABLES), ...Object.keys(NAMES)])].sort();

const WITH_IDENTITIES = ['UserAssigned', 'SystemAssigned, UserAssigned'];

/** Whether a block has an argument at a path, and the provider leaves it to the configuration. */
function has(block: Block, path: string): boolean {
  const [step, ...rest] = path.split('.');
  if (rest.length === 0) {
    const settable = block.attributes.some(
      ({ name, required, optional }) => name === step && (required === true || optional === true),
    );
    return settable || block.blocks.some(({ name }) => name === step);
  }
  const inner = block.blocks.find(({ name }) => name === step);
  return inner !== undefined && has(inner.block, rest.join('.'));
}

/** Every rule of a type with what it is for, as one table. */
export function rulesOf(type: string, block: Block): TypeRules {
  const own = TABLES[type];
  const general = Object.entries(EVERYWHERE).filter(([path]) => has(block, path) && own?.fields?.[path] === undefined);
  const fields: Record<string, Check | readonly Check[]> = { ...Object.fromEntries(general), ...own?.fields };
  const naming = NAMES[type];
  if (naming !== undefined) fields.name = naming;
  const identity = has(block, 'identity.identity_ids') && has(block, 'identity.type');
  return {
    source: `${DOCS}${type.replace(/^azurerm_/, '')}${naming === undefined ? '' : ` and ${NAMING}`}`,
    fields,
    relations: {
      ...own?.relations,
      ...(identity && { identity: [requiresWhen('type', WITH_IDENTITIES, 'identity_ids')] }),
    },
  };
}

/** A path as the protocol can say it: an element of a set has no index, so the path ends at the set. */
function pointable(block: Block, path: Finding['path']): Finding['path'] {
  let at: Block | undefined = block;
  for (const [index, step] of path.entries()) {
    if (typeof step === 'number') continue;
    const inner: NestedBlock | undefined = at?.blocks.find(({ name }) => name === step);
    if (inner?.nesting === 'SET') return path.slice(0, index + 1);
    at = inner?.block;
  }
  return path;
}

const known = new Map<Block, TypeRules>();

/** Everything that is wrong with one resource, as the real provider or Azure would refuse it. */
export function validateResource(type: string, block: Block, config: unknown): readonly Finding[] {
  const found = computedOnly(block, config);
  if (!type.startsWith('azurerm_')) return found;
  let rules = known.get(block);
  if (rules === undefined) {
    rules = rulesOf(type, block);
    known.set(block, rules);
  }
  return [...found, ...apply(rules, config)].map((finding) => ({ ...finding, path: pointable(block, finding.path) }));
}
