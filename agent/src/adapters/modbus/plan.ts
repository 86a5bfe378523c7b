// The read plan: which requests fetch all tags. Pure and deterministic. Per unit, table and poll interval it is the
// fewest requests, and among those the fewest registers; no value is ever torn over two requests (a value read in
// two halves may be one that never existed). What the device has shown that it refuses is planned around.

import type { ModbusAddress, Table } from '../../config/address.ts';
import type { ByteOrder } from '../../config/schema/modbus.ts';
import type { SunSpecPlace } from '../../config/sunspec.ts';
import { StatusCode } from '../../model/status.ts';
import { type Field, type Form, field, type Sentinels, sentinelsOf } from './decode.ts';

export interface ModbusTag extends Form {
  /** `Tag.index`. */
  readonly index: number;
  readonly name: string;
  readonly address: ModbusAddress;
  /** Type of the mapping language: `float32`, `string(12)`. */
  readonly type: string;
  readonly order: ByteOrder;
  readonly unitId: number;
  /** ms */
  readonly poll: number;
  /** Bits that mean "no value", as hexadecimal digits, or `NaN`. */
  readonly notImplemented?: readonly string[];
  /** Bits that mean that the sensor is broken, likewise. */
  readonly sensorFailure?: readonly string[];
  /** Address of the register that holds the value's power of ten; it comes with the value, in one request. */
  readonly exponent?: number;
  /** The address counts from the beginning of a SunSpec model, which is still to be found. */
  readonly sunspec?: SunSpecPlace;
}

export interface Limits {
  /** Most registers in one request, at most 125 (V1.1b3 section 6.3). */
  readonly maxRegisters: number;
  /** Most registers in a row that nobody asked for; for coils and discrete inputs as many times 16 bits. */
  readonly maxGap: number;
}

/** Most coils or discrete inputs in one request (V1.1b3 section 6.1). */
const MAX_BITS = 2_000;

/** One place in a table and the tags that are cut out of it; tags with the same place share it. */
export interface Cell {
  readonly start: number;
  /** First address behind it. */
  readonly end: number;
  readonly parts: readonly Part[];
}

export interface Part {
  /** Position of the tag in the list that was planned. */
  readonly slot: number;
  readonly tag: ModbusTag;
  readonly field: Field;
  /** Address of the value; its exponent may come before it. */
  readonly at: number;
  readonly exponent: number | undefined;
}

/** All tags of one unit, table and poll interval. Cells are sorted by start, then end. */
export interface Group {
  readonly unit: number;
  readonly table: Table;
  /** ms */
  readonly poll: number;
  readonly cells: readonly Cell[];
}

/** One read request and, in columns, what is cut out of its reply. */
export interface Request {
  readonly group: Group;
  readonly cells: readonly Cell[];
  readonly start: number;
  readonly quantity: number;
  /** Position of each tag in the list that was planned. */
  readonly slot: Uint32Array;
  /** `Tag.index` of each. */
  readonly tag: Uint32Array;
  /** `place`, `code` and `argument` of `decode`. */
  readonly place: Uint16Array;
  readonly code: Uint8Array;
  readonly argument: Uint16Array;
  /** What means that there is no value, by position; undefined when no tag of the request has any. */
  readonly sentinels: readonly (readonly Sentinels[])[] | undefined;
  /** Bytes at which the powers of ten stand, by position; undefined when no tag of the request has one. */
  readonly exponents: readonly (number | undefined)[] | undefined;
}

export interface Plan {
  readonly groups: readonly Group[];
  readonly requests: readonly Request[];
  /** Positions of tags that no request can ever fetch, and why. */
  readonly impossible: ReadonlyMap<number, string>;
}

/** What a device has shown that it refuses. */
export interface Obstacles {
  /** Cells that it does not have. */
  readonly refused: Pick<ReadonlySet<Cell>, 'has'>;
  /** Addresses where a request must not run from below to here: the place between two cells that it only gives apart. */
  readonly walls: ReadonlySet<number>;
}

