// The direct methods: what may be asked of a gateway from afar. Each has a schema for what it is given, a time limit,
// and errors with a code and words. None of them writes to a plant; what a source is asked goes over a connection
// of its own and reads.

import { z } from 'zod';
import type { Json, JsonObject, MethodAnswer } from '../delivery/control.ts';
import { describe, Fault } from '../model/fault.ts';
import { redactText } from '../observe/redact.ts';

/** What the methods can have done. Each rejects with a Fault, or resolves within what `signal` leaves. */
export interface Powers {
  status(): JsonObject;
  reload(): Promise<JsonObject>;
  /** Reads these tags once. */
  read(tags: readonly string[], signal: AbortSignal): Promise<JsonObject>;
  /** A page of what a source offers; `cursor` goes on where an earlier page ended. */
  browse(wish: BrowseWish, signal: AbortSignal): Promise<JsonObject>;
  /** @param from, to ms since 1970 */
  replay(from: number, to: number): Promise<JsonObject>;
  logs(count: number, level: 'debug' | 'info' | 'warn' | 'error'): JsonObject;
  trust(thumbprint: string): Promise<JsonObject>;
  /** Writes a bundle without secrets to the volume. */
  diagnostics(): Promise<JsonObject>;
}

export interface BrowseWish {
  readonly source: string;
  readonly under?: string | undefined;
  readonly limit: number;
  readonly cursor?: string | undefined;
}

interface Method<Payload> {
  readonly summary: string;
  readonly payload: z.ZodType<Payload>;
  /** Longest that it may take, ms. */
  readonly limit: number;
  readonly run: (payload: Payload, powers: Powers, signal: AbortSignal) => Promise<JsonObject> | JsonObject;
}

const nothing = z.strictObject({});
const instant = z.iso
  .datetime({ offset: true, error: 'write a time in ISO 8601 with its zone, like 2026-11-24T10:00:00Z' })
  .transform((given) => Date.parse(given));

const method = <Payload>(given: Method<Payload>): Method<Payload> => given;

export const METHODS = {
  ping: method({
    summary: 'Whether the gateway is there; answers its time.',
    payload: nothing,
    limit: 5_000,
    run: () => ({ time: new Date().toISOString() }),
  }),
  status: method({
    summary: 'The state of the gateway, its sources, its buffer and its hub.',
    payload: nothing,
    limit: 5_000,
    run: (_, powers) => powers.status(),
  }),
  reload: method({
    summary: 'Reads the mapping anew and applies what changed; answers the difference, or the mistakes.',
    payload: nothing,
    limit: 110_000,
    run: (_, powers) => powers.reload(),
  }),
  read: method({
    summary: 'Reads tags once, over a connection of its own.',
    payload: z.strictObject({
      tags: z
        .array(z.string(), { error: 'write a list of tag names' })
        .min(1, 'name a tag')
        .max(100, 'at most 100 tags'),
    }),
    limit: 25_000,
    run: ({ tags }, powers, signal) => powers.read(tags, signal),
  }),
  browse: method({
    summary: 'A page of what an OPC UA source offers.',
    payload: z.strictObject({
      source: z.string({ error: 'write the name of a source' }),
      under: z.string().optional(),
      limit: z.number().int().min(1).max(500).default(200),
      cursor: z.string().optional(),
    }),
    limit: 25_000,
    run: (wish, powers, signal) => powers.browse(wish, signal),
  }),
  replay: method({
    summary: 'Sends again what was delivered within buffer.keepDelivered and holds readings of this time.',
    payload: z.strictObject({ from: instant, to: instant }).refine(({ from, to }) => from <= to, 'to is before from'),
    limit: 15_000,
    run: ({ from, to }, powers) => powers.replay(from, to),
  }),
  logs: method({
    summary: 'The newest lines of the log, without secrets.',
    payload: z.strictObject({
      count: z.number().int().min(1).max(500, 'at most 500 lines').default(100),
      level: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
    }),
    limit: 5_000,
    run: ({ count, level }, powers) => powers.logs(count, level),
  }),
  'trust-certificate': method({
    summary: 'Trusts an OPC UA server whose certificate was refused, by its SHA-1 thumbprint.',
    payload: z.strictObject({
      thumbprint: z
        .string({ error: 'write the thumbprint, 40 hexadecimal digits' })
        .transform((given) => given.replaceAll(/[\s:]/g, '').toLowerCase())
        .pipe(z.string().regex(/^[0-9a-f]{40}$/, 'write the thumbprint, 40 hexadecimal digits')),
    }),
    limit: 15_000,
    run: ({ thumbprint }, powers) => powers.trust(thumbprint),
  }),
  diagnostics: method({
    summary: 'Writes a bundle for support, without secrets, beside the buffer; answers where.',
    payload: nothing,
    limit: 30_000,
    run: (_, powers) => powers.diagnostics(),
  }),
} as const;

export const METHOD_NAMES: readonly string[] = Object.keys(METHODS);

/** Runs a method. Never rejects: 200 done, 400 wrong payload, 404 no such method, 409 cannot be done, 504 too late. */
export async function callMethod(name: string, payload: Json | undefined, powers: Powers): Promise<MethodAnswer> {
  // biome-ignore lint/suspicious/noExplicitAny: each method takes what its own schema made
  const called = Object.hasOwn(METHODS, name) ? (METHODS[name as keyof typeof METHODS] as Method<any>) : undefined;
  if (called === undefined) return failed(404, 'unknown-method', `there is no method "${name.slice(0, 100)}"`);
  const read = called.payload.safeParse(payload ?? {});
  if (!read.success) return failed(400, 'bad-payload', read.error.issues.map(wordsOf).join('; ').slice(0, 1_000));
  const late = AbortSignal.timeout(called.limit);
  const over = new Promise<MethodAnswer>((resolve) =>
    late.addEventListener('abort', () =>
      resolve(failed(504, 'late', `${name} took longer than ${called.limit / 1_000} s and was given up`)),
    ),
  );
  return Promise.race([over, run(called, read.data, powers, late)]);
}

async function run<Payload>(
  called: Method<Payload>,
  payload: Payload,
  powers: Powers,
  late: AbortSignal,
): Promise<MethodAnswer> {
  try {
    return { code: 200, payload: await called.run(payload, powers, late) };
  } catch (error) {
    const code = error instanceof Fault ? error.code : 'internal.unexpected';
    return failed(error instanceof Fault ? 409 : 500, code, redactText(describe(error)).slice(0, 1_000));
  }
}

function failed(code: number, reason: string, message: string): MethodAnswer {
  return { code, payload: { code: reason, message } };
}

function wordsOf({ path, message, ...issue }: z.core.$ZodIssue): string {
  if (issue.code === 'unrecognized_keys') return `there is no ${issue.keys.join(', ')}`;
  return path.length === 0 ? message : `${path.join('.')}: ${message}`;
}
