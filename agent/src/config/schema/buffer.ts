// The mapping language of the buffer: the gateway's own disk.

import { z } from 'zod';
import { duration, size, text } from '../fields.ts';

export const buffer = z.strictObject(
  {
    path: text('data/buffer.db').default('data/buffer.db').describe('The buffer file, on a local disk.'),
    maxSize: size
      .prefault('4GB')
      .describe('Most bytes on disk; beyond it the oldest readings are given up, and counted.'),
    commitInterval: duration(1, '100ms').prefault('100ms').describe('A reading is on disk within this time.'),
    order: z
      .enum(['live-first', 'oldest-first'])
      .default('live-first')
      .describe('What goes first while a backlog drains.'),
    maxAge: duration(60_000, '7d')
      .optional()
      .describe('Give up what waited longer than this, and count it: 7d. Default: kept until maxSize.'),
    keepDelivered: duration(0, '15m')
      .prefault('15m')
      .describe('Keep what was delivered this long, for a hub that loses it in a power cut: 15m. 0s: not at all.'),
    drainLimit: z
      .number({ error: 'write messages per second, like 20' })
      .positive()
      .optional()
      .describe('Most messages per second while a backlog drains; live readings are not held back. Default: no limit.'),
  },
  { error: 'write keys under it, like maxSize: 4GB' },
);

export type BufferConfig = z.output<typeof buffer>;
