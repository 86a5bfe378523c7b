// What is legal among the tags of a Modbus source, and odd: a place that is read twice, values that overlap, more
// requests than there is time for. Warnings: some devices do map one register to two names.

import { formatAddress } from '../address.ts';
import { placeOf } from '../origin.ts';
import type { ResolvedModbusTag } from '../plant.ts';
import type { ModbusSource } from '../schema/modbus.ts';
import { formatDuration } from '../units.ts';
import { warnOfHeartbeats } from './heartbeats.ts';
import type { Placed, Warn } from './protocol.ts';
import { isBit, registersOf } from './registers.ts';

export function warnOfTags(tags: readonly Placed[], source: ModbusSource, warn: Warn): void {
  const spans = tags.map(spanOf).sort((a, b) => a.start - b.start || a.end - b.end);
  for (const [, same] of Map.groupBy(spans, placeKey)) {
    warnOfSamePlace(same, warn);
    warnOfOverlaps(same, warn);
  }
  warnOfExponents(spans, source, warn);
  warnOfPace(spans, source, warn);
  warnOfHeartbeats(tags, 'poll', warn);
}

/** Addresses of different SunSpec models say nothing of each other. */
function placeKey({ tag: { unitId, address, sunspec } }: Span): string {
  return `${unitId} ${address.table} ${sunspec?.model ?? ''}`;
}

interface Span {
  readonly placed: Placed;
  readonly tag: ResolvedModbusTag;
  readonly start: number;
  /** First address behind it. */
  readonly end: number;
}

function spanOf(placed: Placed): Span {
  const tag = placed.tag as ResolvedModbusTag;
  const { offset } = tag.address;
  return { placed, tag, start: offset, end: offset + (isBit(tag.address) ? 1 : registersOf(tag.type)) };
}

/** The address as it is written. */
function written({ placed, tag }: Span): string {
  return String(placed.value.address ?? formatAddress(tag.address));
}

function warnOfSamePlace(spans: readonly Span[], warn: Warn): void {
  const first = new Map<string, Span>();
  for (const span of spans) {
    const { tag } = span;
    const key = `${formatAddress(tag.address)} ${tag.type} ${tag.order}`;
    const other = first.get(key);
    if (other === undefined) {
      first.set(key, span);
      continue;
    }
    const message = `${tag.name} reads ${written(span)} as ${other.tag.name} does, at ${placeOf(other.placed.origin)}`;
    warn(span.placed.origin, ['address'], message);
  }
}

/** Bits are left out: a word of status and its bits are often both read. */
function warnOfOverlaps(spans: readonly Span[], warn: Warn): void {
  let reach: Span | undefined;
  for (const span of spans) {
    if (isBit(span.tag.address)) continue;
    if (reach !== undefined && span.start < reach.end && !alike(span, reach)) {
      const { tag, placed } = reach;
      const other = `${span.tag.name} at ${written(span)} (${span.tag.type}, ${placeOf(span.placed.origin)})`;
      warn(placed.origin, ['address'], `${tag.type} at ${written(reach)} overlaps ${other}`);
    }
    if (reach === undefined || span.end > reach.end) reach = span;
  }
}

/** The same place read in the same way: that is told elsewhere. */
function alike(a: Span, b: Span): boolean {
  return a.start === b.start && a.tag.type === b.tag.type && a.tag.order === b.tag.order;
}

/** A value and its exponent come in one request, or their product may be one that never was. */
function warnOfExponents(spans: readonly Span[], { maxRegisters }: ModbusSource, warn: Warn): void {
  const far = spans.filter(({ tag, start, end }) => {
    const exponent = tag.sunspec?.exponent ?? start;
    return Math.max(end, exponent + 1) - Math.min(start, exponent) > maxRegisters;
  });
  for (const [, own] of Map.groupBy(far, ({ tag: { sunspec } }) => `${sunspec?.device} ${sunspec?.model}`)) {
    const { placed, tag } = own[0]!;
    const more = own.length > 1 ? ` and ${own.length - 1} more are` : ' is';
    const message = `${tag.name}${more} too far from the register with the power of ten for a request of ${maxRegisters} (maxRegisters), and cannot be read`;
    warn(placed.origin, [], message);
  }
}

/** ms that no request is quicker than, through a switch and a PLC that has nothing else to do. */
const QUICKEST = 2;
/** Bits on a serial line for each byte: start, eight, parity or a second stop bit, stop. */
const BITS = 11;
/** Bytes of request and reply besides the data (V1.1b3 section 6.3), and twice 3.5 characters of silence. */
const AROUND = 8 + 5 + 7;

/** Whether all requests fit into the time that there is, one after the other on each connection. */
function warnOfPace(spans: readonly Span[], source: ModbusSource, warn: Warn): void {
  const { delayBetweenRequests, maxRegisters, maxGap } = source;
  const perByte = 'baudRate' in source ? (BITS * 1_000) / source.baudRate : 0;
  const connections = 'connections' in source ? source.connections : 1;
  let busy = 0;
  let requests = 0;
  let fastest = Number.POSITIVE_INFINITY;
  for (const [, group] of Map.groupBy(spans, ({ tag }) => `${tag.unitId} ${tag.address.table} ${tag.poll}`)) {
    const { poll, address } = group[0]!.tag;
    const bits = address.table === 'coil' || address.table === 'discrete';
    const lengths = requestLengths(group, bits ? 2_000 : maxRegisters, bits ? maxGap * 16 : maxGap);
    for (const length of lengths) {
      const bytes = AROUND + (bits ? length / 8 : length * 2);
      busy += (Math.max(QUICKEST, bytes * perByte) + delayBetweenRequests) / poll;
    }
    requests += lengths.length;
    fastest = Math.min(fastest, poll);
  }
  const share = Math.round((busy / connections) * 100);
  if (share <= 100) return;
  const line =
    perByte > 0 ? 'the serial line' : connections > 1 ? `each of ${connections} connections` : 'the connection';
  const message = `polled faster than the line allows: ${requests} requests, the fastest every ${formatDuration(fastest)}, would keep ${line} busy for ${share}% of the time`;
  warn('source', [], message);
}

/** Addresses in each request for spans sorted by place. The plan may need fewer requests where values overlap. */
function requestLengths(group: readonly Span[], most: number, gap: number): number[] {
  const lengths: number[] = [];
  let start = 0;
  let end = Number.NEGATIVE_INFINITY;
  for (const span of group) {
    if (span.start - end > gap || Math.max(end, span.end) - start > most) {
      start = span.start;
      end = span.end;
      lengths.push(end - start);
    } else {
      end = Math.max(end, span.end);
      lengths[lengths.length - 1] = end - start;
    }
  }
  return lengths;
}
