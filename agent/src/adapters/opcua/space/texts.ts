// Texts in place of numbers, for the tags whose mapping asks for it (`enumText`): at the door of the adapter, so that
// values that were sent, polled or read from the history get them alike, and tags without pay nothing. Such a tag is a
// column of texts: a number that has none is sent as the text of the number. A Bad value stays none.

import { type Batch, Kind, type Value, valueAt } from '../../../model/batch.ts';
import { Fault } from '../../../model/fault.ts';
import type { Sink } from '../../adapter.ts';
import { pause } from '../../pause.ts';
import { courteously } from '../link/beside.ts';
import type { Calls, Limits } from '../link/calls.ts';
import type { Courtesy } from '../source/courtesy.ts';
import type { Item } from '../source/item.ts';
import { type Answer, readTexts, type Texts } from './enumerations.ts';

/** Longest that the first readings of a source wait for texts, ms. */
const PATIENCE = 15_000;

/** How often texts are asked for again at most, ms: a server may say with every value that they are others. */
const AGAIN = 5_000;
/** After how many failures this is not doubled any more. */
const DOUBLINGS = 6;

const STUMBLES = 'enumText: the server hangs up or fails when it is asked for its texts; its value is sent as it is';

/** StructureChanged and SemanticsChanged of a StatusCode (OPC 10000-4 section 7.39.1). */
const CHANGED = 0xc000;

export interface TextBook {
  /**
   * Asks for the texts of these items. Resolves when they are known, or the server does not say: then they stay as they were.
   * @param patient no reading waits for this
   */
  learn(items: readonly Item[], limits: Limits, server: Calls, patient: boolean): Promise<void>;
  /** Whether texts are known for the tag of this index. */
  has(tag: number): boolean;
  /** The tag is gone. */
  forget(item: Item): void;
  /** What passes it on has texts in place of numbers. */
  over(sink: Sink): Sink;
  /** These may have other texts by now. */
  doubt(items: readonly Item[]): void;
  /** Has the texts that are in doubt learned again, until the signal aborts. */
  keep(
    items: () => readonly Item[],
    again: (items: readonly Item[]) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void>;
}

/** @param note told of a tag whose texts cannot be had; undefined: they can */
export function textBook(note: (tag: string, reason: string | undefined) => void, courtesy: Courtesy): TextBook {
  const known = new Map<number, Texts>();
  const doubted = new Set<number>();
  let wake: () => void = () => {};

  const doubt = (tag: number) => {
    doubted.add(tag);
    wake();
  };

  async function ask(items: readonly Item[], limits: Limits, server: Calls, patient: boolean): Promise<void> {
    const answers = await readTexts(items, limits, server, courteously(courtesy, server, patient));
    for (const [i, { tag }] of items.entries()) {
      const answer = answers[i] ?? {};
      const without = leftOut(tag.name, answer);
      // The server may hold the same still: it was not asked.
      if (answer.texts !== undefined) known.set(tag.index, answer.texts);
      else if (!without) known.delete(tag.index);
      const reason = known.has(tag.index) ? undefined : without ? STUMBLES : answer.reason;
      note(tag.name, tag.enumText === 'wanted' ? reason : undefined);
      if (without && !patient && courtesy.waiting) doubt(tag.index);
    }
  }

  /** Whether texts lack because the server was not asked for everything. */
  const leftOut = (name: string, { texts, type }: Answer) =>
    texts === undefined &&
    [name, ...(type === undefined ? [] : [type])].some((of) => courtesy.manner(of) !== 'together');

  async function learn(all: readonly Item[], limits: Limits, server: Calls, patient: boolean): Promise<void> {
    const items = all.filter(({ tag }) => tag.enumText !== undefined);
    if (items.length === 0) return;
    const late = Promise.withResolvers<string>();
    const giveUp = () => late.resolve(`the server did not say its texts in ${PATIENCE} ms`);
    const timer = patient ? undefined : setTimeout(giveUp, PATIENCE);
    const asked = ask(items, limits, server, patient).catch((error: unknown) => {
      // No reading is to be held up for a text; whether the link is broken others will tell.
      if (!(error instanceof Fault)) throw error;
      return `the server does not say its texts: ${error.message}`;
    });
    const failure = await Promise.race([asked, late.promise]).finally(() => clearTimeout(timer));
    if (failure === undefined) return;
    for (const { tag } of items) {
      if (!known.has(tag.index) && tag.enumText === 'wanted') note(tag.name, failure);
      doubt(tag.index);
    }
  }

  return {
    learn,
    has: (tag) => known.has(tag),
    forget({ tag }) {
      if (tag.enumText === undefined) return;
      known.delete(tag.index);
      doubted.delete(tag.index);
      note(tag.name, undefined);
    },
    over: (sink) => ({
      ...sink,
      deliver: (batch) => sink.deliver(known.size === 0 ? batch : withTexts(batch, known, doubt)),
    }),
    doubt(items) {
      for (const { tag } of items) if (tag.enumText !== undefined) doubt(tag.index);
    },
    async keep(items, again, signal) {
      for (let failures = 0; !signal.aborted; ) {
        if (doubted.size === 0) {
          const { promise, resolve } = Promise.withResolvers<void>();
          wake = resolve;
          signal.addEventListener('abort', wake);
          await promise;
          signal.removeEventListener('abort', wake);
          if (signal.aborted) return;
        }
        const asked = items().filter(({ tag }) => doubted.has(tag.index));
        doubted.clear();
        await again(asked);
        failures = asked.some(({ tag }) => doubted.has(tag.index)) ? Math.min(DOUBLINGS, failures + 1) : 0;
        await pause(AGAIN * 2 ** failures, signal);
      }
    },
  };
}

/** The batch with texts; its columns are written to. @param changed told of a tag whose status says that it means something else now */
export function withTexts(batch: Batch, known: ReadonlyMap<number, Texts>, changed: (tag: number) => void): Batch {
  let others: Value[] | undefined;
  for (let i = 0; i < batch.count; i++) {
    const tag = batch.tag[i] as number;
    const texts = known.get(tag);
    if (texts === undefined) continue;
    if (((batch.status[i] as number) & CHANGED) !== 0) changed(tag);
    if (batch.kind[i] === Kind.Null) continue;
    others ??= [...batch.others];
    batch.number[i] = others.push(textIn(valueAt(batch, i), texts)) - 1;
    batch.kind[i] = Kind.Other;
  }
  return others === undefined ? batch : { ...batch, others };
}

/** The text of a number or boolean; element by element in arrays; anything else is no number of an enumeration. */
function textIn(value: Value, texts: Texts): Value {
  if (Array.isArray(value)) return (value as readonly Value[]).map((element) => textIn(element, texts));
  if (typeof value === 'number' || typeof value === 'boolean') return texts.get(Number(value)) ?? String(value);
  return typeof value === 'bigint' ? String(value) : value;
}
