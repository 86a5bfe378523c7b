// Opens the way to a Modbus device: what each kind needs, its channel, its envelope, its manners.

import { randomInt } from 'node:crypto';
import type { Channel } from './channel.ts';
import { type Connection, connectionOver, type Manner } from './connection.ts';
import { mbap } from './mbap.ts';
import { rtu } from './rtu.ts';
import { openSerial, silenceOf, transmission } from './serial.ts';
import { openTcp } from './tcp.ts';
import type { Transport } from './transport.ts';
import { openUdp } from './udp.ts';

/**
 * Opens a connection.
 * @param timeout ms
 * @throws Fault source.unreachable, source.untrusted, source.credentials, source.configuration; source.closed when
 *   `signal` aborts. Nothing is left open then.
 */
export async function openConnection(transport: Transport, timeout: number, signal: AbortSignal): Promise<Connection> {
  return connectionOver(await channelTo(transport, timeout, signal), mannerOf(transport));
}

function channelTo(transport: Transport, timeout: number, signal: AbortSignal): Promise<Channel> {
  switch (transport.kind) {
    case 'tcp':
    case 'rtu-over-tcp':
      return openTcp(transport, timeout, signal);
    case 'udp':
      return openUdp(transport, timeout, signal);
    case 'rtu':
      return openSerial(transport, timeout, signal);
  }
}

const ON_A_NETWORK = { datagrams: false, lasting: false, silence: 0, transmission: () => 0 };

function mannerOf(transport: Transport): Manner {
  switch (transport.kind) {
    case 'tcp':
      return { ...ON_A_NETWORK, framing: mbap(randomInt(0x10000)) };
    case 'udp':
      return { ...ON_A_NETWORK, framing: mbap(randomInt(0x10000)), datagrams: true };
    case 'rtu-over-tcp':
      return { ...ON_A_NETWORK, framing: rtu };
    case 'rtu':
      return {
        framing: rtu,
        datagrams: false,
        lasting: true,
        silence: transport.silence ?? silenceOf(transport.baudRate),
        transmission: (bytes) => transmission(transport, bytes),
      };
  }
}
