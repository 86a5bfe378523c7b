// What conditioning knows of each tag, in columns indexed by slot: its rule, and the last reading that was sent. The
// hot path reads and writes numbers here and makes no object.

import type { Value } from '../model/batch.ts';
import { TICKS_PER_MS } from '../model/time.ts';
import { type Doors, doors, open } from './door.ts';
import type { Rule } from './rule.ts';
import { lineOf } from './scaling.ts';

export interface Columns {
  readonly slots: number;
  readonly flags: Uint8Array;
  readonly factor: Float64Array;
  readonly offset: Float64Array;
  /** Engineering units; NaN, which every change exceeds, while the range of a deadband in percent is not known. */
  readonly band: Float64Array;
  /** The share of a deadband in percent whose range the source must tell; NaN for all others. */
  readonly share: Float64Array;
  /** The range that the source told; NaN before. It outlives a change of the rule. */
  readonly low: Float64Array;
  readonly high: Float64Array;
  /** Where clamping begins, in engineering units. */
  readonly floor: Float64Array;
  readonly ceiling: Float64Array;
  /** Ticks without a sending after which something is due. */
  readonly patience: Float64Array;
  readonly door: Doors;
  /** The last reading sent. */
  readonly sent: Uint8Array;
  readonly sentTime: Float64Array;
  readonly sentStatus: Uint32Array;
  readonly sentKind: Uint8Array;
  readonly sentNumber: Float64Array;
  readonly sentOther: Map<number, Value>;
  /** When it was sent, by the gateway's clock. */
  readonly sentAt: Float64Array;
}

export const SCALE = 1;
export const DEADBAND = 2;
export const DOOR = 4;
export const HEARTBEAT = 8;
export const CLAMP = 16;

/** A door without a heartbeat shows what it holds after this long, in ms, so that a chart is never older. */
export const HOLD_MS = 60_000;

export function columns(slots: number): Columns {
  return {
    slots,
    flags: new Uint8Array(slots),
    factor: new Float64Array(slots),
    offset: new Float64Array(slots),
    band: new Float64Array(slots),
    share: new Float64Array(slots).fill(Number.NaN),
    low: new Float64Array(slots).fill(Number.NaN),
    high: new Float64Array(slots).fill(Number.NaN),
    floor: new Float64Array(slots),
    ceiling: new Float64Array(slots),
    patience: new Float64Array(slots),
    door: doors(slots),
    sent: new Uint8Array(slots),
    sentTime: new Float64Array(slots),
    sentStatus: new Uint32Array(slots),
    sentKind: new Uint8Array(slots),
    sentNumber: new Float64Array(slots),
    sentOther: new Map(),
    sentAt: new Float64Array(slots),
  };
}

/** The same with room for more tags; `shift` slots are new in front of the old ones. */
export function grown(old: Columns, slots: number, shift: number): Columns {
  const wider = columns(slots);
  const copy = (to: object, from: object) => {
    for (const [key, column] of Object.entries(from)) {
      if (ArrayBuffer.isView(column)) (to as Record<string, Float64Array>)[key]!.set(column as Float64Array, shift);
    }
  };
  copy(wider, old);
  copy(wider.door, old.door);
  for (const [slot, value] of old.sentOther) wider.sentOther.set(slot + shift, value);
  return wider;
}

/** Writes a rule into a slot. What was last sent stays known. */
export function setRule(c: Columns, slot: number, rule: Rule): void {
  c.flags[slot] = flagsOf(rule);
  ({ factor: c.factor[slot], offset: c.offset[slot] } = rule.scale === undefined ? ONE : lineOf(rule.scale));
  [c.floor[slot], c.ceiling[slot]] = rule.clamp ?? [0, 0];
  c.band[slot] = 0;
  c.share[slot] = Number.NaN;
  if (rule.deadband?.kind === 'absolute') c.band[slot] = rule.deadband.size;
  if (rule.deadband?.kind === 'percent') {
    if (rule.range === undefined) c.share[slot] = rule.deadband.size;
    c.band[slot] = bandOf(rule.deadband.size, rule.range ?? [c.low[slot]!, c.high[slot]!]);
  }
  open(c.door, slot);
  c.door.error[slot] = rule.swingingDoor ?? 0;
  c.patience[slot] = (rule.heartbeat ?? HOLD_MS) * TICKS_PER_MS;
}

const ONE = { factor: 1, offset: 0 };

/** Forgets the rule of a slot and what was last sent. */
export function clearSlot(c: Columns, slot: number): void {
  c.flags[slot] = 0;
  c.sent[slot] = 0;
  c.sentOther.delete(slot);
  open(c.door, slot);
}

/** Takes the range that the source tells; it counts where the rule names none. */
export function tellRange(c: Columns, slot: number, range: readonly [number, number]): void {
  [c.low[slot], c.high[slot]] = range;
  if (!Number.isNaN(c.share[slot])) c.band[slot] = bandOf(c.share[slot]!, range);
}

/** Percent of a range in engineering units; NaN for a range that is none, so that every change passes. */
function bandOf(percent: number, [low, high]: readonly [number, number]): number {
  return high > low ? (percent / 100) * (high - low) : Number.NaN;
}

/** What a rule asks for; 0 for one that lets everything pass. */
export function flagsOf(rule: Rule): number {
  return (
    (rule.scale === undefined ? 0 : SCALE) |
    (rule.deadband === undefined ? 0 : DEADBAND) |
    (rule.swingingDoor === undefined ? 0 : DOOR) |
    (rule.heartbeat === undefined ? 0 : HEARTBEAT) |
    (rule.clamp === undefined ? 0 : CLAMP)
  );
}
