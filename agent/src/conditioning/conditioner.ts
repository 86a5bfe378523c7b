// Conditioning: decides which readings are worth sending, tag by tag: scaling, deadband, swinging door, heartbeat.
// Promises: no I/O and no clock of its own; a tag without a rule passes untouched; a change of status always passes;
// the reference of a deadband is the last value sent, so that a slow drift cannot hide; what is withheld is counted.
// The hot path makes no object per reading: state is in columns, indexed by tag.

import { type Batch, BatchBuilder, gapBatch, Kind, type Value } from '../model/batch.ts';
import { isBad } from '../model/status.ts';
import { TICKS_PER_MS, type Timestamp } from '../model/time.ts';
import { unchanged, withinBand } from './change.ts';
import { doors, hold, open, swings } from './door.ts';
import type { Rule } from './rule.ts';
import { lineOf, scaled } from './scaling.ts';

export type { Rule };

export interface Conditioner {
  /**
   * The readings to send: the very same batch when all of them are to be sent as they are. A reading that a swinging
   * door held back earlier comes before the one that ended its line. Gap records always pass.
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
  /** What swinging doors still hold, before the gateway stops. */
  flush(): Batch | undefined;
  /** Readings that were received and will never be sent, since the start. */
  readonly withheld: number;
}

/** A door without a heartbeat shows what it holds after this long, so that a chart is never older. */
export const HOLD_MS = 60_000;

const SCALE = 1;
const DEADBAND = 2;
const DOOR = 4;
const HEARTBEAT = 8;

type Verdict = typeof SEND | typeof WITHHOLD | typeof HOLD;
const SEND = 0;
const WITHHOLD = 1;
const HOLD = 2;

