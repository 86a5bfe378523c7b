// Recovers a provider's schema from the TypeScript bindings that are generated from it: each folder's index.js carries
// its generated source in an inline source map, and that source names every attribute, its flags, type and nesting.
// What cannot be told from there (sensitive, deprecated, descriptions) is left out.

import type { Attribute, AttributeType, Block, NestedBlock } from './schema.ts';

const SOURCE_MAP = /\/\/# sourceMappingURL=data:application\/json;(?:charset=utf-8;)?base64,([\w+/=]+)/;
const TYPE_NAME = /public static readonly tfResourceType = "(\w+)"/;
const CLASS = /^export class (\w+) extends \w+\.(\w+) \{$/gm;
const MEMBER = /^ {2}\/\/ (\w+) - computed: (true|false), optional: (true|false), required: (true|false)$/gm;
const WRAPPER = /= new (\w+)\(this, "\w+"(?:, (true|false))?\)/;
const SUFFIXES = ['OutputReference', 'List', 'ListList', 'MapList', 'Map'];
const GETTER = /return (\w+\.Fn\.tolist\()?this\.(get\w+Attribute|interpolationForAttribute)\(/;
/** A field of the functions that write HCL: its value, whether it may be a block, and its nesting. */
const FIELD = /^ +(\w+): \{\n +value: (.*),\n +isBlock: (true|false),\n +type: "(\w+)",\n +storageClassType: "(\w+)"/gm;

const GETTERS: Readonly<Record<string, AttributeType>> = {
  getStringAttribute: 'string',
  getNumberAttribute: 'number',
  getBooleanAttribute: 'bool',
  getListAttribute: ['list', 'string'],
  getNumberListAttribute: ['list', 'number'],
  getStringMapAttribute: ['map', 'string'],
  getNumberMapAttribute: ['map', 'number'],
  getBooleanMapAttribute: ['map', 'bool'],
  getAnyMapAttribute: ['map', 'dynamic'],
};

interface Member {
  readonly name: string;
  readonly computed: boolean;
  readonly optional: boolean;
  readonly required: boolean;
  readonly type: AttributeType | undefined;
  readonly wrapper?: { readonly name: string; readonly single: boolean; readonly set: boolean };
}

interface Field {
  readonly value: string;
  readonly isBlock: boolean;
  readonly nesting: string;
}

/** What one generated source describes. */
interface Recovered {
  readonly type: string;
  readonly kind: 'provider' | 'resource' | 'data';
  readonly block: Block;
}

/** The generated source that a folder's index.js carries, or undefined when it carries none. */
export function sourceOf(javascript: string): string | undefined {
  const map = SOURCE_MAP.exec(javascript)?.[1];
  if (map === undefined) return undefined;
  const { sourcesContent } = JSON.parse(Buffer.from(map, 'base64').toString('utf8')) as { sourcesContent?: string[] };
  return sourcesContent?.[0];
}

/** Text of each class and function by name: from its first line to the closing brace at the start of a line. */
function bodies(source: string, opening: RegExp): Map<string, { readonly base: string; readonly text: string }> {
  const found = new Map<string, { base: string; text: string }>();
  for (const match of source.matchAll(opening)) {
    const end = source.indexOf('\n}\n', match.index);
    found.set(match[1]!, { base: match[2] ?? '', text: source.slice(match.index, end < 0 ? undefined : end + 2) });
  }
  return found;
}

function membersOf(text: string): Member[] {
  const starts = [...text.matchAll(MEMBER)];
  return starts.map((match, index) => {
    const [, name, computed, optional, required] = match;
    const body = text.slice(match.index, starts[index + 1]?.index);
    const wrapper = WRAPPER.exec(body);
    const getter = GETTER.exec(body);
    const plain = getter ? GETTERS[getter[2]!] : undefined;
    return {
      name: name!,
      computed: computed === 'true',
      optional: optional === 'true',
      required: required === 'true',
      type: getter?.[1] !== undefined && Array.isArray(plain) ? (['set', plain[1]] as AttributeType) : plain,
      ...(wrapper && {
        wrapper: { name: wrapper[1]!, single: wrapper[1]!.endsWith('OutputReference'), set: wrapper[2] === 'true' },
      }),
    };
  });
}

function fieldsOf(text: string | undefined): Map<string, Field> {
  return new Map(
    [...(text ?? '').matchAll(FIELD)].map(([, name, value, isBlock, nesting]) => [
      name!,
      { value: value!, isBlock: isBlock === 'true', nesting: nesting! },
    ]),
  );
}

/** The type of a list of lists, which has no getter of its own: told by the mappers around the value. */
function nestedListType(value: string | undefined): AttributeType {
  const depth = [...(value ?? '').matchAll(/listMapperHcl\(/g)].length;
  const item = /stringToHclTerraform/.test(value ?? '')
    ? 'string'
    : /numberToHclTerraform/.test(value ?? '')
      ? 'number'
      : undefined;
  if (item === undefined || depth === 0) return 'dynamic';
  let type: AttributeType = item;
  for (let i = 0; i < depth; i++) type = ['list', type];
  return type;
}

/** Reads one generated source; undefined for a file that describes no provider, resource or data source. */
export function recover(source: string): Recovered | undefined {
  const type = TYPE_NAME.exec(source)?.[1];
  if (type === undefined) return undefined;
  const classes = bodies(source, CLASS);
  // "fooBarToHclTerraform" writes the struct FooBar
  const writers = new Map(
    [...bodies(source, /^export function (\w+)ToHclTerraform\(()/gm)].map(([name, { text }]) => [
      name.toLowerCase(),
      text,
    ]),
  );
  const root = [...classes].find(([, { base }]) => /^Terraform(Resource|DataSource|Provider)$/.test(base));
  if (root === undefined) return undefined;

  const objectOf = (members: readonly Member[], fields: ReadonlyMap<string, Field>): AttributeType => [
    'object',
    Object.fromEntries(members.map((member) => [member.name, attributeType(member, fields.get(member.name))])),
  ];

  // a struct's own name may end like a suffix (UrlPathMap), so the one counts that leads to a class
  const inner = (wrapper: string): readonly [Member[], Map<string, Field>] => {
    for (const suffix of SUFFIXES.filter((end) => wrapper.endsWith(end))) {
      const struct = wrapper.slice(0, -suffix.length);
      const text = classes.get(`${struct}OutputReference`)?.text;
      if (text !== undefined) return [membersOf(text), fieldsOf(writers.get(struct.toLowerCase()))];
    }
    throw new Error(`${type}: no class behind ${wrapper}`);
  };

  const attributeType = (member: Member, field: Field | undefined): AttributeType => {
    if (member.wrapper === undefined) return member.type ?? nestedListType(field?.value);
    const object = objectOf(...inner(member.wrapper.name));
    const set = member.wrapper.set || field?.nesting === 'set';
    return [set ? 'set' : 'list', member.wrapper.name.endsWith('ListList') ? ['list', object] : object];
  };

  const blockOf = (members: readonly Member[], fields: ReadonlyMap<string, Field>): Block => {
    const attributes: Attribute[] = [];
    const blocks: NestedBlock[] = [];
    for (const member of members) {
      const field = fields.get(member.name);
      const { name, wrapper, computed, optional, required } = member;
      if (wrapper !== undefined && field?.isBlock === true && !computed) {
        const nesting = field.nesting === 'struct' ? 'SINGLE' : wrapper.set || field.nesting === 'set' ? 'SET' : 'LIST';
        const max = wrapper.single && nesting !== 'SINGLE' ? 1 : 0;
        blocks.push({ name, nesting, min: required ? 1 : 0, max, block: blockOf(...inner(wrapper.name)) });
      } else {
        const flags = { ...(computed && { computed }), ...(optional && { optional }), ...(required && { required }) };
        attributes.push({ name, type: attributeType(member, field), ...flags });
      }
    }
    return { attributes, blocks };
  };

  const [name, { base, text }] = root;
  const kind = base === 'TerraformResource' ? 'resource' : base === 'TerraformDataSource' ? 'data' : 'provider';
  if (kind === 'provider') return { type, kind, block: { attributes: [], blocks: [] } };
  const fields = fieldsOf(text.slice(text.indexOf('synthesizeHclAttributes')));
  if (fields.size === 0) throw new Error(`${name}: says nothing about how its fields are written`);
  return { type, kind, block: blockOf(membersOf(text), fields) };
}
