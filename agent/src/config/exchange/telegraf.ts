// A configuration of Telegraf: inputs.modbus (as registers, requests or metrics) and inputs.opcua, opcua_listener.

import type { Mistake } from '../mistake.ts';
import { type Fields, isFields } from '../protocols/protocol.ts';
import type { Imported, ImportedSource, ImportedTag } from './imported.ts';

type At = (text: string, message: string) => Mistake;

export function isTelegraf(value: unknown): value is { readonly inputs: Fields } {
  if (!isFields(value) || !isFields(value.inputs)) return false;
  return ['modbus', 'opcua', 'opcua_listener'].some((plugin) => isFields(value.inputs) && plugin in value.inputs);
}

/** @param at a mistake at the first place in the file that has this text */
export function readTelegraf({ inputs }: { readonly inputs: Fields }, at: At): Imported {
  const mistakes: Mistake[] = [];
  const notes: string[] = [];
  const sources = [
    ...maps(inputs.modbus).map((plugin) => modbusSource(plugin, at, mistakes)),
    ...[...maps(inputs.opcua), ...maps(inputs.opcua_listener)].map((plugin) =>
      opcuaSource(plugin, at, mistakes, notes),
    ),
  ];
  return { kind: 'Telegraf inputs', sources, mistakes, notes };
}

const maps = (value: unknown): Fields[] => (Array.isArray(value) ? value : [value]).filter(isFields);
const word = (value: unknown) => (typeof value === 'string' && value !== '' ? value : undefined);

const TABLES = { holding_registers: 'holding', input_registers: 'input', coils: 'coil', discrete_inputs: 'discrete' };

function modbusSource(plugin: Fields, at: At, mistakes: Mistake[]): ImportedSource {
  const tags: ImportedTag[] = [];
  const take = (field: Fields, table: string, unitId: unknown, order: unknown) => {
    const name = word(field.name);
    if (name === undefined || field.omit === true) return;
    const tag = modbusTag(field, table, unitId, order);
    if (typeof tag === 'string') mistakes.push(at(`"${name}"`, `${name}: ${tag}`));
    else tags.push({ name, value: tag, mistake: (message) => at(`"${name}"`, message) });
  };
  for (const [list, table] of Object.entries(TABLES)) {
    for (const field of maps(plugin[list])) take(field, table, undefined, field.byte_order);
  }
  const source = plugin.slave_id;
  for (const group of [...maps(plugin.request), ...maps(plugin.metric)]) {
    const unit = group.slave_id === source ? undefined : group.slave_id;
    for (const field of maps(group.fields)) {
      take(field, word(field.register) ?? word(group.register) ?? 'holding', unit, group.byte_order);
    }
  }
  return { name: nameFor(plugin.name), ...lineOf(plugin), tags };
}

function lineOf(plugin: Fields): Pick<ImportedSource, 'protocol' | 'connection'> {
  const controller = word(plugin.controller) ?? '';
  const unit = plugin.slave_id;
  const network = /^(tcp|rtuovertcp):\/\/([^/:]+)(?::(\d+))?/.exec(controller);
  if (network !== null) {
    const [, scheme, host, port] = network;
    const rtu = scheme === 'rtuovertcp' || plugin.transmission_mode === 'RTUoverTCP';
    const connection = { host, ...(port && { port: Number(port) }), unit };
    return { protocol: rtu ? 'modbus-rtu-over-tcp' : 'modbus-tcp', connection };
  }
  const device = /^file:\/\/(\/.+)$/.exec(controller)?.[1];
  if (device === undefined) return { protocol: 'modbus-tcp', connection: { unit } };
  const parity = { N: 'none', E: 'even', O: 'odd' }[word(plugin.parity) ?? ''];
  const { baud_rate: baudRate, stop_bits: stopBits } = plugin;
  return { protocol: 'modbus-rtu', connection: { device, baudRate, parity, stopBits, unit } };
}

