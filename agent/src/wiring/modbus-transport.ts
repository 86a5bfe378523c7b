// The way to a Modbus source, from the mapping's words to its adapter's options.

import type { LineOptions } from '../adapters/modbus/line.ts';
import type { Transport } from '../adapters/modbus/transport.ts';
import type { ModbusSource } from '../config/schema/modbus.ts';

/** What the mapping says of the line of a source, whatever its protocol. */
export function lineOptionsOf(config: ModbusSource): Omit<LineOptions, 'counts'> {
  const { timeout, delayBetweenRequests, retries } = config;
  const alike = { transport: transportOf(config), timeout, delayBetweenRequests, retries };
  if (config.protocol === 'modbus-rtu') return alike;
  return { ...alike, connectDelay: config.connectDelay, connections: config.connections };
}

function transportOf(config: ModbusSource): Transport {
  if (config.protocol === 'modbus-rtu') {
    const { device, baudRate, dataBits, parity, stopBits = parity === 'none' ? 2 : 1, silence } = config;
    return { kind: 'rtu', device, baudRate, dataBits, parity, stopBits, silence };
  }
  const { host } = config;
  switch (config.protocol) {
    case 'modbus-tcp':
      return { kind: 'tcp', host, port: config.port ?? (config.tls ? 802 : 502), tls: config.tls };
    case 'modbus-rtu-over-tcp':
      return { kind: 'rtu-over-tcp', host, port: config.port };
    case 'modbus-udp':
      return { kind: 'udp', host, port: config.port };
  }
}
