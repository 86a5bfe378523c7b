// What the check of a mapping knows of Modbus: tags and sources in themselves, and what fills in what they leave out.

import type { z } from 'zod';
import { formatAddress, LAST, type ModbusAddress } from '../address.ts';
import { checkClamp, checkDefaults, checkThinning, type Report } from '../checks.ts';
import type { ModbusType, ResolvedModbusTag } from '../plant.ts';
import { basis, defined, numberless, rangeOf } from '../resolve.ts';
import { type ByteOrder, type ModbusSource, type ModbusTag, modbusTag } from '../schema/modbus.ts';
import { sentinelBits } from '../sentinel.ts';
import { warnOfTags } from './modbus-warnings.ts';
import { type Fields, isFields, type Protocol } from './protocol.ts';
import { isBit, registersOf } from './registers.ts';

const SECOND = 1_000;

/** The Modbus protocol whose sources look like this. */
export function modbus(sourceSchema: z.ZodObject): Protocol<ModbusSource, ModbusTag> {
  return {
    sourceSchema,
    tagSchema: modbusTag,
    checkSource,
    checkTag,
    checkTags: warnOfTags,
    resolveTag: (name, tag, { defaults = {}, unit = 1 }) => resolveTag(name, tag, defaults, unit),
    resolveSource: (name, config, tags) => ({
      name,
      protocol: config.protocol,
      config,
      tags: tags as readonly ResolvedModbusTag[],
    }),
  };
}

/** Addresses of a serial line: 0 is for everybody, whom nobody answers, and 248 to 255 are reserved. */
const SERIAL_UNITS = 'on a serial line units go from 1 to 247, and nobody answers to 0';

function checkSource(_name: string, source: Fields, _today: Date, report: Report): void {
  const { defaults, profiles, protocol } = source;
  checkDefaults(defaults, report);
  if (isFields(defaults)) checkUnit('unitId', defaults.unitId, protocol, (path, part, message) => report(['defaults', ...path], part, message)); // biome-ignore format: one line
  if (!isFields(profiles)) return;
  for (const [name, use] of Object.entries(profiles)) {
    if (isFields(use)) checkUnit('unit', use.unit, protocol, (path, part, message) => report(['profiles', name, ...path], part, message)); // biome-ignore format: one line
  }
}

function checkUnit(key: 'unitId' | 'unit', unit: unknown, protocol: unknown, report: Report): void {
  const serial = protocol === 'modbus-rtu' || protocol === 'modbus-rtu-over-tcp';
  if (!serial || typeof unit !== 'number' || (unit >= 1 && unit <= 247)) return;
  report([key], 'value', `${key} is ${unit}: ${SERIAL_UNITS}`);
}

function checkTag(
  name: string,
  tag: ModbusTag,
  { protocol, defaults = {}, maxRegisters = 125 }: Partial<ModbusSource>,
  report: Report,
): void {
  const type = typeOf(tag);
  const place = formatAddress(tag.address);
  checkType(tag, report);
  checkUnit('unitId', tag.unitId, protocol, report);

  const registers = registersOf(type);
  const last = tag.address.offset + registers - 1;
  if (!isBit(tag.address) && last > LAST) {
    report(['address'], 'value', `${type} at ${place} ends at ${last}, beyond ${tag.address.table}:${LAST}`);
  }
  if (!isBit(tag.address) && registers > maxRegisters) {
    const message = `${type} takes ${registers} registers, and a request carries ${maxRegisters} (maxRegisters)`;
    report(['type'], 'value', message);
  }
  checkOrder(tag, report);

  if (!isNumeric(type)) {
    if (tag.scale !== undefined) report(['scale'], 'key', `scale is for numbers, and ${name} is ${type}`);
    if (tag.swingingDoor !== undefined) {
      report(['swingingDoor'], 'key', `swingingDoor is for numbers, and ${name} is ${type}`);
    }
    if (tag.deadband?.kind === 'percent') {
      report(
        ['deadband'],
        'value',
        `a deadband in percent is for numbers, and ${name} is ${type}: write 0 for every change`,
      );
    }
  } else if (rangeOf(tag) === undefined) {
    if (tag.deadband?.kind === 'percent') {
      report(
        ['deadband'],
        'value',
        `deadband is ${tag.deadband.size}% of the range: ${name} needs a range, like range: [0, 250]`,
      );
    } else if (tag.deadband === undefined && tag.swingingDoor === undefined && defaults.deadband?.kind === 'percent') {
      const share = defaults.deadband.size;
      report(
        [],
        'key',
        `${name} has the deadband ${share}% of its source's defaults and needs a range, like range: [0, 250]`,
      );
    }
  }
  checkThinning(tag, report);
  checkClamp(name, tag, report);
  checkForm(tag, report);
}