export const NO_OBSTACLES: Obstacles = { refused: new Set(), walls: new Set() };

/** The plan for all tags of a source, or for those that are included. Positions that hold nothing are passed over. */
export function plan(
  tags: readonly (ModbusTag | undefined)[],
  limits: Limits,
  includes: (tag: ModbusTag, slot: number) => boolean = () => true,
): Plan {
  const impossible = new Map<number, string>();
  const groups = group(tags, limits, impossible, includes);
  const requests = groups.flatMap((each) => requestsOf(each, limits, NO_OBSTACLES));
  return { groups, requests, impossible };
}

/** The requests of one group: fewest requests, then fewest registers. Refused cells are in none of them. */
export function requestsOf(group: Group, limits: Limits, obstacles: Obstacles): readonly Request[] {
  const { most, gap } = limitsOf(group.table, limits);
  const requests: Request[] = [];
  for (const run of runs(group.cells, gap, obstacles)) {
    for (const cells of partition(run, most)) requests.push(request(group, cells));
  }
  return requests;
}

/** The request for these cells, which are neighbours in the order of their group. */
export function request(group: Group, cells: readonly Cell[]): Request {
  const start = cells[0]!.start;
  const parts = cells.flatMap((cell) => cell.parts);
  const bytes = isBits(group.table) ? 1 : 2;
  const sentinels = parts.map(({ tag: { notImplemented, sensorFailure } }) => [
    ...(notImplemented ? [sentinelsOf(notImplemented, StatusCode.BadNotSupported)] : []),
    ...(sensorFailure ? [sentinelsOf(sensorFailure, StatusCode.BadSensorFailure)] : []),
  ]);
  const exponents = parts.map(({ exponent }) => (exponent === undefined ? undefined : (exponent - start) * bytes));
  return {
    group,
    cells,
    start,
    quantity: reach(cells) - start,
    slot: Uint32Array.from(parts, (part) => part.slot),
    tag: Uint32Array.from(parts, ({ tag }) => tag.index),
    place: Uint16Array.from(parts, (part) => (part.at - start) * bytes),
    code: Uint8Array.from(parts, (part) => part.field.code),
    argument: Uint16Array.from(parts, (part) => part.field.argument),
    sentinels: sentinels.some((each) => each.length > 0) ? sentinels : undefined,
    exponents: exponents.some((each) => each !== undefined) ? exponents : undefined,
  };
}

/** Addresses of the cells that somebody asked for, each counted once. */
export function askedOf(cells: readonly Cell[]): number {
  let asked = 0;
  let end = 0;
  for (const cell of cells) {
    asked += Math.max(0, cell.end - Math.max(end, cell.start));
    end = Math.max(end, cell.end);
  }
  return asked;
}

/** Whether the table holds single bits. */
export function isBits(table: Table): boolean {
  return table === 'coil' || table === 'discrete';
}

function limitsOf(table: Table, limits: Limits): { most: number; gap: number } {
  return isBits(table)
    ? { most: MAX_BITS, gap: limits.maxGap * 16 }
    : { most: Math.min(125, limits.maxRegisters), gap: limits.maxGap };
}

