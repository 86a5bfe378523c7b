// What tags of every protocol have in common, and where they are written.

import { z } from 'zod';
import { deadband, duration, number, range, text } from '../fields.ts';

/** Keys of every tag. */
export const tagCommon = {
  unit: text('m3/h')
    .max(32, 'at most 32 characters')
    .optional()
    .describe('Engineering unit, sent with every reading: m3/h, degC, barg.'),
  description: z.string({ error: 'write text' }).optional().describe('For people; not sent.'),
  priority: z
    .enum(['normal', 'high'])
    .optional()
    .describe('high: given up last when the buffer is full. Default: normal.'),
  deadband: deadband.optional(),
  range: range
    .optional()
    .describe('Lowest and highest value in engineering units, for a deadband in percent: [0, 250].'),
  heartbeat: duration(100, '60s').optional().describe('Send the value at least this often, changed or not: 60s.'),
  swingingDoor: z
    .number({ error: 'write a number above 0, in engineering units' })
    .positive()
    .optional()
    .describe('Compress within this error, in engineering units: 0.2.'),
  scale: z
    .strictObject(
      {
        from: range.describe('Two raw values: [0, 4095].'),
        to: z
          .tuple([number, number], { error: 'write two values in engineering units, like [0, 100]' })
          .refine(([a, b]) => a !== b, 'write two numbers that differ')
          .describe('What they mean in engineering units: [0, 100].'),
      },
      { error: 'write { from: [0, 4095], to: [0, 100] }' },
    )
    .optional()
    .describe('Linear scaling from raw to engineering units: { from: [0, 4095], to: [0, 100] }.'),
  clamp: z
    .boolean({ error: 'write true or false' })
    .optional()
    .describe('true: a value beyond the range (or what scale leads to) becomes its end, and its status says so.'),
};

/** The keys of a tag that `defaults` may give for the whole source. */
export const common = { deadband: true, heartbeat: true, swingingDoor: true, priority: true } as const;

export const tagFiles = z
  .array(text('tags/flare-analysers.csv'), { error: 'write a list of files, like [tags/flare-analysers.csv]' })
  .default([])
  .describe('CSV files of tags: the same columns, and "name". Relative to this file.');

/** Said when `tags` is no map. */
export const NAMES = 'write tags under it, like 20FIC101.PV: { … }';

/** Keys of a source that make tags of templates. */
export const uses = {
  use: z
    .array(
      z
        .object({ template: z.string({ error: 'write the name of a template' }).describe('Name of the template.') })
        .catchall(z.union([z.string(), z.number()], { error: 'write text or a number' })),
      { error: 'write a list of instances, like - { template: pump, name: 20P101, base: 100 }' },
    )
    .default([])
    .describe(
      'Instances of templates: the template and its parameters, like { template: pump, name: 20P101, base: 100 }.',
    ),
  useFiles: z
    .array(z.string({ error: 'write a list of files, like [tags/pumps.csv]' }).min(1), {
      error: 'write a list of files, like [tags/pumps.csv]',
    })
    .default([])
    .describe('CSV files of instances: a column "template" and one for each parameter. Relative to this file.'),
};
