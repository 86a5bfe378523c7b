// The AMQP 1.0 side of edgeHub, for one module, by rhea: tokens come by claims-based security (`$cbs`), telemetry is
// recorded before it is accepted, twin and direct methods have a pair of links each. Links, annotations and replies are
// those of edgeHub (Azure/iotedge, Microsoft.Azure.Devices.Edge.Hub.Amqp, link handlers and message converters).

import { randomUUID } from 'node:crypto';
import type { Duplex } from 'node:stream';
import rhea, { type Connection, type Delivery, type Message, type Receiver, type Sender } from 'rhea';
import {
  type Head,
  type HeadOptions,
  type MethodAnswer,
  MethodTimeout,
  MOST_MESSAGE_BYTES,
  type Telemetry,
} from './head.ts';
import { flawOf } from './token.ts';
import type { Properties } from './twin.ts';

export interface AmqpHead extends Head {
  /** Sends this message to the module by one of its links, as a defective hub would. */
  raw(link: 'twin' | 'methods', message: Message): void;
  /** Ends the link that telemetry comes by, with an error when a condition is given. */
  detachTelemetry(condition?: string): void;
}

/** One connection, and what it has opened and proved. */
interface Client {
  readonly socket: Duplex;
  proved: boolean;
  subscribed: boolean;
  /** Links to the module, by their address. */
  readonly senders: Map<string, Sender>;
  telemetry?: Receiver;
}

/** Messages a module may have under way by one link. */
const CREDIT = 100;
const CBS = '$cbs';

export function openAmqp(options: HeadOptions): AmqpHead {
  const { identity, twin, acks } = options;
  const base = `/devices/${identity.deviceId}/modules/${identity.moduleId}`;
  const [events, twins, methods] = [`${base}/messages/events`, `${base}/twin`, `${base}/methods/devicebound`];
  const clients = new Map<Connection, Client>();
  const answers = new Map<string, (answer: MethodAnswer) => void>();
  const container = rhea.create_container({ id: 'edgeHub', non_fatal_errors: [] });
  container.options.receiver_options = { autoaccept: false, credit_window: CREDIT };

  const clientOf = (connection: Connection) => clients.get(connection);

  /** Only `$cbs` is open to those who have proved nothing. */
  function mayOpen(client: Client, link: Sender | Receiver, address: string | undefined, known: string[]): boolean {
    if (address === CBS || (client.proved && address !== undefined && known.includes(address))) return true;
    options.refused(`link to ${address}`);
    const condition = client.proved ? 'amqp:not-found' : 'amqp:unauthorized-access';
    link.close({ condition, description: `no link to ${address}` });
    return false;
  }

  container.on('receiver_open', ({ connection, receiver }) => {
    const client = clientOf(connection!);
    if (client === undefined || receiver === undefined) return;
    const address = addressOf(receiver.remote.attach.target);
    receiver.set_target({ address: address ?? '' });
    if (!mayOpen(client, receiver, address, [events, twins, methods])) return;
    if (address === events) client.telemetry = receiver;
  });
  container.on('sender_open', ({ connection, sender }) => {
    const client = clientOf(connection!);
    if (client === undefined || sender === undefined) return;
    const address = addressOf(sender.remote.attach.source);
    sender.set_source({ address: address ?? '' });
    if (mayOpen(client, sender, address, [twins, methods])) client.senders.set(address!, sender);
  });
  container.on('message', ({ connection, receiver, message, delivery }) => {
    const client = clientOf(connection!);
    if (client === undefined || message === undefined || delivery === undefined) return;
    const address = receiver?.target?.address;
    if (address === events) {
      telemetry(client, message, delivery);
      return;
    }
    delivery.accept();
    if (address === CBS) prove(client, message);
    else if (address === twins) twinRequest(client, message);
    else if (address === methods) methodAnswer(message);
  });
  container.on('disconnected', ({ connection }) => void clients.delete(connection!));
  // Faults of one client, and what is left of one that was cut.
  for (const event of [
    'error',
    'protocol_error',
    'connection_error',
    'session_error',
    'sender_error',
    'receiver_error',
  ])
    container.on(event, () => undefined);

  function prove(client: Client, message: Message): void {
    const flaw = options.refusal() !== undefined ? 'refused by order' : flawOf(String(message.body), identity);
    if (flaw !== undefined) options.refused(flaw);
    client.proved = flaw === undefined;
    client.senders.get(CBS)?.send({
      correlation_id: String(message.message_id),
      application_properties: {
        'status-code': flaw === undefined ? 200 : 401,
        'status-description': flaw ?? 'OK',
      },
      body: '',
    });
  }

  function telemetry(client: Client, message: Message, delivery: Delivery): void {
    const turned = acks.turned();
    if (turned !== undefined) {
      turnAway(delivery, turned.kind, turned.condition);
      return;
    }
    const told = telemetryOf(message);
    const body = bytesOf(message.body) ?? Buffer.alloc(0);
    if (body.length + told.propertyBytes > MOST_MESSAGE_BYTES) {
      options.refused(`message of ${body.length + told.propertyBytes} bytes`);
      turnAway(delivery, 'rejected', 'amqp:link:message-size-exceeded');
      return;
    }
    options.record(told, body);
    acks.take({
      acknowledge() {
        if (!client.socket.destroyed) delivery.accept();
      },
      cut: () => client.socket.destroy(),
    });
  }

  function twinRequest(client: Client, { correlation_id: id, message_annotations: annotations, body }: Message): void {
    const operation = annotations?.operation;
    const reply = (status: number, content: unknown, more: object = {}) =>
      client.senders.get(twins)?.send({
        correlation_id: String(id),
        message_annotations: { status, ...more },
        body: data(content),
      });
    if (operation === 'GET') reply(200, { desired: twin.desired, reported: twin.reported });
    else if (operation === 'PATCH') {
      const patch = jsonOf(bytesOf(body));
      if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) reply(400, { message: 'no object' });
      else reply(204, undefined, { version: twin.report(patch as Properties) });
    } else {
      client.subscribed = operation === 'PUT';
      reply(200, undefined);
    }
  }

  function methodAnswer({ correlation_id: id, application_properties: properties, body }: Message): void {
    const key = Buffer.isBuffer(id) ? rhea.uuid_to_string(id) : String(id);
    answers.get(key)?.({ status: Number(properties?.['IoThub-status']), payload: jsonOf(bytesOf(body)) });
  }

  return {
    handle(socket) {
      const connection = container.create_connection({ reconnect: false, id: 'edgeHub' });
      // rhea hears of an end, not of a connection that was destroyed.
      socket.on('close', () => clients.delete(connection));
      clients.set(connection, { socket, proved: false, subscribed: false, senders: new Map() });
      (connection as unknown as { accept(socket: Duplex): void }).accept(socket);
    },
    get clients() {
      return [...clients.values()].filter(({ proved }) => proved).length;
    },
    push(patch) {
      for (const { subscribed, senders } of clients.values()) {
        if (subscribed) senders.get(twins)?.send({ body: data(patch) });
      }
    },
    invoke(method, payload, timeoutMs) {
      const id = randomUUID();
      return new Promise<MethodAnswer>((resolve, reject) => {
        const timer = setTimeout(() => {
          answers.delete(id);
          reject(new MethodTimeout(`${method} was not answered within ${timeoutMs} ms`));
        }, timeoutMs);
        answers.set(id, (given) => {
          answers.delete(id);
          clearTimeout(timer);
          resolve(given);
        });
        for (const { senders } of clients.values()) {
          senders.get(methods)?.send({
            correlation_id: id,
            application_properties: { 'IoThub-methodname': method },
            body: data(payload),
          });
        }
      });
    },
    raw(link, message) {
      for (const { senders } of clients.values()) senders.get(link === 'twin' ? twins : methods)?.send(message);
    },
    detachTelemetry(condition) {
      for (const client of clients.values()) {
        client.telemetry?.close(condition === undefined ? undefined : { condition, description: 'by order' });
      }
    },
    async close() {
      for (const { socket } of clients.values()) socket.destroy();
      clients.clear();
    },
  };
}

