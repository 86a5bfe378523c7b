// The format `rows`: JSON Lines, one flat object per reading, so that Azure Data Explorer, Fabric or Spark take it
// with no code. docs/messages.md is its specification. Rows are put together as text: what never changes of a tag
// is made once, and a reading costs one concatenation.

import { type Batch, valueAt } from '../../model/batch.ts';
import { infoBits, statusName } from '../../model/status.ts';
import { isEventsTag } from '../../model/tag.ts';
import type { Numbered } from '../queue.ts';
import type { Format, TagOf } from './format.ts';
import { gapFields } from './gap.ts';
import { TimeText } from './time-text.ts';
import { severityOf, statusBeside, valueText } from './value.ts';

/** Servers may send any status; the texts of so many are kept. */
const MAX_STATUSES = 1_000;

/**
 * @param gateway the name in every row, @param tagOf resolves the tag column
 * @param epoch for hubs that keep bodies without their properties: stands in the first row of every message
 */
export function rows(gateway: string, tagOf: TagOf, epoch?: string): Format {
  const heads: string[] = [];
  const tails: string[] = [];
  /** Rows of tags that hold events begin with this. */
  const eventHeads: string[] = [];
  const gapHead = `{"gateway":${JSON.stringify(gateway)},`;
  const epochTail = `,"epoch":${JSON.stringify(epoch)}}\n`;
  const times = new TimeText();
  const statuses = new Map<number, string>();

  function learn(id: number): void {
    const { name, source, unit } = tagOf(id);
    if (isEventsTag(name)) eventHeads[id] = `${gapHead}"source":${JSON.stringify(source)},"ts":"`;
    heads[id] = `{"gateway":${JSON.stringify(gateway)},"tag":${JSON.stringify(name)},"ts":"`;
    tails[id] = unit === undefined ? '' : `"unit":${JSON.stringify(unit)},`;
  }

  function statusText(status: number): string {
    let text = statuses.get(status);
    if (text === undefined) {
      const bits = infoBits(status);
      text = `,"status":"${statusName(status)}",${bits === 0 ? '' : `"statusCode":${status},`}`;
      if (statuses.size >= MAX_STATUSES) statuses.clear();
      statuses.set(status, text);
    }
    return text;
  }

  function row(batch: Batch, i: number, seq: number): string {
    const id = batch.tag[i] as number;
    if (heads[id] === undefined) learn(id);
    if (eventHeads[id] !== undefined) return eventRow(eventHeads[id], batch, i, seq);
    const value = valueText(batch, i);
    const status = statusBeside(value, batch, i);
    return `${heads[id]}${times.of(batch.time[i] as number)}","value":${value}${statusText(status)}${tails[id]}"seq":${seq}}\n`;
  }

  function eventRow(head: string, batch: Batch, i: number, seq: number): string {
    const severity = severityOf(valueAt(batch, i));
    const text = severity === undefined ? '' : `"severity":${severity},`;
    return `${head}${times.of(batch.time[i] as number)}",${text}"event":${valueText(batch, i)},"seq":${seq}}\n`;
  }

  return {
    name: 'rows',
    contentType: 'application/json',
    encode(parts: readonly Numbered[]): Buffer {
      const lines: string[] = [];
      for (const { first, batch } of parts) {
        for (let i = 0; i < batch.count; i++) lines.push(row(batch, i, first + i));
        for (const [i, gap] of batch.gaps.entries()) {
          lines.push(`${gapHead}${gapFields(gap, first + batch.count + i)}\n`);
        }
      }
      if (epoch !== undefined && lines[0] !== undefined) lines[0] = `${lines[0].slice(0, -2)}${epochTail}`;
      return Buffer.from(lines.join(''));
    },
  };
}
