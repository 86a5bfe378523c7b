// Looks into the schema: which keys are known at a place, and which words. The schema is the only list of them; the
// suggestions for what was mistyped read it here.

import { z } from 'zod';
import { DURATION } from './fields.ts';
import type { Path } from './mistake.ts';

/** The schema without what stands around it: optional, default, transform, refinement. */
function bare(schema: z.ZodType): z.ZodType {
  let at = schema;
  for (let inner = within(at); inner !== undefined; inner = within(at)) at = inner;
  return at;
}

function within(schema: z.ZodType): z.ZodType | undefined {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) {
    return schema.def.innerType as z.ZodType;
  }
  return schema instanceof z.ZodPipe ? (schema.def.in as z.ZodType) : undefined;
}

/** The keys that an object at `path` may have; `value` decides where there are several forms. */
export function keysAt(schema: z.ZodType, path: Path, value: unknown): string[] {
  const at = bare(schema);
  if (at instanceof z.ZodUnion) {
    const forms = at.options.map((option) => bare(option as z.ZodType));
    const chosen = at instanceof z.ZodDiscriminatedUnion ? formOf(at.def.discriminator, forms, value) : undefined;
    return (chosen === undefined ? forms : [chosen]).flatMap((form) => keysAt(form, path, value));
  }
  const [step, ...rest] = path;
  if (at instanceof z.ZodObject) {
    const shape = at.shape as Record<string, z.ZodType>;
    if (step === undefined) return Object.keys(shape);
    const inner = shape[step];
    return inner === undefined ? [] : keysAt(inner, rest, child(value, step));
  }
  if (step === undefined) return [];
  if (at instanceof z.ZodRecord) return keysAt(at.valueType as z.ZodType, rest, child(value, step));
  if (at instanceof z.ZodArray) return keysAt(at.element as z.ZodType, rest, child(value, step));
  return [];
}

/** The words that a value at `path` may be, as far as the schema lists them. */
export function wordsAt(schema: z.ZodType, path: Path, value: unknown): string[] {
  const at = bare(schema);
  const [step, ...rest] = path;
  if (step === undefined) {
    if (at instanceof z.ZodEnum) return at.options.map(String);
    return at instanceof z.ZodUnion ? at.options.flatMap((option) => wordsAt(option as z.ZodType, path, value)) : [];
  }
  if (at instanceof z.ZodUnion) {
    const forms = at.options.map((option) => bare(option as z.ZodType));
    const chosen = at instanceof z.ZodDiscriminatedUnion ? formOf(at.def.discriminator, forms, value) : undefined;
    return (chosen === undefined ? forms : [chosen]).flatMap((form) => wordsAt(form, path, value));
  }
  if (!(at instanceof z.ZodObject)) return [];
  const inner = (at.shape as Record<string, z.ZodType>)[step];
  return inner === undefined ? [] : wordsAt(inner, rest, child(value, step));
}

/** What a schema says for people: its own words, else those of what it stands around. */
export function wordsOf(schema: z.ZodType): { description?: string; examples?: readonly unknown[] } {
  const { description, examples } = schema.meta() ?? {};
  const own = { ...(description && { description }), ...(Array.isArray(examples) && { examples }) };
  const inner = within(schema);
  return inner === undefined ? own : { ...wordsOf(inner), ...own };
}

/** Whether a key of an object holds a duration, which is milliseconds once it has been resolved. */
export function isDuration(schema: z.ZodType, key: string): boolean {
  const at = bare(schema);
  const inner = at instanceof z.ZodObject ? (at.shape as Record<string, z.ZodType>)[key] : undefined;
  return inner !== undefined && bare(inner).meta()?.pattern === DURATION;
}

/** What a value is, as far as a cell of a table is concerned. */
export function kindOf(schema: z.ZodType): 'text' | 'number' | 'boolean' | 'structure' {
  const at = bare(schema);
  if (at instanceof z.ZodNumber) return 'number';
  if (at instanceof z.ZodBoolean) return 'boolean';
  // An address is a number or text, and means the same as either; a word or a structure is told by its brace.
  if (at instanceof z.ZodUnion) {
    const kinds = at.options.map((option) => kindOf(option as z.ZodType));
    return kinds.includes('structure') ? 'structure' : kinds.includes('text') ? 'text' : kinds[0]!;
  }
  if (at instanceof z.ZodObject || at instanceof z.ZodArray || at instanceof z.ZodTuple) return 'structure';
  return at instanceof z.ZodRecord ? 'structure' : 'text';
}

/** The same for a key of an object. */
export function kindAt(schema: z.ZodType, key: string): ReturnType<typeof kindOf> {
  const at = bare(schema);
  const inner = at instanceof z.ZodObject ? (at.shape as Record<string, z.ZodType>)[key] : undefined;
  return inner === undefined ? 'text' : kindOf(inner);
}

/** The form of a discriminated union whose literal the value carries. */
function formOf(key: string, forms: readonly z.ZodType[], value: unknown): z.ZodType | undefined {
  const wanted = child(value, key);
  return forms.find((form) => {
    const literal = form instanceof z.ZodObject ? form.shape[key] : undefined;
    return literal instanceof z.ZodLiteral && literal.values.has(wanted as string);
  });
}

function child(value: unknown, step: string | number): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined;
  return (value as Record<string | number, unknown>)[step];
}
