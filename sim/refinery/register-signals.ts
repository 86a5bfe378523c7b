// The Modbus tags of the refinery: the flare's PLC (unit 1) and the tank farm's gateway (units 1 to 4, the restless
// unit 9, and more units when many tags are asked for). The flare's first tags are those of the mapping language's
// example, at the same addresses.

import type { Table } from '../../agent/src/config/address.ts';
import type { RegisterOrder, RegisterType } from './register-codec.ts';
import { registersOf } from './register-codec.ts';
import type { Process, Signal, SignalType } from './signals.ts';

export interface RegisterSignal {
  readonly name: string;
  readonly unitId: number;
  readonly table: Table;
  readonly offset: number;
  /** One bit of the register. */
  readonly bit?: number;
  readonly type: RegisterType;
  readonly order?: RegisterOrder;
  /** Raw range that the engineering range is scaled to. */
  readonly raw?: readonly [number, number];
  /** Counts the reads of its registers instead of the updates: every poll sees the next number. */
  readonly reads?: true;
  /** What the plant knows of it: process, engineering unit, range. */
  readonly signal: Signal;
}

export type Site = 'flare' | 'tanks';

/** Dies now and then: no answer for some seconds. */
export const RESTLESS_UNIT = 9;
/** Holding register of every unit's count of reads, a uint32. */
export const READS_AT = 60;
/** Registers of a unit; a request beyond them is an illegal address. */
export const UNIT_SIZE = 20_000;

const PLANT_TYPE: Partial<Record<RegisterType, SignalType>> = {
  bool: 'Boolean',
  int16: 'Int16',
  uint16: 'UInt16',
  int32: 'Int32',
  uint32: 'UInt32',
  int64: 'Int64',
  uint64: 'UInt64',
  float32: 'Float',
  float64: 'Double',
  bcd16: 'UInt16',
  bcd32: 'UInt32',
};

interface Sketch {
  readonly process: Process;
  readonly reads?: true;
  readonly unit?: string;
  readonly range?: readonly [number, number];
  readonly bit?: number;
  readonly order?: RegisterOrder;
  readonly raw?: readonly [number, number];
}

function register(name: string, unitId: number, table: Table, offset: number, type: RegisterType, sketch: Sketch) {
  const { process, unit, range, ...rest } = sketch;
  const signal: Signal = {
    name,
    area: `Unit ${unitId}`,
    type: PLANT_TYPE[type] ?? 'String',
    process,
    loop: unitId * 100_000 + offset + (table === 'input' ? 50_000 : 0),
    ...(unit !== undefined && { unit }),
    ...(range && { range }),
  };
  return { name, unitId, table, offset, type, signal, ...rest } satisfies RegisterSignal;
}

/** Tags that a site always has; counters and the rest follow them. */
function always(site: Site): RegisterSignal[] {
  return site === 'flare' ? [...EXAMPLE, ...EVERY_TYPE] : [1, 2, 3, 4, RESTLESS_UNIT].flatMap(tank);
}

const EXAMPLE: readonly RegisterSignal[] = [
  register('70PT201', 1, 'holding', 10, 'float32', {
    process: 'controlled',
    unit: 'barg',
    range: [0, 4],
    order: 'CDAB',
  }),
  register('70LT310', 1, 'holding', 20, 'uint16', { process: 'level', unit: '%', range: [0, 100], raw: [0, 4095] }),
  register('70XV201.OPEN', 1, 'discrete', 4, 'bool', { process: 'state' }),
  register('70HS220.BIT3', 1, 'holding', 25, 'bool', { process: 'state', bit: 3 }),
];

/** A polled counter of updates misses one when two updates fall between two polls; a count of reads does not. */
const reads = (name: string, unit: number) =>
  register(name, unit, 'holding', READS_AT, 'uint32', { process: 'counter', reads: true });

