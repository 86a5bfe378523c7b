// The refinery's tags as a mapping for the gateway: what an engineer would write, one line per tag.

import { stringify } from 'yaml';
import type { RegisterSignal } from './register-signals.ts';
import type { Signal } from './signals.ts';

/** What a mapping says of the sources; a Refinery is one. */
export interface Plants {
  readonly dcs: {
    readonly endpoint: string;
    readonly namespace: string;
    readonly user: string;
    readonly signals: readonly Signal[];
  };
  readonly flare: { readonly host: string; readonly port: number; readonly signals: readonly RegisterSignal[] };
  readonly tanks: { readonly host: string; readonly port: number; readonly signals: readonly RegisterSignal[] };
  readonly passwordFile: string;
}

export interface MappingParameters {
  /** The sections as the mapping language has them: `{ type: 'jsonl', path: 'readings.jsonl' }`. */
  readonly hub: Readonly<Record<string, string | number>>;
  readonly buffer: Readonly<Record<string, string | number>>;
  readonly gateway?: string;
  /** Gives analog tags a deadband of 0.5 % of their range; default: every change is a reading. */
  readonly deadbands?: boolean;
  /** Wants the events of the DCS. */
  readonly events?: boolean;
}

/** The text of a mapping (version 1) for all tags of the refinery. */
export function mappingFor(plants: Plants, parameters: MappingParameters): string {
  const { dcs, flare, tanks, passwordFile } = plants;
  const deadband = parameters.deadbands ? { deadband: '0.5%' } : {};
  return [
    'version: 1',
    'site: lavera',
    `gateway: ${scalar(parameters.gateway ?? 'gw-cdu1-01')}`,
    '',
    ...section('hub', parameters.hub),
    '',
    ...section('buffer', parameters.buffer),
    '',
    'sources:',
    '  cdu1-dcs:',
    '    protocol: opcua',
    `    endpoint: ${dcs.endpoint}`,
    `    user: ${flow({ name: dcs.user, passwordFile })}`,
    ...(parameters.events ? ['    events: { severityFrom: 100 }'] : []),
    '    defaults: { sampling: 1s }',
    '    tags:',
    ...dcs.signals.map(({ name, unit, range }) =>
      line(name, { node: `nsu=${dcs.namespace};s=${name}`, unit, ...(range && deadband) }),
    ),
    ...modbus('flare-plc', flare),
    ...modbus('tank-farm', tanks),
    '',
  ].join('\n');
}

function modbus(name: string, { host, port, signals }: Plants['flare']): string[] {
  return [
    '',
    `  ${name}:`,
    '    protocol: modbus-tcp',
    `    host: ${host}`,
    `    port: ${port}`,
    '    unit: 1',
    '    defaults: { poll: 1s }',
    '    tags:',
    ...signals.map((tag) =>
      line(tag.name, {
        address: `${tag.table}:${tag.offset}${tag.bit === undefined ? '' : `.${tag.bit}`}`,
        type: tag.type,
        order: tag.order,
        unit: tag.signal.unit,
        scale: tag.raw && tag.signal.range && { from: tag.raw, to: tag.signal.range },
        unitId: tag.unitId === 1 ? undefined : tag.unitId,
      }),
    ),
  ];
}

const section = (name: string, keys: Readonly<Record<string, string | number>>) => [
  `${name}:`,
  ...Object.entries(keys).map(([key, value]) => `  ${key}: ${scalar(value)}`),
];

const line = (name: string, keys: Record<string, unknown>) => `      ${name}: ${flow(keys)}`;

/** A mapping in braces; keys without a value are left out. */
function flow(keys: Record<string, unknown>): string {
  const parts = Object.entries(keys).filter(([, value]) => value !== undefined);
  return `{ ${parts.map(([key, value]) => `${key}: ${inFlow(value)}`).join(', ')} }`;
}

function inFlow(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(inFlow).join(', ')}]`;
  if (typeof value === 'object' && value !== null) return flow(value as Record<string, unknown>);
  if (typeof value === 'number') return String(value);
  // Within braces more characters mean something than stringify() quotes at the top level.
  const text = String(value);
  return /^[A-Za-z0-9/][\w./()-]*%?$/.test(text) ? text : JSON.stringify(text);
}

const scalar = (value: string | number) => stringify(value, { lineWidth: 0 }).trim();
