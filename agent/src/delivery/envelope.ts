// Envelopes: consecutive entries become messages. A message is filled as far as the hub allows and never further;
// what turns out too large is halved until it fits, and an entry that alone is too large is handed back.

import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { type Batch, entries, slice } from '../model/batch.ts';
import type { Stream } from '../model/stream.ts';
import type { Format } from './formats/format.ts';
import type { Message } from './hubs/hub.ts';
import type { Numbered, Times } from './queue.ts';

/** Most bytes of a body: IoT Hub and edgeHub close the connection at 262,144 with properties (edgeHub's Constants). */
export const MAX_BODY = 250_000;

/** Level 3 costs less than half of level 6, and its result is about a tenth larger on plant-like rows (bench/format.ts). */
const COMPRESSION_LEVEL = 3;

const compress = promisify(gzip);

/** A message and what it is made of, until it is acknowledged. */
export interface Outgoing {
  readonly message: Message;
  readonly epoch: string;
  readonly stream: Stream;
  readonly first: number;
  readonly last: number;
  readonly readings: number;
  readonly parts: readonly Numbered[];
}

export interface Packed {
  readonly fitting: readonly Outgoing[];
  /** Single entries that exceed `MAX_BODY` alone, or that the format cannot write. */
  readonly tooLarge: readonly Numbered[];
}

export interface Sender {
  readonly site: string;
  readonly gateway: string;
  readonly epoch: string;
  readonly format: Format;
  readonly compression: 'gzip' | 'none';
}

/** Messages of consecutive entries, in order. @param parts at least one, each following the one before */
export async function pack(sender: Sender, stream: Stream, parts: readonly Numbered[]): Promise<Packed> {
  const body = await bodyOf(sender, parts);
  if (body !== undefined && body.length <= MAX_BODY)
    return { fitting: [envelope(sender, stream, parts, body)], tooLarge: [] };
  const halves = halve(parts);
  if (halves === undefined) return { fitting: [], tooLarge: parts };
  const packed = [await pack(sender, stream, halves[0]), await pack(sender, stream, halves[1])];
  return { fitting: packed.flatMap((p) => p.fitting), tooLarge: packed.flatMap((p) => p.tooLarge) };
}

/** Undefined when an entry cannot be written: it must not keep its neighbours from being sent. */
async function bodyOf({ format, compression }: Sender, parts: readonly Numbered[]): Promise<Buffer | undefined> {
  let plain: Buffer;
  try {
    plain = format.encode(parts);
  } catch {
    return undefined;
  }
  return compression === 'gzip' ? compress(plain, { level: COMPRESSION_LEVEL }) : plain;
}

/** The same entries as two shorter runs; undefined when there is only one entry. */
export function halve(parts: readonly Numbered[]): [Numbered[], Numbered[]] | undefined {
  if (parts.length > 1) {
    const middle = parts.length >> 1;
    return [parts.slice(0, middle), parts.slice(middle)];
  }
  const { first, batch } = parts[0] as Numbered;
  const total = entries(batch);
  if (total < 2) return undefined;
  const middle = total >> 1;
  return [[{ first, batch: slice(batch, 0, middle) }], [{ first: first + middle, batch: slice(batch, middle, total) }]];
}

/** Of a batch of one entry: the time of the reading, or that which the gap record tells of; undefined when it is none. */
export function timesOf({ count, time, gaps }: Batch): Times | undefined {
  const [gap] = gaps;
  const from = count > 0 ? (time[0] as number) : (gap?.from ?? Number.NaN);
  return Number.isFinite(from) ? [from, count > 0 ? from : (gap?.to ?? from)] : undefined;
}

function envelope(sender: Sender, stream: Stream, parts: readonly Numbered[], body: Buffer): Outgoing {
  const { site, gateway, epoch, format, compression } = sender;
  const first = (parts[0] as Numbered).first;
  const end = parts.at(-1) as Numbered;
  const last = end.first + entries(end.batch) - 1;
  const message: Message = {
    id: `${gateway}/${epoch}/${first}-${last}`,
    body,
    contentType: format.contentType,
    contentEncoding: compression === 'gzip' ? 'gzip' : 'utf-8',
    properties: {
      site,
      gateway,
      stream,
      epoch,
      seqFirst: String(first),
      seqLast: String(last),
      count: String(last - first + 1),
      format: format.name,
    },
  };
  const readings = parts.reduce((sum, { batch }) => sum + batch.count, 0);
  return { message, epoch, stream, first, last, readings, parts };
}
