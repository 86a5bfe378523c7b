// What a gateway tells of itself in the reported properties of its twin: what a fleet's owner asks first, in at most
// 8 kB, and made so that a gateway that is well says almost nothing twice: figures that always move are rounded
// coarsely or left out. Pure: a status in, a document out; the difference of two documents is what is sent.

import type { SourceStats } from '../adapters/supervisor.ts';
import type { Json, JsonObject } from '../delivery/control.ts';
import type { Refused } from '../model/fault.ts';
import { redactText } from '../observe/redact.ts';
import type { GatewayStatus } from '../observe/status.ts';

export interface ReportedFacts {
  readonly status: GatewayStatus;
  /** What became of the desired properties, once they have come. */
  readonly desired?: { readonly version: number; readonly applied: boolean; readonly mistakes: readonly string[] };
  /** The newest error of the log. */
  readonly lastError?: { readonly at: number; readonly text: string };
  /** The image that runs, when its start says so. */
  readonly image?: string;
}

/** Bytes of the document as JSON, at most. */
export const MAX_REPORTED = 8_000;
const MAX_SOURCES = 60;
const MAX_TEXT = 160;

/** The reported properties of a moment. */
export function reportedOf(facts: ReportedFacts): JsonObject {
  for (const sources of [MAX_SOURCES, 30, 10, 0]) {
    const document = documentOf(facts, sources);
    if (Buffer.byteLength(JSON.stringify(document)) <= MAX_REPORTED) return document;
  }
  return documentOf(facts, 0);
}

function documentOf({ status, desired, lastError, image }: ReportedFacts, most: number) {
  const { store } = status;
  const minutes =
    store.buffer.oldest === null ? 0 : Math.max(0, Math.floor((Date.now() - store.buffer.oldest) / 60_000));
  const { from, version, refused, restart, hash, appliedAt, reloads } = status.mapping ?? {};
  const troubled = status.sources.filter(({ state }) => state.state !== 'running');
  // Those in trouble first: they are why somebody looks.
  const shown = [...troubled, ...status.sources.filter(({ state }) => state.state === 'running')].slice(0, most);
  return {
    version: status.version,
    ...(image !== undefined && { image: cut(image) }),
    epoch: status.epoch,
    startedAt: new Date(status.startedAt).toISOString(),
    phase: status.phase,
    mapping: {
      ...(from !== undefined && { from }),
      ...(version !== undefined && { version }),
      ...(hash !== undefined && { hash: hash.slice(0, 16) }),
      ...(appliedAt !== undefined && { appliedAt: new Date(appliedAt).toISOString() }),
      ...(reloads !== undefined && { reloads }),
      ...(refused && { refused: { count: refused.count, mistakes: refused.mistakes.slice(0, 3).map(cut) } }),
      ...(restart !== undefined && restart.length > 0 && { restart: restart.slice(0, 20) }),
    },
    ...(desired !== undefined && {
      desired: {
        version: desired.version,
        applied: desired.applied,
        ...(desired.mistakes.length > 0 && { mistakes: desired.mistakes.slice(0, 5).map(cut) }),
      },
    }),
    health: troubled.length === 0 && lossesOf(status) === 0 ? 'good' : 'look',
    sourceCount: { all: status.sources.length, running: status.sources.length - troubled.length },
    sources: Object.fromEntries(shown.map((source) => [keyOf(source.name), sourceOf(source)])),
    buffer: {
      // What waits for its message to fill moves all the time, and is no backlog.
      readings: minutes === 0 ? 0 : coarse(store.buffer.pendingReadings),
      megabytes: coarse(Math.round(store.buffer.bytes / 1e6)),
      oldestMinutes: coarse(minutes),
    },
    dropped: lossesOf(status),
    waivers: Object.fromEntries(status.waivers.slice(0, 20).map(({ source, until }) => [keyOf(source), until])),
    ...(lastError !== undefined && {
      lastError: { at: new Date(lastError.at).toISOString(), text: cut(lastError.text) },
    }),
  } satisfies JsonObject;
}

function sourceOf({ state, tags, connection }: SourceStats): JsonObject {
  const bad = state.state === 'running' ? 0 : state.state === 'degraded' ? state.troubleCount : tags;
  return {
    state: state.state,
    tags,
    bad,
    ...(connection !== undefined &&
      connection.certificates.length > 0 && {
        certificateDays: Math.min(
          ...connection.certificates.map(({ validTo }) => Math.floor((Date.parse(validTo) - Date.now()) / 86_400_000)),
        ),
      }),
    ...(state.state === 'waiting' && { reason: cut(state.servers ? codesOf(state.servers) : state.reason) }),
    ...(state.state === 'degraded' && { reason: cut([...state.trouble.values()][0] ?? '') }),
  };
}

/** Reasons of several servers are too long for a twin; their codes are not. */
const codesOf = (servers: readonly Refused[]) =>
  `none of its ${servers.length} servers can be used: ${servers.map(({ code }, i) => `${i + 1}. ${code}`).join(', ')}`;

function lossesOf({ store }: GatewayStatus): number {
  return Object.values(store.buffer.dropped).reduce((sum, count) => sum + count, store.refused);
}

/** Two digits, so that a figure that moves a little stays the same: 0, 1 … 99, 100, 110, … 1,200. */
function coarse(value: number): number {
  if (value < 100) return value;
  const unit = 10 ** (Math.floor(Math.log10(value)) - 1);
  return Math.floor(value / unit) * unit;
}

/** A name as a twin's key: it has no dots, dollars or blanks (IoT Hub, "Understand and use device twins"). */
function keyOf(name: string): string {
  return name.replace(/[.$\s\p{Cc}]/gu, '_').slice(0, 128);
}

/** Without its secrets: reasons quote what libraries say, and mistakes what was written. */
function cut(given: string): string {
  const text = redactText(given);
  return text.length <= MAX_TEXT ? text : `${text.slice(0, MAX_TEXT - 1)}…`;
}

/** What must be sent so that `before` becomes `after`: a merge patch (RFC 7396), undefined when nothing must. */
export function patchOf(before: JsonObject, after: JsonObject): JsonObject | undefined {
  const patch: Record<string, Json> = {};
  for (const [key, value] of Object.entries(after)) {
    const old = before[key];
    if (isObject(old) && isObject(value)) {
      const inner = patchOf(old, value);
      if (inner !== undefined) patch[key] = inner;
    } else if (JSON.stringify(old) !== JSON.stringify(value)) patch[key] = value;
  }
  for (const key of Object.keys(before)) if (!(key in after)) patch[key] = null;
  return Object.keys(patch).length === 0 ? undefined : patch;
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
