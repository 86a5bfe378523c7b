// Writes configurations with one mistake each, for the tests of the rules: as the provider gets them, and as Terraform
// reads them, with the line of the mistake.

import { ANY } from '../../cloud/terraform/testing/rules/rule.ts';
import type { AttributeType, Block } from '../../cloud/terraform/testing/schema/schema.ts';

/** Some value of a type. */
function sample(type: AttributeType): unknown {
  if (type === 'string' || type === 'dynamic') return 'x';
  if (type === 'number') return 1;
  if (type === 'bool') return true;
  if (type[0] === 'map') return { x: sample(type[1]) };
  if (type[0] === 'object') {
    return Object.fromEntries(Object.entries(type[1]).map(([key, inner]) => [key, sample(inner)]));
  }
  return [sample(type[1])];
}

/** A block with what the schema demands, and nothing else. */
function minimal(block: Block): Record<string, unknown> {
  return Object.fromEntries([
    ...block.attributes.filter(({ required }) => required).map(({ name, type }) => [name, sample(type)]),
    ...block.blocks
      .filter(({ min }) => min > 0)
      .map((inner) => [inner.name, wrap(inner.nesting, minimal(inner.block))]),
  ]);
}

function wrap(nesting: string, block: Record<string, unknown>): unknown {
  return nesting === 'SINGLE' ? block : [block];
}

/** The value of an argument: ANY becomes one of the schema's type. */
function resolved(block: Block, name: string, value: unknown): unknown {
  if (value !== ANY) return value;
  const attribute = block.attributes.find((one) => one.name === name);
  if (attribute !== undefined) return sample(attribute.type);
  const nested = block.blocks.find((one) => one.name === name);
  if (nested === undefined) throw new Error(`no argument ${name}`);
  return wrap(nested.nesting, minimal(nested.block));
}

/**
 * A configuration with `values` in the block at `path` ('' for the resource itself); null removes what the schema
 * demands. Undefined when there is no such block.
 */
export function planted(
  block: Block,
  path: string,
  values: Readonly<Record<string, unknown>>,
): Record<string, unknown> | undefined {
  const config = minimal(block);
  if (path === '') {
    for (const [name, value] of Object.entries(values)) config[name] = resolved(block, name, value);
    return config;
  }
  const [step = '', ...rest] = path.split('.');
  const inner = block.blocks.find(({ name }) => name === step);
  if (inner === undefined) {
    const items = plantedInAttribute(block.attributes.find(({ name }) => name === step)?.type, rest, values);
    return items === undefined ? undefined : { ...config, [step]: items };
  }
  const below = planted(inner.block, rest.join('.'), values);
  if (below === undefined) return undefined;
  return { ...config, [step]: wrap(inner.nesting, below) };
}

/** Some blocks are attributes to Terraform: lists of objects, whose every field must be there. */
function plantedInAttribute(
  type: AttributeType | undefined,
  path: readonly string[],
  values: Readonly<Record<string, unknown>>,
): unknown {
  if (type === undefined || typeof type === 'string' || type[0] === 'object') return undefined;
  const item = type[1];
  if (typeof item === 'string' || item[0] !== 'object') return undefined;
  const fields = item[1];
  const [step, ...rest] = path;
  const object = sample(item) as Record<string, unknown>;
  if (step === undefined) return [{ ...object, ...values }];
  return [{ ...object, [step]: plantedInAttribute(fields[step], rest, values) }];
}

function expression(value: unknown): string {
  return JSON.stringify(value).replaceAll('${', '$${').replaceAll('%{', '%%{');
}

/** The lines of a block's body. */
export function written(block: Block, config: Readonly<Record<string, unknown>>, indent = '  '): string[] {
  return Object.entries(config).flatMap(([name, value]) => {
    if (value === null || value === undefined) return [];
    const nested = block.blocks.find((one) => one.name === name);
    if (nested === undefined) return [`${indent}${name} = ${expression(value)}`];
    const items = (nested.nesting === 'SINGLE' ? [value] : value) as Record<string, unknown>[];
    return items.flatMap((item) => [`${indent}${name} {`, ...written(nested.block, item, `${indent}  `), `${indent}}`]);
  });
}
