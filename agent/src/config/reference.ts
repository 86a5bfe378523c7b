// The reference of the mapping's keys in docs/mapping.md, made from the JSON Schema, so that it cannot tell anything
// else than the checks do. The prose around it is written by hand.

import { mappingJsonSchema } from './jsonschema.ts';

/** What of JSON Schema the mapping uses. */
interface Node {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly pattern?: string;
  readonly format?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Node | boolean;
  readonly items?: Node | readonly Node[];
  readonly anyOf?: readonly Node[];
  readonly oneOf?: readonly Node[];
}

const BEGIN = '<!-- keys: made by scripts/reference.ts, do not edit -->';
const END = '<!-- keys: end -->';

/** The page with its part between BEGIN and END made anew. */
export function withReference(page: string): string {
  const begin = page.indexOf(BEGIN);
  const end = page.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`the page has no "${BEGIN}" … "${END}"`);
  return `${page.slice(0, begin + BEGIN.length)}\n\n${reference()}\n${page.slice(end)}`;
}

/** Every key of the mapping, as Markdown tables. */
function reference(): string {
  const root = mappingJsonSchema() as Node;
  const { hub, buffer, sources } = root.properties!;
  const hubs = hub!.oneOf!;
  const [opcua, ...modbus] = (sources!.additionalProperties as Node).oneOf!;
  const anyModbus = commonKeys(modbus);
  const shared = commonKeys(hubs);
  const tagsOf = (source: Node) => source.properties!.tags!.additionalProperties as Node;
  const tags = [tagsOf(opcua!), tagsOf(modbus[0]!)];
  const alike = commonKeys(tags);
  const template = root.properties!.templates!.additionalProperties as Node;
  const kind: Node = { description: 'What the hub is.', enum: hubs.map(typeOf) };
  const parts = [
    table('The file', root),
    table('hub', { ...hubs[0], properties: { ...hubs[0]!.properties, type: kind } }, (key) => shared.has(key)),
    ...hubs.map((one) => table(`hub, type: ${typeOf(one)}`, one, (key) => !shared.has(key) || key === 'type')),
    table('buffer', buffer!),
    table('A template', template),
    table('A source, protocol: opcua', opcua!),
    table('security', opcua!.properties!.security!),
    table('insecure', opcua!.properties!.insecure!),
    table('events', opcua!.properties!.events!),
    ...opcua!.properties!.user!.anyOf!.map((form, i) =>
      table(i === 0 ? 'user, by password' : 'user, by certificate', form),
    ),
    ...modbus.map((one) =>
      table(`A source, protocol: ${one.properties!.protocol!.const}`, one, (key) => differs(key, modbus, anyModbus)),
    ),
    table('tls', modbus[0]!.properties!.tls!),
    table('A source of any Modbus protocol, besides these', modbus[0]!, (key) => !differs(key, modbus, anyModbus)),
    table('profiles, each device', modbus[0]!.properties!.profiles!.additionalProperties as Node),
    table('A tag of any source', tags[0]!, (key) => alike.has(key)),
    table('A tag of an OPC UA source', tags[0]!, (key) => !alike.has(key)),
    table('A tag of a Modbus source', tags[1]!, (key) => !alike.has(key)),
    table('defaults of an OPC UA source', opcua!.properties!.defaults!),
    table('defaults of a Modbus source', modbus[0]!.properties!.defaults!),
  ];
  return parts.join('\n');
}

function typeOf(hub: Node): unknown {
  return hub.properties?.type?.const;
}

/** Whether a key is not the same in all the objects. @param shared the keys that all of them have */
function differs(key: string, objects: readonly Node[], shared: ReadonlySet<string>): boolean {
  const words = new Set(objects.map(({ properties }) => JSON.stringify(properties?.[key])));
  return !shared.has(key) || words.size > 1;
}

/** Keys that all the objects have. */
function commonKeys(objects: readonly Node[]): Set<string> {
  const [first, ...others] = objects.map((one) => Object.keys(one.properties ?? {}));
  return new Set(first!.filter((key) => others.every((keys) => keys.includes(key))));
}

function table(title: string, object: Node, include: (key: string) => boolean = () => true): string {
  const required = new Set(object.required);
  const rows = Object.entries(object.properties ?? {})
    .filter(([key]) => include(key))
    .map(([key, node]) => {
      const fallback = required.has(key) ? '**needed**' : fallbackOf(node);
      return `| \`${key}\` | ${cell(node.description ?? '')} | ${cell(form(node))} | ${cell(fallback)} |`;
    });
  return [`### ${title}`, '', '| key | meaning | form | default |', '|---|---|---|---|', ...rows, ''].join('\n');
}

function fallbackOf(node: Node): string {
  const { default: value } = node;
  if (value === undefined || (typeof value === 'object' && value !== null && Object.keys(value).length === 0))
    return '';
  return code(value);
}

/** How a value is written, in a few words. */
function form(node: Node): string {
  if (node.const !== undefined) return code(node.const);
  if (node.enum !== undefined) return node.enum.map(code).join(', ');
  if (node.pattern?.endsWith('(ms|s|m|h|d)$')) return 'duration';
  if (node.format === 'date') return 'date';
  if (node.examples !== undefined) return node.examples.map(code).join(', ');
  const forms = node.anyOf ?? node.oneOf;
  if (forms !== undefined) {
    const words = forms.map((one) => (one.properties === undefined ? form(one) : 'keys, see below'));
    return [...new Set(words)].join(', or ');
  }
  switch (node.type) {
    case 'integer':
      return `${node.minimum} to ${node.maximum}`;
    case 'number':
      return 'number';
    case 'array':
      return Array.isArray(node.items) ? '`[number, number]`' : 'list';
    case 'object':
      return node.properties === undefined ? 'names, and keys under each' : 'keys, see below';
    default:
      return 'text';
  }
}

function code(value: unknown): string {
  return `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}