/** Sentinels, sign and encoding fit the type. */
function checkForm({ sign, encoding, ...tag }: ModbusTag, report: Report): void {
  const type = typeOf(tag);
  const known = new Map<string, string>();
  for (const key of ['notImplemented', 'sensorFailure'] as const) {
    for (const word of tag[key] ?? []) {
      const read = sentinelBits(word, type);
      if (typeof read === 'string') {
        report([key], 'value', `${key} ${read.startsWith('is ') ? '' : `is ${word}: `}${read}`);
      } else if ((known.get(read.bits) ?? key) === key) known.set(read.bits, key);
      else report([key], 'value', `${key} is ${word}, which is ${known.get(read.bits)} already`);
    }
  }
  if (sign !== undefined && !type.startsWith('int')) {
    report(['sign'], 'key', `sign is for int16, int32 and int64, and this is ${type}`);
  }
  if (encoding !== undefined && !type.startsWith('string')) {
    report(['encoding'], 'key', `encoding is for text, and this is ${type}`);
  } else if (encoding === 'utf-16' && Number(type.slice(7, -1)) % 2 === 1) {
    report(['type'], 'value', `type is ${type}: utf-16 has two bytes to a character, so n is even`);
  }
}

/** A bit is bool and bool is a bit. */
function checkType(tag: ModbusTag, report: Report): void {
  if (tag.type === undefined) return;
  const { table, bit } = tag.address;
  if (isBit(tag.address)) {
    if (tag.type === 'bool') return;
    const what =
      bit === undefined ? `a ${table === 'coil' ? 'coil' : 'discrete input'}` : `".${bit}" is one bit, which`;
    report(['type'], 'value', `type is ${tag.type}: ${what} is always bool`);
  } else if (tag.type === 'bool') {
    const one = formatAddress({ ...tag.address, bit: 0 });
    report(
      ['type'],
      'value',
      `type is bool, and ${table}:${tag.address.offset} is a register: name its bit, like "${one}"`,
    );
  }
}

function checkOrder(tag: ModbusTag, report: Report): void {
  const { order } = tag;
  if (order === undefined) return;
  const type = typeOf(tag);
  if (type.startsWith('string')) {
    if (order === 'ABCD' || order === 'BADC') return;
    report(['order'], 'value', `order is ${order}: text has ABCD, or BADC when each two bytes are swapped`);
  } else if (type === 'bool' && isBit(tag.address) && tag.address.bit === undefined) {
    report(['order'], 'key', 'order is for registers, and this is one bit');
  } else if (order.length === 8 && registersOf(type) !== 4) {
    report(['order'], 'value', `order is ${order}: ${type} has not eight bytes; write ABCD, CDAB, BADC or DCBA`);
  }
}

function resolveTag(name: string, tag: ModbusTag, defaults: ModbusSource['defaults'], unit: number): ResolvedModbusTag {
  const type = typeOf(tag);
  return defined({
    name,
    address: tag.address,
    type,
    order: orderFor(type, tag.order ?? defaults.order ?? 'ABCD'),
    sign: tag.sign === 'magnitude' ? tag.sign : undefined,
    encoding: tag.encoding,
    notImplemented: tag.notImplemented && bitsOf(tag.notImplemented, type, tag.sign),
    sensorFailure: tag.sensorFailure && bitsOf(tag.sensorFailure, type, tag.sign),
    unitId: tag.unitId ?? defaults.unitId ?? unit,
    poll: tag.poll ?? defaults.poll ?? SECOND,
    ...basis(tag, isNumeric(type) ? defaults : numberless(defaults)),
  });
}

/** The bits of what is written; what does not fit the type has been reported. */
function bitsOf(words: readonly string[], type: ModbusType, sign: ModbusTag['sign']): readonly string[] {
  const all = words.map((word) => sentinelBits(word, type, sign === 'magnitude' ? sign : undefined));
  return all.flatMap((one) => (typeof one === 'string' ? [] : [one.bits]));
}

/** How a tag is read when it does not say so itself. */
function typeOf(tag: { readonly type?: ModbusType | undefined; readonly address: ModbusAddress }): ModbusType {
  return tag.type ?? (isBit(tag.address) ? 'bool' : 'uint16');
}

/** Whether values of the type are numbers, so that scaling and compression mean something. */
function isNumeric(type: ModbusType): boolean {
  return type !== 'bool' && !type.startsWith('string');
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
