// The reference of the direct methods in docs/remote.md, made from their schemas, so that it cannot tell anything else
// than they do.

import { z } from 'zod';
import { METHODS } from './methods.ts';

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly format?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly default?: unknown;
}

const BEGIN = '<!-- methods: made by scripts/reference.ts, do not edit -->';
const END = '<!-- methods: end -->';

/** The page with its part between BEGIN and END made anew. */
export function withMethods(page: string): string {
  const begin = page.indexOf(BEGIN);
  const end = page.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`the page has no "${BEGIN}" … "${END}"`);
  const rows = Object.entries(METHODS).map(
    ([name, { summary, payload, limit }]) =>
      `| \`${name}\` | ${summary} | ${payloadOf(payload)} | ${limit / 1_000} s |`,
  );
  const table = ['| method | does | payload | limit |', '|---|---|---|---|', ...rows].join('\n');
  return `${page.slice(0, begin + BEGIN.length)}\n\n${table}\n\n${page.slice(end)}`;
}

function payloadOf(type: z.ZodType): string {
  const { properties = {}, required = [] } = z.toJSONSchema(type, { io: 'input', unrepresentable: 'any' }) as Schema;
  const keys = Object.entries(properties).map(
    ([key, schema]) => `\`${key}\`${required.includes(key) ? '' : '?'}: ${formOf(schema)}`,
  );
  return keys.length === 0 ? 'none' : keys.join('; ');
}

function formOf(schema: Schema): string {
  const fallback = schema.default === undefined ? '' : `, else ${schema.default}`;
  if (schema.enum !== undefined) return `${schema.enum.join(', ')}${fallback}`;
  if (schema.format === 'date-time') return 'time, ISO 8601';
  if (schema.type === 'integer') return `${schema.minimum} to ${schema.maximum}${fallback}`;
  if (schema.type === 'array') return `list of ${schema.minItems} to ${schema.maxItems} names`;
  return `text${fallback}`;
}
