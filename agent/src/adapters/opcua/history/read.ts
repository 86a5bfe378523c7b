// Raw history of a few nodes (OPC 10000-11 section 6.4.3): all of it between two moments, by as many calls as the
// server's continuation points make of it, slowly. What the server cannot do at once is asked for in smaller parts.

import {
  HistoryData,
  HistoryReadRequest,
  type HistoryReadResponse,
  type HistoryReadResult,
  ReadRawModifiedDetails,
  TimestampsToReturn,
} from 'node-opcua-client';
import { type Batch, BatchBuilder } from '../../../model/batch.ts';
import { Fault } from '../../../model/fault.ts';
import { isBad, StatusCode } from '../../../model/status.ts';
import { type Timestamp, toMillis } from '../../../model/time.ts';
import { pause } from '../../pause.ts';
import { type Calls, tooMuch } from '../link/calls.ts';
import type { Courtesy } from '../source/courtesy.ts';
import { serviceResult } from '../source/faults.ts';
import type { Item } from '../source/item.ts';
import { learned, rawValues } from '../values/raw.ts';

/** Calls for one portion of nodes before it is given up: a server whose continuation never ends. */
const MOST_CALLS = 10_000;
/** Pages in a row with nothing newer, before a node is given up: its server repeats itself. */
const MOST_IDLE = 20;
/** As few values of a node as are asked for at once. */
const FEWEST = 10;

/** How much is asked for at once; made less by what the server does not cope with. */
export interface Pace {
  nodes: number;
  /** Of each node. */
  values: number;
  /** Whether the values beyond both ends are asked for: not every server has them. */
  bounds: boolean;
}

/** What is wanted of a tag: readings later than `from` and earlier than `to`. */
export interface Span {
  readonly item: Item;
  readonly from: Timestamp;
  readonly to: Timestamp;
  /** Where to begin to look, at `from` or earlier. */
  readonly start: Timestamp;
  /** A reading of `to` was delivered: the history will have it, or a later one, when it is up to date. */
  readonly awaited: boolean;
}

/** What one call brought. */
export interface Part {
  readonly batch: Batch;
  /** How far each tag came, by position. */
  readonly reached: ReadonlyMap<number, Timestamp>;
}

/** What became of it. Lists are of positions. */
export type Outcome =
  | {
      readonly how: 'read';
      /** Of these there is more. */
      readonly again?: number[];
      /** The server ran out of continuation points: they are to be asked for one by one. */
      readonly alone?: boolean;
      /** The history does not reach the end yet. */
      readonly late?: number[];
      /** Something is missing or may be missing. */
      readonly partial?: boolean;
    }
  /** The server did not cope. `again`: it is worth another try as it is, with the pace as it is now. */
  | { readonly how: 'less'; readonly again: boolean }
  /** The server reads no history. */
  | { readonly how: 'none' }
  | { readonly how: 'aborted' };

/** What a server says that reads no history, whatever it is asked. */
const NEVER: readonly number[] = [StatusCode.BadServiceUnsupported, StatusCode.BadHistoryOperationUnsupported];

/** A continuation that the server could not keep. */
const DISCONTINUED: readonly number[] = [
  StatusCode.BadNoContinuationPoints,
  StatusCode.BadContinuationPointInvalid,
  StatusCode.BadTooManyOperations,
];

/** One node on its way through its history. */
interface Reader {
  readonly span: Span;
  continuationPoint: Buffer | null;
  reached: Timestamp;
  /** Pages in a row that held nothing newer. */
  idle: number;
  /** A value at `from` or before was seen. */
  begun: boolean;
  /** A value at `to` or after was seen. */
  ended: boolean;
}

/**
 * Reads the past of some nodes. Rejects with a Fault only when the link is broken.
 * @param courtesy told of every call, and whether it had an answer
 * @param deliver takes what came, call by call
 */
