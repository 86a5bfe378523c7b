// Reads a body of format `rows` as a consumer would who knows nothing of the gateway's sources: JSON Lines, one
// reading or gap record a line, gzip or plain.

import { gunzipSync } from 'node:zlib';

export interface ReadingRow {
  readonly gateway: string;
  readonly tag: string;
  readonly ts: string;
  readonly value: unknown;
  readonly status: string;
  readonly seq: number;
  readonly unit?: string;
}

export interface GapRow {
  readonly gateway: string;
  /** The reason. */
  readonly gap: string;
  readonly source?: string;
  readonly tags?: readonly string[];
  readonly from: string;
  readonly to: string | null;
  readonly seq: number;
  readonly count?: number;
  readonly complete?: boolean;
  readonly range?: { readonly epoch: string; readonly first: number; readonly last: number };
}

/** An alarm or another event of a source. */
export interface EventRow {
  readonly gateway: string;
  readonly source: string;
  readonly ts: string;
  readonly severity?: number;
  readonly event: Readonly<Record<string, unknown>>;
  readonly seq: number;
}

export type Row = ReadingRow | EventRow | GapRow;

/** The rows of `body`, or in words what is wrong with it. */
export function decodeRows(body: Buffer, contentEncoding: string | undefined): Row[] | string {
  if (contentEncoding !== 'gzip' && contentEncoding !== 'utf-8') return `unknown content encoding ${contentEncoding}`;
  try {
    const text = (contentEncoding === 'gzip' ? gunzipSync(body) : body).toString('utf8');
    const lines = text.endsWith('\n') ? text.slice(0, -1) : text;
    const rows = JSON.parse(`[${lines.replaceAll('\n', ',')}]`) as unknown[];
    const wrong = rows.findIndex((row) => !isRow(row));
    return wrong < 0 ? (rows as Row[]) : `line ${wrong + 1} is neither a reading, an event nor a gap`;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function isRow(value: unknown): value is Row {
  const row = value as Partial<ReadingRow & EventRow & GapRow> | null;
  if (typeof row !== 'object' || row === null) return false;
  if (typeof row.gateway !== 'string' || !Number.isSafeInteger(row.seq)) return false;
  if (row.tag !== undefined) {
    return (
      typeof row.tag === 'string' && typeof row.ts === 'string' && typeof row.status === 'string' && 'value' in row
    );
  }
  if (row.event !== undefined) {
    return typeof row.event === 'object' && typeof row.source === 'string' && typeof row.ts === 'string';
  }
  return typeof row.gap === 'string' && typeof row.from === 'string' && (row.to === null || typeof row.to === 'string');
}
