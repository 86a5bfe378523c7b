// A small MQTT 5 broker for tests: takes one connection after the other, acknowledges what is published, and can be
// told what limits to announce and which codes to answer. aedes, the broker of the other tests, speaks 3.1.1 only.

import { createServer, type Server, type Socket } from 'node:net';
import mqtt, { type IConnackPacket, type IConnectPacket, type IPublishPacket, type Packet } from 'mqtt-packet';

export interface Broker5 {
  readonly port: number;
  readonly connects: IConnectPacket[];
  readonly published: IPublishPacket[];
  /** Most publishes that were unacknowledged at once. */
  readonly mostInFlight: number;
  close(): Promise<void>;
}

export interface Broker5Options {
  readonly properties?: IConnackPacket['properties'];
  /** Reason code of every PUBACK; default 0. */
  readonly puback?: number;
  /** Answers CONNECT with this code and closes; `silent close` closes without an answer. */
  readonly connack?: number | 'silent close';
  /** Sends DISCONNECT with this reason code on the first publish instead of a PUBACK. */
  readonly disconnect?: number;
}

export async function startBroker5(options: Broker5Options = {}): Promise<Broker5> {
  const connects: IConnectPacket[] = [];
  const published: IPublishPacket[] = [];
  const sockets = new Set<Socket>();
  let mostInFlight = 0;

  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
    const parser = mqtt.parser({ protocolVersion: 5 });
    socket.on('data', (chunk: Buffer) => parser.parse(chunk));
    let version = 5;
    let inFlight: number[] = [];
    const write = (packet: Packet) => socket.write(mqtt.generate(packet, { protocolVersion: version }));

    parser.on('packet', (packet) => {
      if (packet.cmd === 'connect') {
        connects.push(packet);
        version = packet.protocolVersion ?? 4;
        const { connack = 0 } = options;
        if (connack === 'silent close') return socket.end();
        const properties = options.properties ?? {};
        write({ cmd: 'connack', sessionPresent: false, reasonCode: connack, returnCode: connack, properties });
        if (connack !== 0) socket.end();
      } else if (packet.cmd === 'pingreq') write({ cmd: 'pingresp' });
      else if (packet.cmd === 'disconnect') socket.end();
      else if (packet.cmd === 'publish') {
        published.push(packet);
        if (options.disconnect !== undefined) {
          write({ cmd: 'disconnect', reasonCode: options.disconnect });
          return socket.end();
        }
        inFlight.push(packet.messageId!);
        mostInFlight = Math.max(mostInFlight, inFlight.length);
        // Acknowledged a turn later, so that publishes can pile up as far as the client lets them.
        if (inFlight.length === 1) {
          setTimeout(() => {
            const due = inFlight;
            inFlight = [];
            for (const messageId of due) write({ cmd: 'puback', messageId, reasonCode: options.puback ?? 0 });
          }, 5);
        }
      }
    });
    parser.on('error', () => socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as { port: number }).port,
    connects,
    published,
    get mostInFlight() {
      return mostInFlight;
    },
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
}