export async function readPast(
  spans: readonly Span[],
  pace: Pace,
  server: Calls,
  courtesy: Courtesy,
  deliver: (part: Part) => void,
  signal: AbortSignal,
): Promise<Outcome> {
  const historyReadDetails = new ReadRawModifiedDetails({
    isReadModified: false,
    startTime: new Date(toMillis(Math.min(...spans.map(({ start }) => start)))),
    endTime: new Date(toMillis(Math.max(...spans.map(({ to }) => to))) + 1),
    numValuesPerNode: pace.values,
    returnBounds: pace.bounds,
  });
  const all = spans.map(
    (span): Reader => ({ span, continuationPoint: null, reached: span.from, idle: 0, begun: false, ended: false }),
  );
  const again: number[] = [];
  const given = new Set<Reader>();
  let open = all;
  let unbounded = false;
  let alone = false;

  const request = (release: boolean) =>
    new HistoryReadRequest({
      historyReadDetails,
      timestampsToReturn: TimestampsToReturn.Both,
      releaseContinuationPoints: release,
      nodesToRead: open.map(({ span: { item }, continuationPoint }) => ({
        nodeId: item.node,
        ...(continuationPoint && { continuationPoint }),
      })),
    });
  const release = async () => {
    open = open.filter(({ continuationPoint }) => continuationPoint !== null);
    if (open.length > 0) await server.ask('giving up continuation points', request(true)).catch(() => {});
  };

  for (let calls = 0; open.length > 0; calls++) {
    if (calls === MOST_CALLS) {
      await release();
      return { how: 'read', partial: true };
    }
    const began = performance.now();
    const names = open.map(({ span: { item } }) => item.tag.name);
    const answered = courtesy.asking('reading the history', names);
    let answer: HistoryReadResponse;
    try {
      answer = await server.ask<HistoryReadResponse>('reading the history', request(false), 'long');
      answered();
    } catch (error) {
      const status = error instanceof Fault ? serviceResult(error.cause ?? {}) : undefined;
      if (status === undefined && tooMuch(error)) await server.ping().then(answered, () => {});
      else if (!(error instanceof Fault && error.code === 'source.closed')) answered();
      if (status === undefined && !tooMuch(error)) throw error;
      if (status !== undefined && NEVER.includes(status)) return { how: 'none' };
      await release();
      return less(tooMuch(error), spans.length, pace);
    }
    const results = open.map((reader, i) => ({ reader, result: answer.results?.[i] }));
    const next: Reader[] = [];
    const builder = new BatchBuilder(pace.values);
    const reached = new Map<number, Timestamp>();
    for (const { reader, result } of results) {
      const status = result?.statusCode.value ?? StatusCode.BadUnexpectedError;
      reader.continuationPoint = null;
      if (status === StatusCode.BadBoundNotSupported && pace.bounds) {
        unbounded = true;
        again.push(reader.span.item.position);
        given.add(reader);
      } else if (DISCONTINUED.includes(status) && (spans.length > 1 || reader.reached > reader.span.from)) {
        again.push(reader.span.item.position);
        given.add(reader);
        alone = true;
      } else if (result !== undefined && !isBad(status)) {
        const before = reader.reached;
        const count = await take(reader, result, server, builder).catch((error: unknown) => {
          if (!(error instanceof Fault) || error.code !== 'source.protocol') throw error;
          // Values of this node cannot be decoded, and will not be the next time: the others are not to suffer.
          given.add(reader);
          return 0;
        });
        reader.idle = reader.reached > before ? 0 : reader.idle + 1;
        if (reader.reached > reader.span.from) reached.set(reader.span.item.position, reader.reached);
        const { continuationPoint } = result;
        if (continuationPoint && continuationPoint.length > 0) {
          reader.continuationPoint = continuationPoint;
          if (reader.idle < MOST_IDLE) next.push(reader);
          else given.add(reader);
        } else if (count >= pace.values && !reader.ended) {
          // As many as were asked for, and no continuation point: there may be more all the same (asyncua).
          given.add(reader);
          if (reader.reached > reader.span.from) again.push(reader.span.item.position);
        }
      }
      if (isBad(status)) given.add(reader);
    }
    open = next;
    // Once the work is to end nobody takes it any more: it would count as had.
    if (builder.count > 0 && !signal.aborted) deliver({ batch: builder.take('backfill'), reached });
    await pause(performance.now() - began, signal);
    if (signal.aborted) {
      await release();
      return { how: 'aborted' };
    }
  }
  if (unbounded) pace.bounds = false;
  const read = all.filter((reader) => !given.has(reader));
  return {
    how: 'read',
    again,
    alone,
    late: read.filter(({ span, ended }) => span.awaited && !ended).map(({ span }) => span.item.position),
    partial: given.size > again.length || read.some(({ begun }) => !begun),
  };
}

/** Asks for less from now on where the server said that it was too much. */
function less(remember: boolean, nodes: number, pace: Pace): Outcome {
  if (nodes > 1) {
    if (remember) pace.nodes = Math.ceil(nodes / 2);
    return { how: 'less', again: true };
  }
  if (!remember || pace.values === FEWEST) return { how: 'less', again: false };
  pace.values = Math.max(FEWEST, Math.ceil(pace.values / 10));
  return { how: 'less', again: true };
}

/** Adds what lies in the span and was not delivered before; how many values there were. */
async function take(
  reader: Reader,
  { historyData }: HistoryReadResult,
  server: Calls,
  builder: BatchBuilder,
): Promise<number> {
  const list = historyData instanceof HistoryData ? rawValues(historyData) : undefined;
  if (list === undefined) return 0;
  const { span } = reader;
  const values = await learned(list, server.types);
  for (let i = 0; i < values.count; i++) {
    values.next();
    const { time, status } = values;
    // Stands for a bounding value that there is none of.
    if (status === StatusCode.BadBoundNotFound) continue;
    if (time <= span.from) reader.begun = true;
    else if (time >= span.to) reader.ended = true;
    else {
      values.push(builder, span.item.tag.index);
      reader.reached = Math.max(reader.reached, time);
    }
  }
  return values.count;
}
