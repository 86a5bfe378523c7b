// The tags that cannot be read, and why: each gets a Bad reading once for every reason, stands in the source's trouble
// as long as it lasts, and is tried again ever more seldom, for a PLC may be loaded with the missing block tomorrow.

import { BatchBuilder } from '../../../model/batch.ts';
import { StatusCode, statusName } from '../../../model/status.ts';
import { now } from '../../../model/time.ts';
import type { Sink } from '../../adapter.ts';
import type { OpcUaTag } from './options.ts';
import type { Roster } from './roster.ts';

export interface Unreadable {
  /**
   * A tag (by its position) has no readings, for this reason; said once as long as the reason stays.
   * @param told its Bad reading has been delivered already
   */
  set(position: number, status: number, reason: string, told?: boolean): void;
  /** The tag can be read after all. */
  clear(position: number): void;
  /** Something that concerns more than one tag, under a key of its own; undefined: it is over. */
  note(key: string, text: string | undefined): void;
  /** The tags that have no readings. */
  readonly positions: readonly number[];
  /** A new link: all is said again. @param all the tags are looked for anew */
  renew(all: boolean): void;
  /** Delivers the Bad readings that are due and tells all trouble. */
  tell(sink: Sink): void;
}

export function unreadable({ tags }: Roster): Unreadable {
  const reasons = new Map<number, { status: number; reason: string }>();
  const notes = new Map<string, string>();
  let due: number[] = [];
  /** The mapping may have lost a tag since. */
  const present = () => {
    for (const position of reasons.keys()) if (tags[position] === undefined) reasons.delete(position);
  };

  return {
    set(position, status, reason, told = false) {
      const before = reasons.get(position);
      reasons.set(position, { status, reason });
      if (before?.status !== status && !told) due.push(position);
    },
    clear(position) {
      reasons.delete(position);
    },
    note(key, text) {
      if (text === undefined) notes.delete(key);
      else notes.set(key, text);
    },
    renew(all) {
      if (all) {
        reasons.clear();
        notes.clear();
      }
      due = [...reasons.keys()];
    },
    get positions() {
      present();
      return [...reasons.keys()];
    },
    tell(sink) {
      present();
      const builder = new BatchBuilder(due.length);
      const time = now();
      for (const position of due) {
        const reason = reasons.get(position);
        if (reason) builder.add((tags[position] as OpcUaTag).index, time, reason.status, null);
      }
      due = [];
      if (builder.count > 0) sink.deliver(builder.take());
      const trouble = new Map(notes);
      for (const [position, { reason }] of reasons) trouble.set((tags[position] as OpcUaTag).name, reason);
      sink.trouble(trouble);
    },
  };
}

/** What is said of a tag whose item the server refused. */
export const refusal = (status: number) =>
  `${statusName(status)}: the server does not monitor this node${HINTS.get((status & 0xffff_0000) >>> 0) ?? ''}`;

/** What to do about it, where that is known. */
const HINTS: ReadonlyMap<number, string> = new Map([
  [StatusCode.BadTooManyMonitoredItems, '; it has no room for more: "mode: poll" for some of its tags makes room'],
  [StatusCode.BadAttributeIdInvalid, '; it is no variable: give the node of a value'],
  [StatusCode.BadUserAccessDenied, '; may the user of the source read it?'],
  [StatusCode.BadNotReadable, '; its access level has no reading'],
]);

/** Waits between the tries: ×2 each time, up to 20 times the first. @param attempt 1 is the first */
export const patience = (first: number, attempt: number) => Math.min(20 * first, first * 2 ** (attempt - 1));

const UNREADABLE: readonly number[] = [
  StatusCode.BadNodeIdUnknown,
  StatusCode.BadNodeIdInvalid,
  StatusCode.BadAttributeIdInvalid,
  StatusCode.BadNotReadable,
  StatusCode.BadUserAccessDenied,
];

/** Whether the node itself cannot be read, which is no statement about its value. */
export const isUnreadable = (status: number) => UNREADABLE.includes((status & 0xffff_0000) >>> 0);
