// One life of the edgeHub container: its protocol heads behind one TLS port. The real one has a port for each (8883,
// 5671, 443); here the first bytes tell which is spoken, because a gateway host name has room for one port.

import { createServer } from 'node:http';
import type { Duplex } from 'node:stream';
import { createWebSocketStream, WebSocketServer } from 'ws';
import { type AmqpHead, openAmqp } from './amqp.ts';
import { type Broker, openBroker } from './broker.ts';
import type { HeadOptions } from './head.ts';

export interface Heads {
  readonly mqtt: Broker;
  readonly amqp: AmqpHead;
  /** Serves a connection whose TLS handshake is done, whatever it speaks. */
  handle(connection: Duplex): void;
  close(): Promise<void>;
}

/** The first byte of an MQTT CONNECT. */
const CONNECT = 0x10;

/** @param connectLost what becomes of MQTT clients now, see `Faults.loseConnect` */
export async function openHeads(options: HeadOptions, connectLost: () => 'hold' | 'close' | undefined): Promise<Heads> {
  const mqtt = await openBroker(options);
  const amqp = openAmqp(options);
  const web = createServer();
  const sockets = new WebSocketServer({
    noServer: true,
    handleProtocols: (offered) => offered.has('AMQPWSB10') && 'AMQPWSB10',
  });
  web.on('upgrade', (request, socket, head) => {
    if (request.url !== '/$iothub/websocket') return void socket.destroy();
    sockets.handleUpgrade(request, socket, head, (accepted) => {
      const stream = createWebSocketStream(accepted);
      stream.on('error', () => undefined);
      amqp.handle(stream);
    });
  });

  function route(connection: Duplex, first: number): void {
    if (first === 'A'.charCodeAt(0)) amqp.handle(connection);
    else if (first === 'G'.charCodeAt(0)) web.emit('connection', connection);
    else if (first !== CONNECT || connectLost() === undefined) mqtt.handle(connection);
    else if (connectLost() === 'close') connection.destroy();
    // What comes is read and thrown away: the client hears nothing.
    else connection.resume();
  }

  return {
    mqtt,
    amqp,
    handle(connection) {
      const look = () => {
        const chunk = connection.read() as Buffer | null;
        if (chunk === null) return void connection.once('readable', look);
        connection.unshift(chunk);
        route(connection, chunk[0]!);
      };
      connection.once('readable', look);
    },
    async close() {
      for (const client of sockets.clients) client.terminate();
      await Promise.all([mqtt.close(), amqp.close()]);
    },
  };
}
