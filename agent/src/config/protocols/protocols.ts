// The protocols of the mapping language, by what stands behind `protocol:`.

import { nearest } from '../nearest.ts';
import { modbusRtuOverTcpSource, modbusRtuSource, modbusTcpSource, modbusUdpSource } from '../schema/modbus.ts';
import { modbus } from './modbus.ts';
import { opcua } from './opcua.ts';
import { isFields, type Protocol } from './protocol.ts';

// biome-ignore lint/suspicious/noExplicitAny: each protocol takes its own sources and tags, which its schema made
type AnyProtocol = Protocol<any, any>;

const PROTOCOLS = {
  opcua,
  'modbus-tcp': modbus(modbusTcpSource),
  'modbus-rtu': modbus(modbusRtuSource),
  'modbus-rtu-over-tcp': modbus(modbusRtuOverTcpSource),
  'modbus-udp': modbus(modbusUdpSource),
} as const satisfies Record<string, AnyProtocol>;

type ProtocolName = keyof typeof PROTOCOLS;

export const protocolOf = (name: ProtocolName): AnyProtocol => PROTOCOLS[name];

/** The protocol that a source names; when that is none, the one that its other keys speak for. */
export function protocolNamed(source: unknown): ProtocolName | undefined {
  if (!isFields(source)) return undefined;
  const names = Object.keys(PROTOCOLS) as ProtocolName[];
  const written = names.find((name) => name === source.protocol);
  if (written !== undefined) return written;
  const near = nearest(String(source.protocol), names);
  const meant = names.find((name) => name === near);
  if (source.endpoint !== undefined || source.endpoints !== undefined) return 'opcua';
  if (source.device !== undefined) return 'modbus-rtu';
  if (source.host !== undefined) return meant?.startsWith('modbus') ? meant : 'modbus-tcp';
  return meant;
}
