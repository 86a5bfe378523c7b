// The process behind the tags, as a pure function: the same seed, signal, time and number of updates give the same
// value, in any order of asking. OPC UA and Modbus both read it. Nothing is integrated step by step: setpoint changes
// with lag, drifts and tank levels are written in closed form, so that a value costs a few operations at any time.

import type { Signal } from './signals.ts';

export type PlantValue = number | bigint | boolean | string;

/** Time constants of the plant, ms. A setpoint stays until every lag after it has died away (e^-20). */
const SETPOINT_EVERY = 300_000;
const LAG = 15_000;
const SLOW = 1_800_000;
const FAST = 240_000;
const TANK = 3_600_000;
const STATE_EVERY = 60_000;
const BATCH_EVERY = 600_000;
const FLAW_EVERY = 120_000;
const FLAW_LASTS = 10_000;
const TURN = 2 * Math.PI;

const MODES = ['NORMAL', 'RAMP UP', 'TURNDOWN', 'CIRCULATION'] as const;

export interface Plant {
  /**
   * The value of a signal at `time` (ms since 1970) after `updates` updates; only counters and ramps look at the
   * latter. Numbers are in engineering units, quantised as the transmitter does; `element` picks from an array.
   */
  value(signal: Signal, time: number, updates: number, element?: number): PlantValue;
  /** When the instrument last measured well, ms: `time` itself, or earlier during one of its flaws. */
  lastGood(signal: Signal, time: number): number;
}

export function plant(seed: number): Plant {
  return {
    value(signal, time, updates, element = 0) {
      const s = mix(seed, signal.loop * 64 + element);
      switch (signal.process) {
        case 'controlled':
          return within(signal, lagged(s, time) + noise(s, time, 0.002));
        case 'setpoint':
          return within(signal, setpoint(s, period(s, time)));
        case 'valve':
          // The valve leads the flow: it overshoots the new setpoint, then settles.
          return within(signal, 1.2 * setpoint(s, period(s, time)) - 0.2 * lagged(s, time));
        case 'drift':
          return within(signal, drift(s, time) + noise(s, time, 0.0005));
        case 'level':
          return within(signal, 0.5 + 0.35 * Math.sin((TURN * (time % TANK)) / TANK + phase(s)));
        case 'netflow':
          // What fills the tank is the derivative of its level; full scale is the steepest rise.
          return within(signal, 0.5 + 0.35 * Math.cos((TURN * (time % TANK)) / TANK + phase(s)));
        case 'state':
          return share(s, Math.floor(time / STATE_EVERY)) < 0.8;
        case 'counter':
          return updates;
        case 'mode':
          return MODES[Math.floor(share(s, Math.floor(time / BATCH_EVERY)) * MODES.length)]!;
        case 'batch':
          return batch(signal, Math.floor(time / BATCH_EVERY));
        case 'clock':
          return Math.floor(time / BATCH_EVERY) * BATCH_EVERY;
        case 'ramp':
          return ramp(signal, updates + element);
      }
    },
    lastGood(signal, time) {
      if (signal.flaw === undefined) return time;
      const since = (time + Math.floor(share(mix(seed, signal.loop), 1) * FLAW_EVERY)) % FLAW_EVERY;
      return since < FLAW_LASTS ? time - since - 1 : time;
    },
  };
}

// --- processes, all in shares of the range: 0 is its low end, 1 its high end -----------------------------------------

const phase = (s: number) => share(s, 7) * TURN;

/** How many setpoint changes there were; every loop has its own moments. */
const period = (s: number, time: number) => Math.floor(time / SETPOINT_EVERY + share(s, 3));

const setpoint = (s: number, k: number) => 0.2 + 0.6 * share(s, k);

/** A first-order lag behind the setpoint. */
function lagged(s: number, time: number): number {
  const shifted = time / SETPOINT_EVERY + share(s, 3);
  const k = Math.floor(shifted);
  const now = setpoint(s, k);
  return now + (setpoint(s, k - 1) - now) * Math.exp((-(shifted - k) * SETPOINT_EVERY) / LAG);
}

function drift(s: number, time: number): number {
  const p = phase(s);
  const middle = 0.3 + 0.4 * share(s, 5);
  return (
    middle + 0.15 * Math.sin((TURN * (time % SLOW)) / SLOW + p) + 0.02 * Math.sin((TURN * (time % FAST)) / FAST - p)
  );
}

/** White noise that changes ten times a second, up to `size` either side. */
const noise = (s: number, time: number, size: number) => (share(s, Math.floor(time / 100)) - 0.5) * 2 * size;

/** Share of the range → engineering units, within the range, in steps of 0.01 like a transmitter. */
function within(signal: Signal, value: number): number {
  const [low, high] = signal.range ?? [0, 100];
  const clamped = Math.max(0, Math.min(value, 1));
  return Math.round((low + clamped * (high - low)) * 100) / 100;
}

const WIDTH: Partial<Record<Signal['type'], readonly [bigint, bigint]>> = {
  SByte: [-128n, 256n],
  Byte: [0n, 256n],
  Int16: [-32_768n, 65_536n],
  UInt16: [0n, 65_536n],
  Int32: [-2_147_483_648n, 4_294_967_296n],
  UInt32: [0n, 4_294_967_296n],
  Int64: [-9_223_372_036_854_775_808n, 1n << 64n],
  UInt64: [0n, 1n << 64n],
};

/** Walks through the whole width of an integer type, both ends included, and begins again. */
function ramp(signal: Signal, n: number): PlantValue {
  const width = WIDTH[signal.type];
  if (!width) return signal.type === 'Float' ? (n % 20_000) / 100 : n / 1_000;
  const [low, size] = width;
  const step = size / 255n > 0n ? size / 255n : 1n;
  const value = n % 256 === 255 ? low + size - 1n : low + BigInt(n % 256) * step;
  return signal.type === 'Int64' || signal.type === 'UInt64' ? value : Number(value);
}

function batch(signal: Signal, n: number): string {
  if (signal.type === 'Guid') return `20000000-0000-4000-8000-${(n % 0xffffffff).toString(16).padStart(12, '0')}`;
  return `CDU1-${String(n % 1_000_000).padStart(6, '0')}`;
}

// --- chance ---------------------------------------------------------------------------------------------------------

/** An integer hash of two integers (finaliser of MurmurHash3). */
function mix(a: number, b: number): number {
  let h = Math.imul(a ^ 0x9e3779b1, 0x85ebca6b) ^ Math.imul(b, 0xc2b2ae35);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) | 0;
}

/** A random share, 0 up to but not including 1: the n-th of sequence s. */
const share = (s: number, n: number) => (mix(s, n) >>> 0) / 4_294_967_296;