function group(
  tags: readonly (ModbusTag | undefined)[],
  limits: Limits,
  impossible: Map<number, string>,
  includes: (tag: ModbusTag, slot: number) => boolean,
): Group[] {
  const groups = new Map<string, { unit: number; table: Table; poll: number; cells: Map<string, Cell> }>();
  tags.forEach((tag, slot) => {
    if (tag === undefined || !includes(tag, slot)) return;
    const { table, offset } = tag.address;
    const cut = field(tag.type, tag.order, tag.address, tag);
    const problem = typeof cut === 'string' ? cut : misfit(cut, tag, limitsOf(table, limits).most);
    if (typeof cut === 'string' || problem !== undefined) {
      impossible.set(slot, problem as string);
      return;
    }
    const key = `${tag.unitId} ${table} ${tag.poll}`;
    let into = groups.get(key);
    if (!into) {
      into = { unit: tag.unitId, table, poll: tag.poll, cells: new Map() };
      groups.set(key, into);
    }
    const { exponent } = tag;
    const { start, end } = spanOf(cut, tag);
    const place = `${start} ${end}`;
    const known = into.cells.get(place);
    into.cells.set(place, {
      start,
      end,
      parts: [...(known?.parts ?? []), { slot, tag, field: cut, at: offset, exponent }],
    });
  });
  return [...groups.values()].map(({ unit, table, poll, cells }) => ({
    unit,
    table,
    poll,
    cells: [...cells.values()].sort(byPlace),
  }));
}

/** The order of cells in a group. */
export function byPlace(a: Cell, b: Cell): number {
  return a.start - b.start || a.end - b.end;
}

/** The addresses of a value and its exponent: the first, and the first behind them. */
function spanOf(
  { width }: Field,
  { address: { offset }, exponent = offset }: ModbusTag,
): { start: number; end: number } {
  return { start: Math.min(offset, exponent), end: Math.max(offset + width, exponent + 1) };
}

function misfit(cut: Field, tag: ModbusTag, most: number): string | undefined {
  const { type } = tag;
  const { start, end } = spanOf(cut, tag);
  if (cut.width > most) return `${type} fills ${cut.width} registers, and one request may read ${most}`;
  if (end - start > most) {
    return `${type} and its exponent take a request of ${end - start} registers, and one may read ${most}`;
  }
  if (end > 65_536) return `${type} at ${tag.address.offset} runs past the last address, 65535`;
  return undefined;
}

function reach(cells: readonly Cell[]): number {
  return cells.reduce((end, cell) => Math.max(end, cell.end), 0);
}

/** Stretches of cells that may share a request as far as holes and obstacles go. */
function runs(cells: readonly Cell[], gap: number, { refused, walls }: Obstacles): Cell[][] {
  const found: Cell[][] = [];
  let end = Number.NEGATIVE_INFINITY;
  for (const cell of cells) {
    if (refused.has(cell)) {
      end = Number.NEGATIVE_INFINITY;
      continue;
    }
    if (cell.start - end > gap || walls.has(cell.start)) {
      found.push([]);
      end = cell.end;
    }
    found.at(-1)!.push(cell);
    end = Math.max(end, cell.end);
  }
  return found;
}

/**
 * Cuts sorted cells into the fewest stretches that each span at most `most` addresses, with the fewest addresses.
 * Cutting the sorted list is enough: where two requests overlap, every cell of the first that begins behind the
 * begin of a cell of the second lies within that one, so it can move over and neither grows.
 */
function partition(cells: readonly Cell[], most: number): Cell[][] {
  const count = cells.length;
  // best[i]: the cheapest way to fetch the first i cells; from[i]: where its last request begins.
  const requests = new Uint32Array(count + 1);
  const addresses = new Float64Array(count + 1);
  const from = new Uint32Array(count + 1);
  for (let i = 1; i <= count; i++) {
    requests[i] = 0xffffffff;
    let end = 0;
    for (let j = i - 1; j >= 0; j--) {
      const start = cells[j]!.start;
      end = Math.max(end, cells[j]!.end);
      if (end - start > most) break;
      const r = requests[j]! + 1;
      const a = addresses[j]! + end - start;
      if (r < requests[i]! || (r === requests[i]! && a < addresses[i]!)) {
        requests[i] = r;
        addresses[i] = a;
        from[i] = j;
      }
    }
  }
  const stretches: Cell[][] = [];
  for (let i = count; i > 0; i = from[i]!) stretches.unshift(cells.slice(from[i]!, i));
  return stretches;
}
