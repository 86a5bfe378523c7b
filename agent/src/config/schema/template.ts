// The mapping language of templates: equipment that is there many times, with its tags and its parameters.

import { z } from 'zod';
import { tagName } from '../fields.ts';
import { kindOf, wordsOf } from '../shape.ts';
import { modbusTag } from './modbus.ts';
import { opcuaTag } from './opcua.ts';

const PARAMETER = 'use letters, digits and "_", at most 64, beginning with a letter; "template" is taken';
const parameterName = z.string({ error: PARAMETER }).regex(/^(?!template$)[A-Za-z][A-Za-z0-9_]{0,63}$/);

const type = z.enum(['text', 'number']);
const value = z.union([z.string(), z.number()], { error: 'write text or a number' });

const parameter = z.union(
  [
    type,
    z.strictObject({
      type: type.optional().describe('text or number; when there is a default, it follows from that.'),
      default: value.optional().describe('What holds for an instance that does not say it: 0.'),
      description: z.string({ error: 'write text' }).optional().describe('For people.'),
    }),
  ],
  { error: 'write text or number, or { default: 0 }' },
);

/** A value with a hole in it, in place of any value of a tag. */
const hole = z.string().regex(/\{.*\}/);

/** A list or keys with holes in them. */
const holed = [z.array(z.unknown()), z.record(z.string(), z.unknown())] as const;

/** The keys of the tags of all protocols; any value may have holes. For editors: the check is made on what comes out. */
const templateTag = z.strictObject(
  Object.fromEntries(
    Object.entries<z.ZodType>({ ...modbusTag.shape, ...opcuaTag.shape }).map(([key, inner]) => {
      const plain = inner instanceof z.ZodOptional ? (inner.unwrap() as z.ZodType) : inner;
      const forms = kindOf(inner) === 'structure' ? [plain, hole, ...holed] : [plain, hole];
      return [key, z.union(forms).optional().meta(wordsOf(inner))];
    }),
  ),
);

export const template = z.strictObject(
  {
    description: z.string({ error: 'write text' }).optional().describe('For people.'),
    parameters: z
      .record(parameterName, parameter, { error: 'write parameters under it, like { name: text, base: number }' })
      .default({})
      .describe('What differs from one instance to the next, by name: text or number, or { default: 0 }.'),
    tags: z
      .record(tagName, templateTag, { error: 'write tags under it, like "{name}.RUN": { address: "discrete:{base}" }' })
      .describe(
        'The tags of one instance. Parameters stand in braces, in names and values: "{name}.RUN", "{base+10}".',
      ),
  },
  { error: 'write { parameters: { name: text }, tags: { "{name}.RUN": { … } } }' },
);

export type Parameter = z.output<typeof parameter>;
