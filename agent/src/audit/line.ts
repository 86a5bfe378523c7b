// One line of a delivered file: a row (docs/messages.md) or a body of format `columns` (docs/columns.md). Only what an
// audit needs is read: who numbered it, which numbers it holds, and the gap records. Nothing is trusted: a line that
// is something else comes back as a sentence that says what it is.

export interface GapRecord {
  readonly seq: number;
  readonly reason: string;
  /** Absent: the whole gateway. */
  readonly source?: string;
  readonly from: string;
  /** Null: it has not ended. */
  readonly to: string | null;
  /** Nothing of that time is missing. */
  readonly complete?: true;
  readonly range?: { readonly epoch: string; readonly first: number; readonly last: number };
}

/** The entries of a line, whose numbers follow each other. */
export interface Entries {
  readonly gateway: string;
  /** Absent: as the line of this gateway before it. */
  readonly epoch?: string;
  readonly first: number;
  readonly last: number;
  readonly gaps: readonly GapRecord[];
}

type Fields = Readonly<Record<string, unknown>>;

/** What stands in a line, or in words why it cannot be read. */
export function parseLine(text: string): Entries | string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return 'is no JSON';
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'is no JSON object';
  const fields = value as Fields;
  if ('MessageType' in fields)
    return 'is a message of format opcua-pubsub, which cannot be audited; rows and columns can';
  const { gateway, epoch, seq } = fields;
  if (typeof gateway !== 'string') return 'has no "gateway"';
  if (!isNumber(seq)) return 'has no "seq"';
  if (epoch !== undefined && typeof epoch !== 'string') return 'has an "epoch" that is no text';
  const head = { gateway, ...(epoch !== undefined && { epoch }), first: seq };
  if ('columns' in fields) return columnsLine(fields, head);
  if (typeof fields.tag === 'string' || isEvent(fields)) return { ...head, last: seq, gaps: [] };
  if (!('gap' in fields)) return 'is neither a reading, an event nor a gap record';
  const record = gapRecord(fields);
  return record === undefined ? 'is a gap record with fields missing' : { ...head, last: seq, gaps: [record] };
}

function columnsLine(fields: Fields, head: Pick<Entries, 'gateway' | 'epoch' | 'first'>): Entries | string {
  const { columns, count, gaps } = fields;
  if (columns !== 1) return `is of format columns, version ${columns}; this fieldgate knows version 1`;
  if (!isNumber(count) || count < 1 || !Array.isArray(gaps)) return 'is of format columns, without "count" or "gaps"';
  const last = head.first + count - 1;
  const records: GapRecord[] = [];
  for (const gap of gaps) {
    const record = gapRecord(gap);
    if (record === undefined || record.seq < head.first || record.seq > last) return 'holds a gap record that is wrong';
    records.push(record);
  }
  return { ...head, last, gaps: records };
}

function gapRecord(value: unknown): GapRecord | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { seq, gap, source, from, to, range, complete } = value as Fields;
  if (!isNumber(seq) || typeof gap !== 'string' || !isTime(from) || !(to === null || isTime(to))) return undefined;
  if (source !== undefined && typeof source !== 'string') return undefined;
  const given = range === undefined ? undefined : rangeOf(range);
  if (range !== undefined && given === undefined) return undefined;
  return {
    seq,
    reason: gap,
    from,
    to,
    ...(source !== undefined && { source }),
    ...(given && { range: given }),
    ...(complete === true && { complete }),
  };
}

function rangeOf(value: unknown): GapRecord['range'] {
  if (typeof value !== 'object' || value === null) return undefined;
  const { epoch, first, last } = value as Fields;
  if (typeof epoch !== 'string' || !isNumber(first) || !isNumber(last) || last < first) return undefined;
  return { epoch, first, last };
}

function isEvent({ event, source, ts }: Fields): boolean {
  return event !== undefined && typeof source === 'string' && isTime(ts);
}

function isNumber(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isTime(value: unknown): value is string {
  return typeof value === 'string' && !Number.isNaN(Date.parse(value));
}
