// What every destination implements: edgeHub, IoT Hub, an MQTT broker, a file. A hub connects, sends messages,
// closes. It owns no retry: the forwarder makes a new hub for every connection attempt and sends again what was
// not acknowledged. Every promise settles within its deadline, whatever the library beneath does.

/** One message as it goes out. */
export interface Message {
  /** `gateway/epoch/seqFirst-seqLast`: two messages with the same id carry the same readings. */
  readonly id: string;
  readonly body: Buffer;
  readonly contentType: string;
  /** `gzip`, or `utf-8` for plain text. */
  readonly contentEncoding: string;
  /** Application properties: site, gateway, stream, epoch, seqFirst, seqLast, count, format. */
  readonly properties: Readonly<Record<string, string>>;
}

export interface Hub {
  /** How it speaks to its peer, where there is more than one way. */
  readonly transport?: string;
  /** Opens the connection, one attempt. Rejects with a Fault (`hub.*`) within `CONNECT_DEADLINE_MS`. */
  connect(signal: AbortSignal): Promise<void>;
  /**
   * Resolves when the hub has acknowledged the message, rejects with a Fault otherwise, within `SEND_DEADLINE_MS`.
   * May be called again before earlier calls have settled. Only `hub.too-large` means that the message itself is at fault.
   */
  send(message: Message): Promise<void>;
  /** Resolves with the reason when a connection that was open is lost; never rejects. Stays pending after `close`. */
  readonly lost: Promise<Error>;
  /** Ends the connection. Legal at any time and twice; settles within `CLOSE_DEADLINE_MS`. */
  close(): Promise<void>;
}

export const CONNECT_DEADLINE_MS = 60_000;
export const SEND_DEADLINE_MS = 30_000;
export const CLOSE_DEADLINE_MS = 5_000;

/** A hub is made anew for every connection attempt (azure-iot-sdk-node#1255). */
export type HubFactory = () => Hub;
