// What the cloud may wish of a gateway: the desired properties of its module twin, checked as a whole. A wish with a
// mistake changes nothing and is answered in words. Values may be cut into pieces where the twin bounds them (4 kB a
// string): a list of strings is read as one text.

import { z } from 'zod';
import { daysLeft } from '../config/waiver.ts';
import type { JsonObject } from '../delivery/control.ts';
import type { Level } from '../model/log.ts';

const MAX_INLINE = 28_000;

const text = z.union([z.string(), z.array(z.string()).min(1)], {
  error: 'write text, or a list of texts that are read as one',
});

const mapping = z
  .strictObject(
    {
      version: z.string().max(64).optional(),
      inline: text.transform((given) => (typeof given === 'string' ? given : given.join(''))).optional(),
      url: z
        .string()
        .max(2_000)
        .regex(/^https?:\/\/[^\s]+$/, 'write an address that begins with https://')
        .optional(),
      sha256: z
        .string()
        .regex(/^[0-9a-fA-F]{64}$/, 'write the SHA-256 of the file, 64 hexadecimal digits')
        .transform((given) => given.toLowerCase())
        .optional(),
    },
    { error: 'write { url, sha256, version } or { inline, version }' },
  )
  .refine(({ inline, url }) => (inline === undefined) !== (url === undefined), 'needs inline or url, one of them')
  .refine(
    ({ url, sha256 }) => url === undefined || sha256 !== undefined,
    'needs sha256, so that the url can be checked',
  )
  .refine(({ inline }) => (inline?.length ?? 0) <= MAX_INLINE, `is longer than ${MAX_INLINE} characters: use a url`);

const waiver = z.strictObject(
  {
    acceptedBy: z.string({ error: 'write who accepts it' }).min(1, 'write who accepts it').max(200),
    until: z.iso.date({ error: 'write the last day on which it is accepted, like 2027-03-31' }),
  },
  { error: 'write { acceptedBy, until }' },
);

const desiredSchema = z.strictObject({
  logLevel: z.enum(['debug', 'info', 'warn', 'error'], { error: 'write debug, info, warn or error' }).optional(),
  mapping: mapping.optional(),
  drainLimit: z
    .number({ error: 'write messages per second, like 20' })
    .positive('write messages per second, more than 0')
    .optional(),
  waivers: z.record(z.string(), waiver, { error: 'write { SOURCE: { acceptedBy, until } }' }).optional(),
});

export type Desired = z.output<typeof desiredSchema>;
export type DesiredMapping = NonNullable<Desired['mapping']>;

export type ReadDesired =
  | { readonly desired: Desired & { readonly logLevel?: Level | undefined } }
  | { readonly mistakes: readonly string[] };

/** Most mistakes that are told: they go into reported properties. */
const MOST = 10;

/** Reads desired properties; `$version` and `$metadata` belong to the twin. */
export function readDesired(properties: JsonObject, today: Date): ReadDesired {
  const given = Object.fromEntries(Object.entries(properties).filter(([key]) => !key.startsWith('$')));
  const read = desiredSchema.safeParse(given);
  if (read.success) {
    const over = Object.entries(read.data.waivers ?? {}).filter(([, { until }]) => daysLeft(until, today) < 0);
    if (over.length === 0) return { desired: read.data };
    return { mistakes: over.map(([source, { until }]) => `waivers.${source}.until: ${until} is past`) };
  }
  const mistakes = read.error.issues.flatMap((issue) => {
    const at = issue.path.map(String);
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => `${[...at, key].join('.')}: there is no such property; there are ${known(at)}`);
    }
    return [`${at.join('.') || 'properties'}: ${issue.message}`];
  });
  const told = mistakes.slice(0, MOST).map((line) => line.slice(0, 300));
  return { mistakes: mistakes.length > MOST ? [...told, `and ${mistakes.length - MOST} more`] : told };
}

function known(path: readonly string[]): string {
  if (path[0] === 'mapping') return 'version, inline, url, sha256';
  if (path[0] === 'waivers') return 'acceptedBy, until';
  return Object.keys(desiredSchema.shape).join(', ');
}