/** @param rules one per tag; tags without one pass */
export function conditioner(rules: Iterable<Rule>): Conditioner {
  const ruled = [...rules].filter((rule) => flagsOf(rule) !== 0);
  // Tags of one source are neighbours: columns begin at its first.
  const first = ruled.reduce((least, { tag }) => Math.min(least, tag), Number.POSITIVE_INFINITY);
  const slots = ruled.reduce((most, { tag }) => Math.max(most, tag - first + 1), 0);

  const flags = new Uint8Array(slots);
  const factor = new Float64Array(slots);
  const offset = new Float64Array(slots);
  /** Engineering units; NaN, which every change exceeds, while the range of a deadband in percent is not known. */
  const band = new Float64Array(slots);
  /** The share of a deadband in percent whose range the source must tell; NaN for all others. */
  const share = new Float64Array(slots).fill(Number.NaN);
  /** Ticks without a sending after which something is due. */
  const patience = new Float64Array(slots);
  const door = doors(slots);

  /** The last reading sent. */
  const sent = new Uint8Array(slots);
  const sentTime = new Float64Array(slots);
  const sentStatus = new Uint32Array(slots);
  const sentKind = new Uint8Array(slots);
  const sentNumber = new Float64Array(slots);
  const sentOther = new Map<number, Value>();
  /** When it was sent, by the clock of `now`. */
  const sentAt = new Float64Array(slots);

  for (const rule of ruled) {
    const slot = rule.tag - first;
    flags[slot] = flagsOf(rule);
    if (rule.scale !== undefined) ({ factor: factor[slot], offset: offset[slot] } = lineOf(rule.scale));
    if (rule.deadband?.kind === 'absolute') band[slot] = rule.deadband.size;
    if (rule.deadband?.kind === 'percent') {
      band[slot] = Number.NaN;
      if (rule.range === undefined) share[slot] = rule.deadband.size;
      else band[slot] = bandOf(rule.deadband.size, rule.range);
    }
    if (rule.swingingDoor !== undefined) door.error[slot] = rule.swingingDoor;
    patience[slot] = (rule.heartbeat ?? HOLD_MS) * TICKS_PER_MS;
  }
  const watched = ruled.filter((rule) => flagsOf(rule) & (DOOR | HEARTBEAT)).map((rule) => rule.tag - first);

  const builder = new BatchBuilder();
  let withheld = 0;

  /** Sends what the door of a slot holds, if anything. */
  function release(slot: number): void {
    if (door.holds[slot] === 0) return;
    const time = door.heldTime[slot] as number;
    const number = door.heldNumber[slot] as number;
    const kind = door.heldKind[slot] as number;
    builder.push(first + slot, time, sentStatus[slot] as number, kind, number);
    sentTime[slot] = time;
    sentNumber[slot] = number;
    sentKind[slot] = kind;
    open(door, slot);
  }

  /** Whether a reading says what was last sent, within `limit`. Only for slots in which something was sent. */
  function says(slot: number, status: number, kind: number, number: number, other: Value, limit: number): boolean {
    if (status !== sentStatus[slot]) return false;
    const last = sentKind[slot] as number;
    if (isNumber(kind) && isNumber(last)) return withinBand(number, sentNumber[slot] as number, limit);
    if (kind === Kind.Null || kind === Kind.Boolean) return kind === last && number === sentNumber[slot];
    const before = last === Kind.Other ? sentOther.get(slot) : isNumber(last) ? (sentNumber[slot] as number) : null;
    return unchanged(kind === Kind.Other ? other : number, before ?? null, limit);
  }

  /** What becomes of a reading; a door has taken it already when the verdict says so. */
  function judge(slot: number, time: number, status: number, kind: number, number: number, other: Value): Verdict {
    const flag = flags[slot] as number;
    if (sent[slot] === 0) return SEND;
    if (flag & DEADBAND) return says(slot, status, kind, number, other, band[slot] as number) ? WITHHOLD : SEND;
    if ((flag & DOOR) === 0) return SEND;
    const held = door.holds[slot] === 1;
    if (!isNumber(kind) || !Number.isFinite(number)) {
      return !held && says(slot, status, kind, number, other, 0) ? WITHHOLD : SEND;
    }
    // A line runs between finite numbers of one status, forward in time.
    const last = sentNumber[slot] as number;
    if (status !== sentStatus[slot] || !isNumber(sentKind[slot] as number) || !Number.isFinite(last)) return SEND;
    const anchor = sentTime[slot] as number;
    if (time <= (held ? (door.heldTime[slot] as number) : anchor)) return SEND;
    if (!held) return HOLD;
    return swings(door, slot, anchor, last, time, number, kind) ? WITHHOLD : HOLD;
  }

  function remember(slot: number, time: number, status: number, kind: number, number: number, other: Value): void {
    if (kind === Kind.Other) sentOther.set(slot, other);
    else if (sentKind[slot] === Kind.Other) sentOther.delete(slot);
    sent[slot] = 1;
    sentTime[slot] = time;
    sentStatus[slot] = status;
    sentKind[slot] = kind;
    sentNumber[slot] = number;
  }

  function push(slot: number, time: number, status: number, kind: number, number: number, other: Value): void {
    if (kind === Kind.Other) builder.add(first + slot, time, status, other);
    else builder.push(first + slot, time, status, kind, number);
  }

  function takeIfAny(): Batch | undefined {
    return builder.count === 0 ? undefined : builder.take();
  }

  return {
    apply(batch, now) {
      const { count, others } = batch;
      // Nothing is built while readings pass as they are; at the first that does not, those before it are copied.
      let building = false;
      for (let i = 0; i < count; i++) {
        const slot = (batch.tag[i] as number) - first;
        const flag = slot >= 0 && slot < slots ? (flags[slot] as number) : 0;
        if (flag === 0) {
          if (building) builder.copy(batch, i);
          continue;
        }
        const time = batch.time[i] as number;
        const status = batch.status[i] as number;
        let kind = batch.kind[i] as number;
        let number = batch.number[i] as number;
        let other: Value = kind === Kind.Other ? (others[number] as Value) : null;
        let asItIs = true;
        if (flag & SCALE && !isBad(status) && (isNumber(kind) || kind === Kind.Other)) {
          const value = kind === Kind.Other ? scaled(other, factor[slot]!, offset[slot]!) : null;
          asItIs = value === other && kind === Kind.Other;
          if (kind !== Kind.Other) number = number * (factor[slot] as number) + (offset[slot] as number);
          else if (typeof value === 'number') number = value;
          else other = value;
          if (kind !== Kind.Other || typeof value === 'number') kind = Kind.Number;
        }
        const verdict = judge(slot, time, status, kind, number, other);
        if (verdict === SEND && asItIs && !building && door.holds[slot] === 0) {
          remember(slot, time, status, kind, number, other);
          sentAt[slot] = now;
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
        if (door.holds[slot] === 1) {
          release(slot);
          sentAt[slot] = now;
        }
        if (verdict === HOLD) {
          hold(door, slot, time, number, kind);
          continue;
        }
        push(slot, time, status, kind, number, other);
        remember(slot, time, status, kind, number, other);
        sentAt[slot] = now;
      }
      if (!building) return batch;
      if (builder.count === 0) return gapBatch(batch.gaps);
      const built = builder.take();
      return batch.gaps.length === 0 ? built : { ...built, gaps: batch.gaps };
    },

    due(now) {
      for (const slot of watched) {
        if (sent[slot] === 0) continue;
        // The clock was set back: waiting begins anew, or the heartbeat would stay away for as long as the step.
        if (now < (sentAt[slot] as number)) sentAt[slot] = now;
        if (now - (sentAt[slot] as number) < (patience[slot] as number)) continue;
        if (door.holds[slot] === 1) {
          release(slot);
        } else if ((flags[slot] as number) & HEARTBEAT) {
          // Never before the reading it repeats: the source's clock may run ahead of ours.
          const time = Math.max(now, sentTime[slot] as number);
          const other = sentOther.get(slot) ?? null;
          push(slot, time, sentStatus[slot] as number, sentKind[slot] as number, sentNumber[slot] as number, other);
          sentTime[slot] = time;
        }
        sentAt[slot] = now;
      }
      return takeIfAny();
    },

    describe(tag, { range }) {
      const slot = tag - first;
      if (range === undefined || !(slot >= 0 && slot < slots) || Number.isNaN(share[slot])) return;
      band[slot] = bandOf(share[slot] as number, range);
    },

    forget(tags) {
      for (const tag of tags) {
        const slot = tag - first;
        if (!(slot >= 0 && slot < slots)) continue;
        release(slot);
        sent[slot] = 0;
        sentOther.delete(slot);
      }
      return takeIfAny();
    },

    flush() {
      for (let slot = 0; slot < slots; slot++) release(slot);
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

/** Percent of a range in engineering units; NaN for a range that is none, so that every change passes. */
function bandOf(percent: number, [low, high]: readonly [number, number]): number {
  return high > low ? (percent / 100) * (high - low) : Number.NaN;
}

function flagsOf(rule: Rule): number {
  return (
    (rule.scale === undefined ? 0 : SCALE) |
    (rule.deadband === undefined ? 0 : DEADBAND) |
    (rule.swingingDoor === undefined ? 0 : DOOR) |
    (rule.heartbeat === undefined ? 0 : HEARTBEAT)
  );
}