const EVERY_TYPE: readonly RegisterSignal[] = [
  register('70HS220.BIT0', 1, 'holding', 25, 'bool', { process: 'state', bit: 0 }),
  register('70HS220.BIT15', 1, 'holding', 25, 'bool', { process: 'state', bit: 15 }),
  register('70HV230.OPEN', 1, 'coil', 0, 'bool', { process: 'state' }),
  register('70YT240.INT16', 1, 'input', 0, 'int16', { process: 'ramp' }),
  register('70YT241.UINT16', 1, 'input', 1, 'uint16', { process: 'ramp' }),
  register('70YT242.INT32', 1, 'input', 2, 'int32', { process: 'ramp' }),
  register('70YT243.UINT32', 1, 'input', 4, 'uint32', { process: 'ramp', order: 'CDAB' }),
  register('70YT244.INT64', 1, 'input', 6, 'int64', { process: 'ramp' }),
  register('70YT245.UINT64', 1, 'input', 10, 'uint64', { process: 'ramp', order: 'CDAB' }),
  register('70YT246.FLOAT32', 1, 'input', 14, 'float32', { process: 'ramp', order: 'DCBA' }),
  register('70YT247.FLOAT64', 1, 'input', 16, 'float64', { process: 'ramp', order: 'BADC' }),
  register('70YT248.BCD16', 1, 'input', 20, 'bcd16', { process: 'counter' }),
  register('70YT249.BCD32', 1, 'input', 21, 'bcd32', { process: 'counter' }),
  register('70YT250.TEXT', 1, 'input', 24, 'string(16)', { process: 'batch' }),
  reads('70KR101.READS', 1),
];

/** What the gauge of one tank tells. */
function tank(unit: number): RegisterSignal[] {
  const name = (kind: string) => `90${kind}${unit}01`;
  return [
    register(name('LT'), unit, 'holding', 0, 'float32', { process: 'level', unit: 'm', range: [0, 22], order: 'CDAB' }),
    register(name('TT'), unit, 'holding', 2, 'int16', {
      process: 'drift',
      unit: 'degC',
      range: [-20, 80],
      raw: [-200, 800],
    }),
    register(name('PT'), unit, 'holding', 3, 'uint16', {
      process: 'controlled',
      unit: 'mbar',
      range: [0, 50],
      raw: [0, 5000],
    }),
    register(name('FQ'), unit, 'holding', 4, 'uint32', { process: 'counter', unit: 'm3' }),
    register(name('WQ'), unit, 'holding', 6, 'int64', { process: 'counter', unit: 'kg' }),
    register(name('PRODUCT'), unit, 'holding', 10, 'string(20)', { process: 'mode' }),
    register(name('XV'), unit, 'discrete', 0, 'bool', { process: 'state' }),
    register(name('LSH'), unit, 'discrete', 1, 'bool', { process: 'state' }),
    reads(`${name('KR')}.READS`, unit),
  ];
}

const COUNTER_TYPES: readonly RegisterType[] = ['uint32', 'uint16', 'float64', 'uint64', 'bcd32', 'float32', 'int64'];

/**
 * `count` tags of a site, never fewer than the ones that are always there and one counter per type; `counters` is
 * the share of tags, 0..1, that count updates (70KQ001.COUNT, 90KQ001.COUNT…).
 */
export function registerSignals(site: Site, count: number, counters = 0.1): RegisterSignal[] {
  const list = always(site);
  const prefix = site === 'flare' ? '70' : '90';
  const wanted = Math.max(COUNTER_TYPES.length, Math.round(count * counters));
  const place = places(site, count);
  for (let i = 0; i < wanted; i++) {
    const type = COUNTER_TYPES[i % COUNTER_TYPES.length]!;
    const name = `${prefix}KQ${String(i + 1).padStart(3, '0')}.COUNT`;
    list.push(register(name, ...place('holding', type), { process: 'counter' }));
  }
  for (let i = 1001; list.length < count; i++) {
    const next = [
      register(`${prefix}PT${i}`, ...place('holding', 'float32'), {
        process: 'controlled',
        unit: 'barg',
        range: [0, 4],
      }),
      register(`${prefix}TT${i}`, ...place('input', 'int16'), {
        process: 'drift',
        unit: 'degC',
        range: [0, 400],
        raw: [0, 4000],
      }),
      register(`${prefix}FT${i}`, ...place('input', 'float32'), {
        process: 'controlled',
        unit: 't/h',
        range: [0, 60],
        order: 'CDAB',
      }),
      register(`${prefix}XS${i}`, ...place('discrete', 'bool'), { process: 'state' }),
    ];
    list.push(...next.slice(0, count - list.length));
  }
  return list;
}

/** Gives out free addresses, unit after unit in turn, from 100 on; what a site always has lies below. */
function places(site: Site, count: number) {
  const units = site === 'flare' ? [1] : [1, 2, 3, 4];
  while (units.length * 5_000 < count) units.push(10 + units.length);
  const used = new Map<string, number>();
  let turn = 0;
  return (table: Table, type: RegisterType): [number, Table, number, RegisterType] => {
    const unit = units[turn++ % units.length]!;
    const offset = used.get(`${unit} ${table}`) ?? 100;
    used.set(`${unit} ${table}`, offset + registersOf(type));
    return [unit, table, offset, type];
  };
}
