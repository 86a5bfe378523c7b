// Fills in what a tag leaves out: the defaults of its source, then those of the language. What is written on the
// tag wins; a default that cannot apply to the tag's type (compression of a string) is left out.

import type { ModbusAddress } from './address.ts';
import type { ModbusType, ResolvedModbusTag, ResolvedOpcUaTag } from './plant.ts';
import type { ByteOrder, Deadband, ModbusSource, ModbusTag, OpcUaSource, OpcUaTag } from './schema.ts';

const SECOND = 1_000;

export function resolveOpcUaTag(name: string, tag: OpcUaTag, defaults: OpcUaSource['defaults']): ResolvedOpcUaTag {
  return defined({
    name,
    node: tag.node,
    path: tag.path,
    sampling: tag.sampling ?? defaults.sampling ?? SECOND,
    ...basis(tag, defaults),
  });
}

export function resolveModbusTag(
  name: string,
  tag: ModbusTag,
  defaults: ModbusSource['defaults'],
  unit: number,
): ResolvedModbusTag {
  const type = typeOf(tag);
  return defined({
    name,
    address: tag.address,
    type,
    order: orderFor(type, tag.order ?? defaults.order ?? 'ABCD'),
    unitId: tag.unitId ?? defaults.unitId ?? unit,
    poll: tag.poll ?? defaults.poll ?? SECOND,
    ...basis(tag, isNumeric(type) ? defaults : numberless(defaults)),
  });
}

/** How a tag is read when it does not say so itself. */
export function typeOf(tag: { readonly type?: ModbusType | undefined; readonly address: ModbusAddress }): ModbusType {
  return tag.type ?? (isBit(tag.address) ? 'bool' : 'uint16');
}

export function isBit({ table, bit }: ModbusAddress): boolean {
  return bit !== undefined || table === 'coil' || table === 'discrete';
}

/** Whether values of the type are numbers, so that scaling and compression mean something. */
export function isNumeric(type: ModbusType): boolean {
  return type !== 'bool' && !type.startsWith('string');
}

const REGISTERS: Readonly<Record<string, number>> = {
  int32: 2,
  uint32: 2,
  float32: 2,
  bcd32: 2,
  int64: 4,
  uint64: 4,
  float64: 4,
};

/** Registers that a value of the type takes; a bit counts as one. */
export function registersOf(type: ModbusType): number {
  if (type.startsWith('string')) return Math.ceil(Number(type.slice(7, -1)) / 2);
  return REGISTERS[type] ?? 1;
}

const EIGHT: Readonly<Record<string, ByteOrder>> = {
  ABCD: 'ABCDEFGH',
  CDAB: 'GHEFCDAB',
  BADC: 'BADCFEHG',
  DCBA: 'HGFEDCBA',
};

/** The order as the type knows it: eight letters for eight bytes; for text only whether two bytes are swapped. */
function orderFor(type: ModbusType, order: ByteOrder): ByteOrder {
  const four = (Object.keys(EIGHT) as ByteOrder[]).find((key) => key === order || EIGHT[key] === order) ?? 'ABCD';
  if (registersOf(type) === 4 && isNumeric(type)) return EIGHT[four]!;
  if (type.startsWith('string')) return four === 'BADC' || four === 'DCBA' ? 'BADC' : 'ABCD';
  return four;
}

interface Basis {
  readonly unit?: string | undefined;
  readonly description?: string | undefined;
  readonly priority?: 'normal' | 'high' | undefined;
  readonly deadband?: Deadband | undefined;
  readonly range?: [number, number] | undefined;
  readonly heartbeat?: number | undefined;
  readonly swingingDoor?: number | undefined;
  readonly scale?: { from: [number, number]; to: [number, number] } | undefined;
}

type Defaults = Pick<Basis, 'priority' | 'deadband' | 'heartbeat' | 'swingingDoor'>;

function basis(tag: Basis, defaults: Defaults) {
  return {
    unit: tag.unit,
    description: tag.description,
    priority: tag.priority ?? defaults.priority ?? ('normal' as const),
    // Two ways to thin out one signal would add their errors: the one on the tag replaces the one of the source.
    deadband: tag.deadband ?? (tag.swingingDoor === undefined ? defaults.deadband : undefined),
    swingingDoor: tag.swingingDoor ?? (tag.deadband === undefined ? defaults.swingingDoor : undefined),
    range: rangeOf(tag),
    heartbeat: tag.heartbeat ?? defaults.heartbeat,
    scale: tag.scale,
  };
}

/** The range of the signal: as written, else what the scaling leads to. */
export function rangeOf(tag: Pick<Basis, 'range' | 'scale'>): readonly [number, number] | undefined {
  if (tag.range !== undefined || tag.scale === undefined) return tag.range;
  const [a, b] = tag.scale.to;
  return a < b ? [a, b] : [b, a];
}

/** The defaults for a signal that is no number: any deadband means "when it changes". */
function numberless(defaults: ModbusSource['defaults']): Defaults {
  return {
    priority: defaults.priority,
    heartbeat: defaults.heartbeat,
    deadband: defaults.deadband === undefined ? undefined : { kind: 'absolute', size: 0 },
  };
}

type Defined<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};

/** Without the keys that hold undefined: a resolved tag has a key or has it not. */
function defined<T extends object>(tag: T): Defined<T> {
  const result: Record<string, unknown> = {};
  for (const key in tag) if (tag[key] !== undefined) result[key] = tag[key];
  return result as Defined<T>;
}
