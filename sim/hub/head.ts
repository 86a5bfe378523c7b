// A protocol head of edgeHub: what the MQTT side and the AMQP side have in common. One instance is one life of the
// edgeHub container: sessions die with it.

import type { Duplex } from 'node:stream';
import type { Acks } from './acks.ts';
import type { Identity } from './token.ts';
import type { Properties, Twin } from './twin.ts';

/** A message of more bytes, properties included, is refused: edgeHub's limit. Over MQTT the connection is closed. */
export const MOST_MESSAGE_BYTES = 262_144;

/** A telemetry message's properties, system and application apart. */
export interface Telemetry {
  readonly output: string | undefined;
  readonly id: string | undefined;
  readonly contentType: string | undefined;
  readonly contentEncoding: string | undefined;
  readonly properties: Readonly<Record<string, string>>;
  /** Bytes that the properties take; edgeHub counts them into the size of the message. */
  readonly propertyBytes: number;
}

export interface HeadOptions {
  readonly identity: Identity;
  readonly twin: Twin;
  readonly acks: Acks;
  /** Takes a message on record. The acknowledgement is decided only when it has returned. */
  readonly record: (telemetry: Telemetry, body: Buffer) => void;
  /** A CONNACK return code (2 to 5) when connections are to be refused, undefined when not. */
  readonly refusal: () => 2 | 3 | 4 | 5 | undefined;
  /** Told why a connection or a message was refused or closed by the hub. */
  readonly refused: (reason: string) => void;
}

export interface MethodAnswer {
  readonly status: number;
  readonly payload: unknown;
}

export interface Head {
  /** Serves a connection whose TLS handshake is done. */
  handle(connection: Duplex): void;
  /** Clients that have proved who they are and are connected now. */
  readonly clients: number;
  /** Pushes a patch of the desired properties to whoever has subscribed to them. */
  push(patch: Properties): void;
  /** Calls a direct method. Rejects with `MethodTimeout` after `timeoutMs`: also when nobody has subscribed. */
  invoke(method: string, payload: unknown, timeoutMs: number): Promise<MethodAnswer>;
  /** Ends this life: connections are closed, sessions and subscriptions forgotten. */
  close(): Promise<void>;
}

/** No answer to a direct method in time. IoT Hub says 504, or 404 when the module is not connected. */
export class MethodTimeout extends Error {
  override readonly name = 'MethodTimeout';
}
