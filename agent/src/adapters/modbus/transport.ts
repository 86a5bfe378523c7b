// The ways to a Modbus device, as options. Types and words alone: what opens them is open.ts.

import type { SerialLine } from './serial.ts';
import type { TcpAddress } from './tcp.ts';
import type { UdpAddress } from './udp.ts';

export type Transport =
  /** Modbus TCP, with `tls` Modbus/TCP Security. */
  | ({ readonly kind: 'tcp' } & TcpAddress)
  | ({ readonly kind: 'udp' } & UdpAddress)
  /** Serial frames through a TCP connection, as transparent serial servers carry them. */
  | ({ readonly kind: 'rtu-over-tcp' } & UdpAddress)
  /** `silence`: ms between two frames; default: what the baud rate asks for. */
  | ({ readonly kind: 'rtu'; readonly silence?: number | undefined } & SerialLine);

/** Whether replies carry a number that tells them apart. */
export function numbered({ kind }: Transport): boolean {
  return kind === 'tcp' || kind === 'udp';
}

/** Where it leads, for people. */
export function placeOf(transport: Transport): string {
  if (transport.kind === 'rtu') return transport.device;
  const { host, port } = transport;
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
