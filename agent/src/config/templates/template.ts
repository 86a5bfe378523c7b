// The templates of a mapping: read and checked once, whether they are used or not, so that a mistake of a template is
// told at the template. What its tags mean is checked on the tags that come out of it.

import type { Part, YamlFile } from '../document.ts';
import { type Finding, findings, plainWords } from '../issues.ts';
import type { Path } from '../mistake.ts';
import { isFields } from '../protocols/protocol.ts';
import { type Parameter, template as templateSchema } from '../schema/template.ts';
import { asWritten } from '../written.ts';
import { fill, type Pattern, parametersOf, readPattern, type Types, type Value } from './holes.ts';

export interface Template {
  readonly name: string;
  readonly parameters: ReadonlyMap<string, ReadParameter>;
  readonly tags: readonly TemplateTag[];
}

export interface ReadParameter {
  readonly type: 'text' | 'number';
  readonly default?: Value | undefined;
}

export interface TemplateTag {
  /** The name as it stands in the template. */
  readonly key: string;
  readonly name: Pattern;
  readonly value: Shape;
}

/** A value of YAML with the holes of its texts found. */
type Shape =
  | { readonly pattern: Pattern }
  | { readonly plain: unknown }
  | { readonly items: readonly Shape[] }
  | { readonly fields: ReadonlyMap<string, Shape> };

type Report = (finding: Finding) => void;

const frame = templateSchema.omit({ tags: true });

/** The templates of a mapping, undefined for one with a mistake. Findings have paths from the top of the mapping. */
export function readTemplates(
  yaml: YamlFile,
  value: unknown,
  report: Report,
  warn: Report,
): Map<string, Template | undefined> {
  const templates = new Map<string, Template | undefined>();
  if (value === undefined) return templates;
  if (!isFields(value)) {
    const message =
      'write templates under it, like pump: { parameters: { name: text }, tags: { "{name}.RUN": { … } } }';
    report({ path: ['templates'], part: 'value', message });
    return templates;
  }
  for (const [name, body] of Object.entries(value)) {
    templates.set(name, readTemplate(yaml, name, body, report, warn));
  }
  return templates;
}

function readTemplate(yaml: YamlFile, name: string, body: unknown, report: Report, warn: Report): Template | undefined {
  const base = ['templates', name];
  if (!isFields(body)) {
    for (const { path, part, message } of wrongIn(templateSchema, body, name))
      report({ path: [...base, ...path], part, message });
    return undefined;
  }
  const { tags, ...rest } = body;
  const parsed = frame.safeParse(rest, { error: plainWords });
  if (!parsed.success) {
    for (const finding of findings(templateSchema, rest, parsed.error.issues, name)) {
      report({ ...finding, path: [...base, ...finding.path] });
    }
    return undefined;
  }
  if (!isFields(tags) || Object.keys(tags).length === 0) {
    const part: Part = tags === undefined ? 'key' : 'value';
    report({ path: tags === undefined ? base : [...base, 'tags'], part, message: `${name} needs tags: ${TAGS}` });
    return undefined;
  }
  const parameters = new Map<string, ReadParameter>();
  for (const [key, parameter] of Object.entries(parsed.data.parameters)) {
    const read = readParameter(parameter);
    if (typeof read !== 'string') parameters.set(key, read);
    else report({ path: [...base, 'parameters', key], part: 'value', message: `${key} ${read}` });
  }

  const used = new Set<string>();
  const types: Types = new Map([...parameters].map(([key, { type }]) => [key, type]));
  let sound = parameters.size === Object.keys(parsed.data.parameters).length;
  const pattern = (text: string, path: Path, part: Part): Pattern => {
    const read = readPattern(text, types);
    if ('message' in read) {
      sound = false;
      report({ path, part, ...read });
      return [text];
    }
    for (const parameter of parametersOf(read)) used.add(parameter);
    return read;
  };
  const shape = (value: unknown, path: Path): Shape => {
    if (typeof value === 'string') return { pattern: pattern(value, path, 'value') };
    if (Array.isArray(value)) return { items: value.map((inner, i) => shape(inner, [...path, i])) };
    if (!isFields(value)) return { plain: value };
    return { fields: new Map(Object.entries(value).map(([key, inner]) => [key, shape(inner, [...path, key])])) };
  };
  const read: TemplateTag[] = [];
  for (const [key, tag] of Object.entries(tags)) {
    const path = [...base, 'tags', key];
    read.push({ key, name: pattern(key, path, 'key'), value: shape(asWritten(yaml, path, tag), path) });
  }
  if (!sound) return undefined;
  for (const parameter of parameters.keys()) {
    if (used.has(parameter)) continue;
    const message = `no tag of ${name} has {${parameter}} in its name or values`;
    warn({ path: [...base, 'parameters', parameter], part: 'key', message });
  }
  return { name, parameters, tags: read };
}

const TAGS = 'write tags under it, like "{name}.RUN": { address: "discrete:{base}" }';

function wrongIn(schema: typeof templateSchema, value: unknown, name: string): Finding[] {
  const result = schema.safeParse(value, { error: plainWords });
  return result.success ? [] : findings(schema, value, result.error.issues, name);
}

function readParameter(parameter: Parameter): ReadParameter | string {
  if (typeof parameter === 'string') return { type: parameter };
  const { default: fallback, type = typeof fallback === 'number' ? 'number' : 'text' } = parameter;
  if (fallback === undefined) return { type };
  if (type === 'text') return { type, default: String(fallback) };
  return typeof fallback === 'number'
    ? { type, default: fallback }
    : `is a number, and its default is ${JSON.stringify(fallback)}`;
}

/** The first text with holes below `path`; undefined when what stands there is the same in all instances. */
export function holesAt({ value }: TemplateTag, path: Path): Pattern | undefined {
  // A tag as a whole differs in its name only; which keys it has is the template's.
  if (path.length === 0) return undefined;
  let at: Shape | undefined = value;
  for (const step of path) {
    if (at === undefined) return undefined;
    if ('fields' in at) at = at.fields.get(String(step));
    else at = 'items' in at ? at.items[Number(step)] : undefined;
  }
  return at === undefined ? undefined : firstHole(at);
}

function firstHole(shape: Shape): Pattern | undefined {
  if ('pattern' in shape) return parametersOf(shape.pattern).length > 0 ? shape.pattern : undefined;
  const inner = 'fields' in shape ? [...shape.fields.values()] : 'items' in shape ? shape.items : [];
  return inner.map(firstHole).find((pattern) => pattern !== undefined);
}

/** The tags of one instance, as YAML would have given them. */
export function expand(
  template: Template,
  values: ReadonlyMap<string, Value>,
): { name: string; value: unknown; tag: TemplateTag }[] {
  const filled = (shape: Shape): unknown => {
    if ('pattern' in shape) return fill(shape.pattern, values);
    if ('fields' in shape) return Object.fromEntries([...shape.fields].map(([key, inner]) => [key, filled(inner)]));
    return 'plain' in shape ? shape.plain : shape.items.map(filled);
  };
  return template.tags.map((tag) => ({ name: String(fill(tag.name, values)), value: filled(tag.value), tag }));
}
