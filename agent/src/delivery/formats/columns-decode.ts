// Reads a body of format `columns` and gives the rows back, as `rows` would have written them: the other half of
// docs/columns.md, for tests, tools, and as a model for a consumer.

import type { Value } from '../../model/batch.ts';
import { isEventsTag } from '../../model/tag.ts';
import { formatTime, fromMillis, type Timestamp } from '../../model/time.ts';
import { fromWhole } from './decimal.ts';
import { joinName } from './name.ts';
import { severityOf } from './value.ts';

type Column<T> = T | readonly T[];

interface Family {
  readonly prefix: string;
  readonly suffix?: string;
  readonly unit?: string;
  readonly source: string;
  readonly decimals?: number;
}

interface Body {
  readonly gateway: string;
  readonly columns: number;
  readonly seq: number;
  readonly count: number;
  readonly tags: number;
  readonly families: readonly Family[];
  readonly family: Column<number>;
  readonly number: Column<number>;
  readonly statuses: readonly { readonly status: string; readonly statusCode?: number }[];
  readonly start: string | null;
  readonly step: number;
  readonly tag: Column<number>;
  readonly ts: Column<number | string>;
  readonly status: Column<number>;
  readonly value: readonly unknown[];
  readonly gaps: readonly ({ readonly seq: number } & Record<string, unknown>)[];
}

interface Tag {
  readonly name: string;
  readonly source: string;
  readonly unit?: string;
  readonly decimals?: number;
  last: number;
}

/** The rows of a body, in the order of their numbers. Throws on what is not `columns` of version 1. */
export function decodeColumns(body: Buffer): Record<string, unknown>[] {
  const message = JSON.parse(body.toString()) as Body;
  if (message.columns !== 1) throw new Error('not a body of format columns, version 1');
  const { gateway, seq, count, statuses, step, value: values, gaps } = message;
  const tags = tagsOf(message);
  const readings = count - gaps.length;
  const tagColumn = expand(message.tag, readings);
  const timeColumn = expand(message.ts, readings);
  const statusColumn = expand(message.status, readings);
  const found: Record<string, unknown>[] = [];
  let reading = 0;
  let gap = 0;
  let index = -1;
  let time = message.start === null ? 0 : parseTime(message.start);

  for (let number = seq; number < seq + count; number++) {
    const record = gaps[gap];
    if (record?.seq === number) {
      gap++;
      found.push({ gateway, ...record });
      continue;
    }
    index += tagColumn[reading] as number;
    const tag = tags[index] as Tag;
    const element = timeColumn[reading] as number | string;
    if (typeof element === 'number') time += element * step;
    let value = values[reading];
    if (typeof value === 'number' && tag.decimals !== undefined) {
      tag.last += value;
      value = fromWhole(tag.last, tag.decimals);
    }
    const ts = typeof element === 'string' ? element : formatTime(time);
    const at = reading++;
    if (isEventsTag(tag.name)) {
      const severity = severityOf(value as Value);
      found.push({
        gateway,
        source: tag.source,
        ts,
        ...(severity !== undefined && { severity }),
        event: value,
        seq: number,
      });
      continue;
    }
    const { status, statusCode } = statuses[statusColumn[at] as number] as Body['statuses'][number];
    found.push({
      gateway,
      tag: tag.name,
      ts,
      value,
      status,
      ...(statusCode !== undefined && { statusCode }),
      ...(tag.unit !== undefined && { unit: tag.unit }),
      seq: number,
    });
  }
  return found;
}

function tagsOf({ tags: size, families, family, number: numbers }: Body): Tag[] {
  const familyColumn = expand(family, size);
  const numberColumn = expand(numbers, size);
  const tags: Tag[] = [];
  let number = 0;
  for (const [i, index] of familyColumn.entries()) {
    number += numberColumn[i] as number;
    const { prefix, suffix, source, unit, decimals } = families[index] as Family;
    const name = joinName({ prefix, number, ...(suffix !== undefined && { suffix }) });
    tags.push({
      name,
      source,
      ...(unit !== undefined && { unit }),
      ...(decimals !== undefined && { decimals }),
      last: 0,
    });
  }
  return tags;
}

function expand<T>(column: Column<T>, length: number): readonly T[] {
  return Array.isArray(column) ? column : Array.from({ length }, () => column as T);
}

/** Milliseconds, and four digits more when there are seven. */
function parseTime(text: string): Timestamp {
  return fromMillis(Date.parse(`${text.slice(0, 23)}Z`), Number(text.slice(23, -1)));
}
