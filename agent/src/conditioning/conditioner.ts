// Conditioning: decides which readings are worth sending, tag by tag: scaling, deadband, swinging door, heartbeat.
// Promises: no I/O and no clock of its own; a tag without a rule passes untouched; a change of status always passes;
// the reference of a deadband is the last value sent, so that a slow drift cannot hide; what is withheld is counted.
// The hot path makes no object per reading: state is in columns, indexed by tag.

import { type Batch, BatchBuilder, gapBatch, Kind, type Value, valueAt } from '../model/batch.ts';
import { isBad, LIMITED } from '../model/status.ts';
import type { Timestamp } from '../model/time.ts';
import { unchanged, withinBand } from './change.ts';
import {
  CLAMP,
  clearSlot,
  columns,
  DEADBAND,
  DOOR,
  flagsOf,
  grown,
  HEARTBEAT,
  SCALE,
  setRule,
  tellRange,
} from './columns.ts';
import { hold, open, swings } from './door.ts';
import type { Rule } from './rule.ts';
import { scaled } from './scaling.ts';

export type { Rule };

export interface Conditioner {
  /**
   * The readings to send: the very same batch when all of them are to be sent as they are. A reading that a swinging
   * door held back earlier comes before the one that ended its line. Gap records always pass, and so do readings of
   * the lane `backfill`, scaled.
   */
  apply(batch: Batch, now: Timestamp): Batch;
  /**
   * What has become due without a new reading, to be asked for about once a second. A heartbeat sends the last value
   * again, with its status, as of `now`; a point that a swinging door holds is sent as it is, in its stead.
   */
  due(now: Timestamp): Batch | undefined;
  /** What the source says of a tag: its range makes a deadband in percent work. A range of the rule wins over it. */
  describe(tag: number, facts: { readonly range?: readonly [number, number] }): void;
  /**
   * Forgets what was last sent, after a loss of the link: the next reading of each tag passes, and no heartbeat
   * repeats the old one. Returns what swinging doors still held: it was read, so it is sent.
   */
  forget(tags: Iterable<number>): Batch | undefined;
  /**
   * The mapping changed. `rules` are new or replace those of their tags, an empty one lifts it; `gone` are tags that
   * are not read any more. All other tags keep what was last sent. Returns what swinging doors of these tags held.
   */
  change(rules: readonly Rule[], gone: readonly number[]): Batch | undefined;
  /** What swinging doors still hold, before the gateway stops. */
  flush(): Batch | undefined;
  /** Readings that were received and will never be sent, since the start. */
  readonly withheld: number;
}

type Verdict = typeof SEND | typeof WITHHOLD | typeof HOLD;
const SEND = 0;
const WITHHOLD = 1;
const HOLD = 2;

