// A tag list of Kepware (KEPServerEX, "Export CSV"): Modbus references, or node ids of its OPC UA client driver. The
// order of the words of a 32-bit value is a setting of the device there, not of the tag, so it is not in the list.

import { decimal } from '../cells.ts';
import type { CsvFile } from '../csv.ts';
import type { Mistake } from '../mistake.ts';
import { formatDuration } from '../units.ts';
import type { Imported, ImportedTag } from './imported.ts';

/** Kepware's data types that a Modbus value has here. */
const TYPES = new Map<string, string>(
  [
    ...(['boolean:bool', 'word:uint16', 'short:int16', 'dword:uint32', 'long:int32', 'qword:uint64'] as const),
    ...(['llong:int64', 'float:float32', 'double:float64', 'bcd:bcd16', 'lbcd:bcd32'] as const),
  ].map((pair) => pair.split(':') as [string, string]),
);

export function isKepware(header: readonly string[]): boolean {
  return ['Tag Name', 'Address', 'Data Type'].every((column) => header.includes(column));
}

export function readKepware(csv: CsvFile): Imported {
  const [header = [], ...body] = csv.rows;
  const mistakes: Mistake[] = [...csv.mistakes];
  const modbus: ImportedTag[] = [];
  const opcua: ImportedTag[] = [];
  let wide = false;
  body.forEach((cells, i) => {
    const cell = (column: string) => cells[header.indexOf(column)]?.trim() ?? '';
    if (cells.every((text) => text === '')) return;
    const at = (column: string) => (message: string) =>
      csv.mistake(i + 1, Math.max(0, header.indexOf(column)), [i + 2, column], message);
    const name = cell('Tag Name');
    const address = cell('Address');
    const common = {
      unit: cell('Eng Units') || undefined,
      description: cell('Description') || undefined,
    };
    const rate = decimal(cell('Scan Rate'), csv.decimalComma);
    const every = rate === undefined || rate === 0 ? undefined : formatDuration(rate);
    const scale = scaleOf(cell, csv.decimalComma);
    if (scale === 'wrong') {
      mistakes.push(at('Scaling')(`${name}: scaling "${cell('Scaling')}" is not taken, only Linear with four numbers`));
      return;
    }
    if (/^(?:nsu?=|[isgb]=)/.test(address)) {
      opcua.push({ name, value: { node: address, ...common, scale, sampling: every }, mistake: at('Address') });
      return;
    }
    const type = typeOf(cell('Data Type'), address);
    if (type === undefined) {
      mistakes.push(at('Data Type')(`${name}: there is no "${cell('Data Type')}" here`));
      return;
    }
    wide ||= /32|64/.test(type);
    const place = address.replace(/\.\d+[HL]$/i, '');
    modbus.push({ name, value: { address: place, type, ...common, scale, poll: every }, mistake: at('Address') });
  });
  const notes = wide
    ? [
        'Kepware keeps the order of words with the device ("First Word Low" is its default): defaults: { order: CDAB }, or ABCD',
      ]
    : [];
  const sources = [
    { protocol: 'modbus-tcp' as const, connection: {}, tags: modbus },
    { protocol: 'opcua' as const, connection: {}, tags: opcua },
  ].filter(({ tags }) => tags.length > 0);
  return { kind: 'Kepware tags', sources, mistakes, notes };
}

/** A string's length is in its address: 400100.20H is 20 bytes, high byte first. */
function typeOf(kepware: string, address: string): string | undefined {
  const length = /\.(\d+)[HL]$/i.exec(address)?.[1];
  if (/^string$/i.test(kepware)) return length === undefined ? undefined : `string(${length})`;
  if (/^[01]/.test(address)) return 'bool';
  return TYPES.get(kepware.toLowerCase());
}

type Scaling = { readonly from: readonly number[]; readonly to: readonly number[] } | undefined | 'wrong';

function scaleOf(cell: (column: string) => string, comma: boolean): Scaling {
  const scaling = cell('Scaling').toLowerCase();
  if (scaling === '' || scaling === 'none') return undefined;
  const numbers = ['Raw Low', 'Raw High', 'Scaled Low', 'Scaled High'].map((column) => decimal(cell(column), comma));
  const [a, b, c, d] = numbers;
  if (scaling !== 'linear' || a === undefined || b === undefined || c === undefined || d === undefined) return 'wrong';
  return { from: [a, b], to: [c, d] };
}
