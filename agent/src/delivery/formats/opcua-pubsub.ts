// The format `opcua-pubsub`: JSON NetworkMessages of OPC 10000-14, section 7.2.5, for consumers of OPC Publisher.
// docs/messages.md says which options of the standard are used. Readings are delta frames of their source's writer,
// its events and the gap records are events of writers beside it.
//
// Values are encoded as OPC Publisher does it by default: the deprecated NonReversible encoding of OPC 10000-6, which
// is the VerboseEncoding without the type of the value.

import { type Batch, Kind, type Value, valueAt } from '../../model/batch.ts';
import type { Gap } from '../../model/gap.ts';
import { statusName } from '../../model/status.ts';
import { isEventsTag } from '../../model/tag.ts';
import { formatTime, fromMillis, type Timestamp } from '../../model/time.ts';
import type { Numbered } from '../queue.ts';
import type { Format, TagOf } from './format.ts';
import { TimeText } from './time-text.ts';
import { shortFloat32 } from './value.ts';
import { writerIds } from './writer.ts';

/** Servers may send any status; the texts of so many are kept. */
const MAX_STATUSES = 1_000;

/** The range of an OPC UA DateTime in JSON (OPC 10000-6, section 5.4.2.6); what is beyond stands for "none". */
const EARLIEST = fromMillis(Date.UTC(1601, 0, 1));
const LATEST = fromMillis(Date.UTC(9999, 11, 31, 23, 59, 59));

/** BaseEventType: the standard knows no event type for a gap in what a publisher has. */
const EVENT_TYPE = 'i=2041';

/** Event severities (OPC 10000-5, section 6.4.2): readings that were accepted and lost, and those never had. */
const SEVERITY = { lost: 900, unknown: 600 } as const;

/** A data set message that is being filled: one value of each tag at most. */
interface Frame {
  readonly head: string;
  readonly names: Set<string>;
  readonly fields: string[];
}

/** What never changes of a tag. */
interface Known {
  readonly name: string;
  readonly source: string;
  /** Whether its readings are events; its name is the writer's then. */
  readonly events: boolean;
  /** Its field up to the value. */
  readonly head: string;
}

/** @param gateway, epoch as in the message's properties, @param tagOf resolves the tag column */
export function opcuaPubsub(gateway: string, epoch: string, tagOf: TagOf): Format {
  const writers = writerIds();
  const statuses = new Map<number, string>();
  const known = new Map<number, Known>();
  const times = new TimeText();

  function know(id: number): Known {
    let found = known.get(id);
    if (found === undefined) {
      const { name, source } = tagOf(id);
      found = { name, source, events: isEventsTag(name), head: `${JSON.stringify(name)}:{"Value":` };
      known.set(id, found);
    }
    return found;
  }

  /** The data set message up to its payload. */
  const frameHead = (writer: string, seq: number, type: 'ua-deltaframe' | 'ua-event') =>
    `{"DataSetWriterId":${writers(writer)},"DataSetWriterName":${JSON.stringify(writer)},"SequenceNumber":${seq % 2 ** 32},"MessageType":"${type}","Payload":`;

  function statusField(status: number): string {
    if (status === 0) return '';
    let text = statuses.get(status);
    if (text === undefined) {
      const name = statusName(status);
      // A code that nobody defined has no symbol.
      const symbol = name.startsWith('0x') ? '' : `,"Symbol":"${name}"`;
      text = `"StatusCode":{"Code":${status}${symbol}},`;
      if (statuses.size >= MAX_STATUSES) statuses.clear();
      statuses.set(status, text);
    }
    return text;
  }

  function event(gap: Gap, seq: number): string {
    const { reason, source, tags, from, to, count, recovered, complete, range } = gap;
    const until = to === null ? 'now' : dateTime(to);
    const payload = {
      EventId: Buffer.from(`${gateway}/${epoch}/${seq}`).toString('base64'),
      EventType: EVENT_TYPE,
      SourceName: source ?? gateway,
      Time: dateTime(from),
      Message: `${reason}: nothing is known from ${dateTime(from)} to ${until}`,
      Severity: range === undefined && count === undefined ? SEVERITY.unknown : SEVERITY.lost,
      Reason: reason,
      From: dateTime(from),
      To: to === null ? null : dateTime(to),
      Tags: tags,
      Count: count,
      Recovered: recovered,
      Complete: complete,
      Range: range && { Epoch: range.epoch, First: range.first, Last: range.last },
    };
    return `${frameHead(source === undefined ? 'gaps' : `${source}:gaps`, seq, 'ua-event')}${JSON.stringify(payload)}}`;
  }

  return {
    name: 'opcua-pubsub',
    contentType: 'application/json',
    encode(parts: readonly Numbered[]): Buffer {
      const messages: (Frame | string)[] = [];
      /** The frame that a source's next value goes to. */
      const open = new Map<string, Frame>();
      let last = (parts[0]?.first ?? 0) - 1;
      for (const { first, batch } of parts) {
        for (let i = 0; i < batch.count; i++) {
          const { name, source, head, events } = know(batch.tag[i] as number);
          if (events) {
            messages.push(`${frameHead(name, first + i, 'ua-event')}${valueText(batch, i)}}`);
            continue;
          }
          let frame = open.get(source);
          if (frame === undefined || frame.names.has(name)) {
            frame = { head: frameHead(source, first + i, 'ua-deltaframe'), names: new Set(), fields: [] };
            open.set(source, frame);
            messages.push(frame);
          }
          frame.names.add(name);
          const status = statusField(batch.status[i] as number);
          const time = beyond(batch.time[i] as number) ?? times.of(batch.time[i] as number);
          frame.fields.push(`${head}${valueText(batch, i)},${status}"SourceTimestamp":"${time}"}`);
        }
        for (const [i, gap] of batch.gaps.entries()) messages.push(event(gap, first + batch.count + i));
        // What comes after a gap must not stand before it.
        if (batch.gaps.length > 0) open.clear();
        last = first + batch.count + batch.gaps.length - 1;
      }
      const texts = messages.map((one) => (typeof one === 'string' ? one : `${one.head}{${one.fields.join(',')}}}`));
      const id = JSON.stringify(`${gateway}/${epoch}/${parts[0]?.first ?? 0}-${last}`);
      return Buffer.from(
        `{"MessageId":${id},"MessageType":"ua-data","PublisherId":${JSON.stringify(gateway)},"Messages":[${texts.join(',')}]}`,
      );
    },
  };
}

/** The value as OPC 10000-6 writes it: 64-bit integers are strings, and so are NaN and the infinities. */
function valueText(batch: Batch, i: number): string {
  const number = batch.number[i] as number;
  switch (batch.kind[i]) {
    case Kind.Number:
      return Number.isFinite(number) ? String(number) : `"${number}"`;
    case Kind.Float32:
      return Number.isFinite(number) ? shortFloat32(number) : `"${number}"`;
    case Kind.Boolean:
      return number === 0 ? 'false' : 'true';
    default:
      return JSON.stringify(plain(valueAt(batch, i)));
  }
}

function plain(value: Value): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, plain(member)]));
  }
  return value;
}

function dateTime(time: Timestamp): string {
  return beyond(time) ?? formatTime(time);
}

/** What stands for a time at or beyond the ends of the range. */
function beyond(time: Timestamp): string | undefined {
  if (time <= EARLIEST) return '0001-01-01T00:00:00Z';
  return time >= LATEST ? '9999-12-31T23:59:59Z' : undefined;
}