/** @param rules one per tag; tags without one pass */
export function conditioner(rules: Iterable<Rule>): Conditioner {
  /** Tags of one source are neighbours: columns begin at the lowest tag that has a rule. */
  let first = 0;
  let c = columns(0);
  /** Slots that may become due. */
  let watched: number[] = [];

  const builder = new BatchBuilder();
  let withheld = 0;

  /** Sends what the door of a slot holds, if anything. */
  function release(slot: number): void {
    if (c.door.holds[slot] === 0) return;
    const time = c.door.heldTime[slot] as number;
    const number = c.door.heldNumber[slot] as number;
    const kind = c.door.heldKind[slot] as number;
    builder.push(first + slot, time, c.sentStatus[slot] as number, kind, number);
    c.sentTime[slot] = time;
    c.sentNumber[slot] = number;
    c.sentKind[slot] = kind;
    open(c.door, slot);
  }

  /** Whether a reading says what was last sent, within `limit`. Only for slots in which something was sent. */
  function says(slot: number, status: number, kind: number, number: number, other: Value, limit: number): boolean {
    if (status !== c.sentStatus[slot]) return false;
    const last = c.sentKind[slot] as number;
    if (isNumber(kind) && isNumber(last)) return withinBand(number, c.sentNumber[slot] as number, limit);
    if (kind === Kind.Null || kind === Kind.Boolean) return kind === last && number === c.sentNumber[slot];
    const before = last === Kind.Other ? c.sentOther.get(slot) : isNumber(last) ? (c.sentNumber[slot] as number) : null;
    return unchanged(kind === Kind.Other ? other : number, before ?? null, limit);
  }

  /** What becomes of a reading; a door has taken it already when the verdict says so. */
  function judge(slot: number, time: number, status: number, kind: number, number: number, other: Value): Verdict {
    const flag = c.flags[slot] as number;
    if (c.sent[slot] === 0) return SEND;
    if (flag & DEADBAND) return says(slot, status, kind, number, other, c.band[slot] as number) ? WITHHOLD : SEND;
    if ((flag & DOOR) === 0) return SEND;
    const held = c.door.holds[slot] === 1;
    if (!isNumber(kind) || !Number.isFinite(number)) {
      return !held && says(slot, status, kind, number, other, 0) ? WITHHOLD : SEND;
    }
    // A line runs between finite numbers of one status, forward in time.
    const last = c.sentNumber[slot] as number;
    if (status !== c.sentStatus[slot] || !isNumber(c.sentKind[slot] as number) || !Number.isFinite(last)) return SEND;
    const anchor = c.sentTime[slot] as number;
    if (time <= (held ? (c.door.heldTime[slot] as number) : anchor)) return SEND;
    if (!held) return HOLD;
    return swings(c.door, slot, anchor, last, time, number, kind) ? WITHHOLD : HOLD;
  }

  function remember(slot: number, time: number, status: number, kind: number, number: number, other: Value): void {
    if (kind === Kind.Other) c.sentOther.set(slot, other);
    else if (c.sentKind[slot] === Kind.Other) c.sentOther.delete(slot);
    c.sent[slot] = 1;
    c.sentTime[slot] = time;
    c.sentStatus[slot] = status;
    c.sentKind[slot] = kind;
    c.sentNumber[slot] = number;
  }

  function push(slot: number, time: number, status: number, kind: number, number: number, other: Value): void {
    if (kind === Kind.Other) builder.add(first + slot, time, status, other);
    else builder.push(first + slot, time, status, kind, number);
  }

  /** Readings of the past are only scaled and clamped: what was sent of now is no measure of them. */
  function past(batch: Batch): Batch {
    const touched = new BatchBuilder(batch.count);
    for (let i = 0; i < batch.count; i++) {
      const slot = (batch.tag[i] as number) - first;
      const flag = (c.flags[slot] ?? 0) & (SCALE | CLAMP);
      let value = valueAt(batch, i);
      let status = batch.status[i] as number;
      // As `apply` has it: the value of a Bad reading is left alone.
      if (flag === 0 || value === null || typeof value === 'boolean' || isBad(status)) {
        touched.copy(batch, i);
        continue;
      }
      if (flag & SCALE) value = scaled(value, c.factor[slot] as number, c.offset[slot] as number);
      const floor = c.floor[slot] as number;
      const ceiling = c.ceiling[slot] as number;
      if (flag & CLAMP && typeof value === 'number' && (value < floor || value > ceiling)) {
        status = (status | (value < floor ? LIMITED.low : LIMITED.high)) >>> 0;
        value = value < floor ? floor : ceiling;
      } else if ((flag & SCALE) === 0) {
        touched.copy(batch, i);
        continue;
      }
      touched.add(batch.tag[i] as number, batch.time[i] as number, status, value);
    }
    return { ...touched.take(batch.stream), gaps: batch.gaps };
  }

  function takeIfAny(): Batch | undefined {
    return builder.count === 0 ? undefined : builder.take();
  }

  /** Makes room for tags that come before or after those known so far. */
  function cover(low: number, high: number): void {
    if (c.slots === 0) [first, c] = [low, columns(high - low + 1)];
    const from = Math.min(first, low);
    const slots = Math.max(first + c.slots, high + 1) - from;
    if (slots === c.slots) return;
    c = grown(c, slots, first - from);
    first = from;
  }

  function write(rules: readonly Rule[]): void {
    const ruled = rules.filter((rule) => flagsOf(rule) !== 0);
    if (ruled.length > 0) {
      cover(
        ruled.reduce((least, { tag }) => Math.min(least, tag), Number.POSITIVE_INFINITY),
        ruled.reduce((most, { tag }) => Math.max(most, tag), 0),
      );
    }
    for (const rule of rules) {
      const slot = rule.tag - first;
      if (slot < 0 || slot >= c.slots) continue;
      release(slot);
      if (flagsOf(rule) === 0) clearSlot(c, slot);
      else setRule(c, slot, rule);
    }
    watched = [...c.flags.keys()].filter((slot) => c.flags[slot]! & (DOOR | HEARTBEAT));
  }

  write([...rules]);

  return {
    change(rules, gone) {
      for (const tag of gone) {
        const slot = tag - first;
        if (slot < 0 || slot >= c.slots) continue;
        release(slot);
        clearSlot(c, slot);
      }
      write(rules);
      return takeIfAny();
    },

    apply(batch, now) {
      if (batch.stream === 'backfill') return past(batch);
      const { count, others } = batch;
      // Nothing is built while readings pass as they are; at the first that does not, those before it are copied.
      let building = false;
      for (let i = 0; i < count; i++) {
        const slot = (batch.tag[i] as number) - first;
        const flag = slot >= 0 && slot < c.slots ? (c.flags[slot] as number) : 0;
        if (flag === 0) {
          if (building) builder.copy(batch, i);
          continue;
        }
        const time = batch.time[i] as number;
        let status = batch.status[i] as number;
        let kind = batch.kind[i] as number;
        let number = batch.number[i] as number;
        let other: Value = kind === Kind.Other ? (others[number] as Value) : null;
        let asItIs = true;
        if (flag & SCALE && !isBad(status) && (isNumber(kind) || kind === Kind.Other)) {
          const value = kind === Kind.Other ? scaled(other, c.factor[slot]!, c.offset[slot]!) : null;
          asItIs = value === other && kind === Kind.Other;
          if (kind !== Kind.Other) number = number * (c.factor[slot] as number) + (c.offset[slot] as number);
          else if (typeof value === 'number') number = value;
          else other = value;
          if (kind !== Kind.Other || typeof value === 'number') kind = Kind.Number;
        }
        if (flag & CLAMP && isNumber(kind) && !isBad(status)) {
          const floor = c.floor[slot] as number;
          const ceiling = c.ceiling[slot] as number;
          if (number < floor || number > ceiling) {
            status = (status | (number < floor ? LIMITED.low : LIMITED.high)) >>> 0;
            number = number < floor ? floor : ceiling;
            kind = Kind.Number;
            asItIs = false;
          }
        }
        const verdict = judge(slot, time, status, kind, number, other);
        if (verdict === SEND && asItIs && !building && c.door.holds[slot] === 0) {
          remember(slot, time, status, kind, number, other);
          c.sentAt[slot] = now;
          continue;
        }
        if (!building) {
          for (let j = 0; j < i; j++) builder.copy(batch, j);
          building = true;
        }
        if (verdict === WITHHOLD) {
          withheld++;
          continue;
        }
        if (c.door.holds[slot] === 1) {
          release(slot);
          c.sentAt[slot] = now;
        }
        if (verdict === HOLD) {
          hold(c.door, slot, time, number, kind);
          continue;
        }
        push(slot, time, status, kind, number, other);
        remember(slot, time, status, kind, number, other);
        c.sentAt[slot] = now;
      }
      if (!building) return batch;
      if (builder.count === 0) return gapBatch(batch.gaps);
      const built = builder.take();
      return batch.gaps.length === 0 ? built : { ...built, gaps: batch.gaps };
    },

    due(now) {
      for (const slot of watched) {
        if (c.sent[slot] === 0) continue;
        // The clock was set back: waiting begins anew, or the heartbeat would stay away for as long as the step.
        if (now < (c.sentAt[slot] as number)) c.sentAt[slot] = now;
        if (now - (c.sentAt[slot] as number) < (c.patience[slot] as number)) continue;
        if (c.door.holds[slot] === 1) {
          release(slot);
        } else if ((c.flags[slot] as number) & HEARTBEAT) {
          // Never before the reading it repeats: the source's clock may run ahead of ours.
          const time = Math.max(now, c.sentTime[slot] as number);
          const other = c.sentOther.get(slot) ?? null;
          push(
            slot,
            time,
            c.sentStatus[slot] as number,
            c.sentKind[slot] as number,
            c.sentNumber[slot] as number,
            other,
          );
          c.sentTime[slot] = time;
        }
        c.sentAt[slot] = now;
      }
      return takeIfAny();
    },

    describe(tag, { range }) {
      const slot = tag - first;
      if (range !== undefined && slot >= 0 && slot < c.slots) tellRange(c, slot, range);
    },

    forget(tags) {
      for (const tag of tags) {
        const slot = tag - first;
        if (!(slot >= 0 && slot < c.slots)) continue;
        release(slot);
        c.sent[slot] = 0;
        c.sentOther.delete(slot);
      }
      return takeIfAny();
    },

    flush() {
      for (let slot = 0; slot < c.slots; slot++) release(slot);
      return takeIfAny();
    },

    get withheld() {
      return withheld;
    },
  };
}

function isNumber(kind: number): boolean {
  return kind === Kind.Number || kind === Kind.Float32;
}