function turnAway(delivery: Delivery, kind: 'rejected' | 'released' | 'modified', condition?: string): void {
  if (kind === 'rejected')
    delivery.reject(condition === undefined ? undefined : { condition, description: 'by order' });
  else if (kind === 'released') delivery.release();
  else delivery.modified({ delivery_failed: true, undeliverable_here: false });
}

/** As edgeHub tells system and application properties apart. */
function telemetryOf(message: Message): Telemetry {
  const { 'iothub-outputname': output, ...rest } = (message.application_properties ?? {}) as Record<string, unknown>;
  const properties = Object.fromEntries(Object.entries(rest).map(([name, value]) => [name, String(value)]));
  const id = message.message_id === undefined ? undefined : String(message.message_id);
  const told = { output: output as string | undefined, id, contentType: message.content_type };
  const all = [...Object.entries(properties), ...Object.entries(told), ['', message.content_encoding]];
  const propertyBytes = all.reduce((sum, [name, value]) => sum + `${name}${value ?? ''}`.length, 0);
  return { ...told, contentEncoding: message.content_encoding, properties, propertyBytes };
}

function addressOf(terminus: unknown): string | undefined {
  const address = (terminus as { address?: unknown } | undefined | null)?.address;
  return typeof address === 'string' ? address : undefined;
}

/** A body of one data section with this as JSON; empty for undefined. */
function data(content: unknown) {
  return rhea.message.data_section(Buffer.from(content === undefined ? '' : JSON.stringify(content)));
}

function bytesOf(body: unknown): Buffer | undefined {
  const content = (body as { content?: unknown } | undefined | null)?.content;
  return Buffer.isBuffer(content) ? content : undefined;
}

function jsonOf(body: Buffer | undefined): unknown {
  try {
    return JSON.parse(body?.toString('utf8') ?? '');
  } catch {
    return undefined;
  }
}