/** A tag, or why it cannot be one. */
function modbusTag(field: Fields, table: string, unitId: unknown, byteOrder: unknown): Fields | string {
  const addresses = [field.address].flat();
  const [offset] = addresses;
  if (typeof offset !== 'number') return 'it has no address';
  if (addresses.some((address, i) => address !== offset + i)) return 'its addresses do not follow each other';
  if (table === 'coil' || table === 'discrete') return { address: `${table}:${offset}`, unitId };
  const kind = (word(field.data_type) ?? word(field.type) ?? 'UINT16').toUpperCase();
  const scale = scaleOf(field.scale);
  if (kind === 'BIT') return { address: `${table}:${offset}.${Number(field.bit ?? 0)}`, unitId };
  const type = typeOf(kind, addresses.length, Number(field.length ?? addresses.length));
  if (type === undefined) return `there is no ${kind} here`;
  const order = word(byteOrder)?.toUpperCase();
  // Of two bytes: BA is each register swapped.
  const written =
    order === undefined || order === 'AB' || /^ABCD/.test(order) ? undefined : order === 'BA' ? 'BADC' : order;
  return { address: `${table}:${offset}`, type, order: written, scale, unitId };
}

function typeOf(kind: string, registers: number, length: number): string | undefined {
  const exact = /^(U?INT)(16|32|64)$/.exec(kind);
  if (exact !== null) return kind.toLowerCase();
  if (kind === 'FLOAT32-IEEE' || kind === 'FLOAT32' || kind === 'FLOAT64-IEEE' || kind === 'FLOAT64') {
    return kind.startsWith('FLOAT32') ? 'float32' : 'float64';
  }
  if (kind === 'STRING') return `string(${length * 2})`;
  // FIXED and UFIXED are as wide as their addresses.
  const bits = registers * 16;
  if (kind !== 'FIXED' && kind !== 'UFIXED') return undefined;
  return bits === 16 || bits === 32 || bits === 64 ? `${kind === 'FIXED' ? 'int' : 'uint'}${bits}` : undefined;
}

/** A factor as a line through zero. */
function scaleOf(factor: unknown): Fields | undefined {
  if (typeof factor !== 'number' || factor === 1 || factor === 0) return undefined;
  return { from: [0, 1], to: [0, factor] };
}

function opcuaSource(plugin: Fields, at: At, mistakes: Mistake[], notes: string[]): ImportedSource {
  const endpoint = word(plugin.endpoint);
  const tags: ImportedTag[] = [];
  const take = (node: Fields, defaults: Fields) => {
    const name = word(node.name);
    if (name === undefined) return;
    const id = nodeOf({ ...defaults, ...Object.fromEntries(Object.entries(node).filter(([, value]) => value !== '')) });
    if (id === undefined) mistakes.push(at(`"${name}"`, `${name}: it has no identifier`));
    else tags.push({ name, value: { node: id }, mistake: (message) => at(`"${name}"`, message) });
  };
  for (const node of maps(plugin.nodes)) take(node, {});
  for (const group of maps(plugin.group)) for (const node of maps(group.nodes)) take(node, group);
  if (endpoint !== undefined && plugin.security_policy === 'None') {
    notes.push(`${endpoint} was read without encryption; here that needs security and insecure (see docs/mapping.md)`);
  }
  return { name: nameFor(plugin.name), protocol: 'opcua', connection: { endpoint }, tags };
}

function nodeOf({ id, namespace_uri, namespace, identifier_type: kind, identifier }: Fields): string | undefined {
  if (word(id) !== undefined) return String(id);
  if (identifier === undefined || word(kind) === undefined) return undefined;
  const where = word(namespace_uri) === undefined ? `ns=${String(namespace ?? 0)}` : `nsu=${String(namespace_uri)}`;
  return `${where};${String(kind)}=${String(identifier)}`;
}

function nameFor(given: unknown): string | undefined {
  return (
    word(given)
      ?.replace(/[^A-Za-z0-9._-]+/g, '-')
      .replace(/^[^A-Za-z0-9]+/, '') || undefined
  );
}
