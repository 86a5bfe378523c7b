// The checks that need more than one key: what a schema of single fields cannot know. Each takes what was written
// and reports findings; where they stand in a file is the caller's business.

import { formatAddress, LAST } from './address.ts';
import type { Part } from './document.ts';
import { isBit, isNumeric, rangeOf, registersOf, typeOf } from './resolve.ts';
import type { ModbusSource, ModbusTag, OpcUaTag } from './schema.ts';
import { daysLeft, NOTICE_DAYS } from './waiver.ts';

/** Reports one finding. `path` is relative to what is checked; an empty path is its name. */
export type Report = (path: readonly string[], part: Part, message: string) => void;

type Thinning = Pick<OpcUaTag, 'deadband' | 'swingingDoor'>;

function checkThinning(tag: Thinning, report: Report): void {
  if (tag.deadband === undefined || tag.swingingDoor === undefined) return;
  report(['swingingDoor'], 'key', 'deadband and swingingDoor would add their errors: write one of them');
}

export function checkOpcUaTag(name: string, tag: OpcUaTag, report: Report): void {
  if (tag.node === undefined && tag.path === undefined) {
    report([], 'key', `${name} needs a node, like node: "nsu=urn:vendor:plc;s=FIC101.PV", or a path`);
  }
  if (tag.node !== undefined && tag.path !== undefined) {
    report(['path'], 'key', `${name} has both node and path: write one of them`);
  }
  checkThinning(tag, report);
}

export function checkModbusTag(
  name: string,
  tag: ModbusTag,
  source: Pick<ModbusSource, 'defaults' | 'maxRegisters'>,
  report: Report,
): void {
  const type = typeOf(tag);
  const place = formatAddress(tag.address);
  checkType(tag, report);

  const registers = registersOf(type);
  const last = tag.address.offset + registers - 1;
  if (!isBit(tag.address) && last > LAST) {
    report(['address'], 'value', `${type} at ${place} ends at ${last}, beyond ${tag.address.table}:${LAST}`);
  }
  if (!isBit(tag.address) && registers > source.maxRegisters) {
    const message = `${type} takes ${registers} registers, and a request carries ${source.maxRegisters} (maxRegisters)`;
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
    } else if (
      tag.deadband === undefined &&
      tag.swingingDoor === undefined &&
      source.defaults.deadband?.kind === 'percent'
    ) {
      const share = source.defaults.deadband.size;
      report(
        [],
        'key',
        `${name} has the deadband ${share}% of its source's defaults and needs a range, like range: [0, 250]`,
      );
    }
  }
  checkThinning(tag, report);
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

/** A source as it is written; any of it may be missing or wrong, which the schema has said already. */
export interface WrittenSource {
  readonly defaults?: { readonly deadband?: unknown; readonly swingingDoor?: unknown };
  readonly security?: { readonly policy?: unknown };
  readonly insecure?: { readonly until?: unknown };
}

/** What holds for a source as a whole. `warn` is for what may run. */
export function checkSource(name: string, source: WrittenSource, today: Date, report: Report, warn: Report): void {
  const { defaults, security, insecure } = source;
  if (defaults?.deadband !== undefined && defaults.swingingDoor !== undefined) {
    const message = 'deadband and swingingDoor would add their errors: write one of them';
    report(['defaults', 'swingingDoor'], 'key', message);
  }
  if (security?.policy === 'None' && insecure === undefined) {
    const message =
      `${name} has policy None, an open connection: write who accepted it and until when, ` +
      'insecure: { acceptedBy: "OT security officer", until: 2027-03-31 }';
    report(['security', 'policy'], 'value', message);
  }
  const until = insecure?.until;
  const days = typeof until === 'string' ? daysLeft(until, today) : Number.NaN;
  if (days < 0) {
    report(['insecure', 'until'], 'value', `until is ${until}, which is past: ${name} may not connect any more`);
  } else if (days <= NOTICE_DAYS) {
    const when = days === 0 ? 'today' : days === 1 ? 'tomorrow' : `in ${days} days`;
    warn(['insecure', 'until'], 'value', `${name} stops connecting when its waiver ends, ${when}`);
  }
}
