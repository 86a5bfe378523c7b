// The forms of values in the mapping: durations, names, addresses, ranges. Each carries the sentence that says what to
// write instead, the pattern for editors, and what the gateway makes of it.

import { z } from 'zod';
import { isEventsTag } from '../model/tag.ts';
import { endpointProblem } from './endpoint.ts';
import { parseDuration, parseSize } from './units.ts';

/** Durations as editors check them. */
export const DURATION = '^\\d+(\\.\\d+)?(ms|s|m|h|d)$';

export const duration = (least = 0, example = '1s') => {
  const error = `write a duration with its unit, like ${example}`;
  return z
    .string({ error })
    .meta({ examples: ['100ms', '1s', '5m', '2h'], pattern: DURATION })
    .transform((text, context) => {
      const ms = parseDuration(text);
      if (ms !== undefined && ms >= least && ms <= LONGEST) return ms;
      const message = ms === undefined ? error : ms < least ? `the shortest is ${least}ms` : 'the longest is 20d';
      context.addIssue({ code: 'custom', message });
      return z.NEVER;
    });
};

/** What a timer of Node can hold, in whole days: beyond it a timer fires at once. */
const LONGEST = 20 * 86_400_000;

export const size = z
  .string({ error: 'write a size with its unit, like 4GB' })
  .meta({ examples: ['500MB', '4GB'], pattern: '^\\d+(\\.\\d+)?(kB|MB|GB)$' })
  .transform((text, context) => {
    const bytes = parseSize(text);
    if (bytes !== undefined && bytes >= SMALLEST) return bytes;
    const message =
      bytes === undefined ? 'write a size with its unit (kB, MB, GB), like 4GB' : 'the smallest buffer is 1MB';
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  });

const SMALLEST = 1_000_000;

/** A field that cannot break a topic, a file name or a message id. */
export const name = z
  .string({ error: 'use letters, digits, ".", "_" and "-", at most 128, beginning with a letter or digit' })
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/);

/** As the plant writes it; blanks at the ends and control characters are never meant. */
export const tagName = z
  .string({ error: 'a tag has 1 to 256 characters, no blanks at its ends and no control characters' })
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  .regex(/^(?! )[^\x00-\x1f\x7f]{1,256}(?<! )$/)
  .refine((name) => !isEventsTag(name), 'names that end in ":events" are those of the events of a source');

export const text = (example: string) => z.string({ error: `write text, like ${example}` }).min(1);

export const whole = (least: number, most: number) =>
  z
    .number({ error: `write a whole number from ${least} to ${most}` })
    .int()
    .min(least)
    .max(most);

export const number = z.number({ error: 'write a number' });

export const date = z.iso.date({ error: 'write a date, like 2027-03-31' });

export const address = (scheme: string, example: string) =>
  z
    .string({ error: `write an address, like ${example}` })
    .superRefine((given, context) => {
      const message = endpointProblem(given, scheme.split('|'), example);
      if (message !== undefined) context.addIssue({ code: 'custom', message });
    })
    .meta({ examples: [example], pattern: `^((${scheme.replaceAll('.', '\\.')})://|\\$\\{).+` });

// biome-ignore lint/suspicious/noTemplateCurlyInString: this is how a mapping writes it
export const VARIABLES = 'Environment variables are filled in: ${NAME}.';

export const range = z
  .tuple([number, number], { error: 'write the lowest and the highest value, like [0, 250]' })
  .refine(([lo, hi]) => lo < hi, 'write the lower number first');

/** An absolute deadband in engineering units, or a share of the range. */
export type Deadband = { readonly kind: 'absolute' | 'percent'; readonly size: number };

const DEADBAND = 'write 0.1 (engineering units) or 0.5% (of the range)';

export const deadband = z
  .union([z.number().min(0), z.string().meta({ pattern: '^\\d+(\\.\\d+)?%$' })], { error: DEADBAND })
  .meta({
    examples: [0.1, '0.5%'],
    description: 'A change up to this is not sent: engineering units, or "0.5%" of the range. 0 sends every change.',
  })
  .transform((given, context): Deadband => {
    const percent = typeof given === 'string' ? /^(\d+(?:\.\d+)?)%$/.exec(given) : null;
    const amount = typeof given === 'number' ? given : Number(percent?.[1] ?? Number.NaN);
    if (typeof given === 'number' || amount <= 100) return { kind: percent ? 'percent' : 'absolute', size: amount };
    context.addIssue({ code: 'custom', message: amount > 100 ? 'the most is 100%' : DEADBAND });
    return z.NEVER;
  });
