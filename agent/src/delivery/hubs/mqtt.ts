// An MQTT broker as a hub: QoS 1, one topic, a clean session, because what is not acknowledged is kept in our own
// buffer and sent again. MQTT 5 carries a message's properties as user properties; a broker that refuses version 5 is
// spoken to in 3.1.1, where a message has no properties and only its body travels.
//
// MQTT 5: content type in its own property; user properties `messageId`, `contentEncoding`, and the application
// properties by their names. The broker's receive maximum and maximum packet size are obeyed.

import { readFile } from 'node:fs/promises';
import { connect, type IClientOptions, type MqttClient } from 'mqtt';
import { Fault } from '../../model/fault.ts';
import {
  CLOSE_DEADLINE_MS,
  CONNECT_DEADLINE_MS,
  type Hub,
  type HubFactory,
  type Message,
  SEND_DEADLINE_MS,
} from './hub.ts';
import { Lifetime, settled } from './lifetime.ts';
import { connectFault } from './network-fault.ts';

export interface MqttOptions {
  /** `mqtt://host:1883` or `mqtts://host:8883`. */
  readonly url: string;
  /** Already filled in: no placeholders. */
  readonly topic: string;
  /** One per gateway: a broker ends the older of two connections with the same id, such as one half dead. */
  readonly clientId: string;
  readonly user?: { readonly name: string; readonly password: () => Promise<string> };
  /** File with the broker's CA certificates, PEM; default: those of Node. Read at every connect. */
  readonly ca?: string;
  /** 5 or 4 (that is 3.1.1) alone; default: 5, then 4 when the broker refuses it. */
  readonly protocolVersion?: 4 | 5;
  /** Seconds between pings; a silent broker is noticed after one and a half times that. Default 30. */
  readonly keepAlive?: number;
  /** Deadlines in ms, when they are to be shorter than the contract's. */
  readonly connectDeadline?: number;
  readonly sendDeadline?: number;
  readonly closeDeadline?: number;
}

/** CONNACK codes for a protocol version that the broker does not speak: 1 in 3.1.1, 132 in 5. */
const VERSION_REFUSED = new Set([1, 132]);
/** DISCONNECT reason code: packet too large. */
const TOO_LARGE = 149;
const NOTHING = { bytes: 0, done: () => undefined };

/** Hubs that publish to one topic of a broker. */
export function mqttHub(options: MqttOptions): HubFactory {
  return () => hub(options);
}

function hub(options: MqttOptions): Hub {
  const { url, topic, connectDeadline = CONNECT_DEADLINE_MS } = options;
  const { sendDeadline = SEND_DEADLINE_MS, closeDeadline = CLOSE_DEADLINE_MS } = options;
  const life = new Lifetime();
  let client: MqttClient | undefined;
  let limits = { inFlight: 65_535, packetBytes: Number.POSITIVE_INFINITY };
  /** Sent and not acknowledged. */
  const inFlight = new Set<{ readonly bytes: number; readonly done: (error?: unknown) => void }>();
  /** Sends beyond the broker's receive maximum; bounded by the forwarder's messages in flight. */
  const held: (() => void)[] = [];
  let closing: Promise<void> | undefined;

  /** One connection in one protocol version; the library's own reconnecting is off. */
  function attempt(protocolVersion: 4 | 5, settings: IClientOptions, abandoned: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const fresh = connect(url, { ...settings, protocolVersion });
      client = fresh;
      let failure: unknown;
      abandoned.addEventListener('abort', () => {
        if (!life.isOpen) discard(fresh);
      });
      // Stays for the life of the client: an 'error' event without a listener would end the process.
      fresh.on('error', (error) => {
        failure ??= error;
        reject(error);
        if (client === fresh) life.lose('the broker failed', error);
      });
      fresh.on('disconnect', (packet) => {
        failure ??= new Fault('hub.closed', `the broker disconnected, reason code ${packet.reasonCode}`);
        if (packet.reasonCode === TOO_LARGE) refuseLargest();
      });
      fresh.on('close', () => {
        reject(failure ?? new Fault('hub.unreachable', `${url} closed the connection`));
        if (client === fresh) life.lose('the connection to the broker was lost', failure);
      });
      fresh.on('connect', ({ properties }) => {
        limits = {
          inFlight: properties?.receiveMaximum ?? 65_535,
          packetBytes: properties?.maximumPacketSize ?? Number.POSITIVE_INFINITY,
        };
        resolve();
      });
    });
  }

  async function open(abandoned: AbortSignal): Promise<void> {
    const { user, ca, protocolVersion, keepAlive = 30 } = options;
    const settings: IClientOptions = {
      clientId: options.clientId,
      clean: true,
      reconnectPeriod: 0,
      connectTimeout: connectDeadline,
      keepalive: keepAlive,
      ...(user !== undefined && { username: user.name, password: await user.password() }),
      ...(ca !== undefined && { ca: await readFile(ca) }),
    };
    abandoned.throwIfAborted();
    try {
      await attempt(protocolVersion ?? 5, settings, abandoned);
    } catch (error) {
      if (protocolVersion !== undefined || abandoned.aborted || !refusesVersion(error)) throw error;
      discard(client!);
      await attempt(4, settings, abandoned);
    }
  }

  function publish(message: Message, done: (error?: unknown) => void): void {
    const five = client!.options.protocolVersion === 5;
    const properties = five ? packetProperties(message) : undefined;
    const bytes = message.body.length + Buffer.byteLength(topic) + headerBytes(properties?.userProperties);
    if (bytes > limits.packetBytes) {
      done(new Fault('hub.too-large', `${bytes} bytes where the broker takes ${limits.packetBytes}`));
      return;
    }
    const start = () => {
      const flight = { bytes, done };
      inFlight.add(flight);
      client!.publish(topic, message.body, { qos: 1, ...(properties && { properties }) }, (error) => {
        inFlight.delete(flight);
        done(error);
        held.shift()?.();
      });
    };
    if (inFlight.size < limits.inFlight) start();
    else held.push(start);
  }

  /** The broker says that a packet was too large, not which; whoever is right, the largest is the one to divide. */
  function refuseLargest(): void {
    const largest = [...inFlight].reduce((most, each) => (each.bytes > most.bytes ? each : most), NOTHING);
    largest.done(new Fault('hub.too-large', `the broker takes no packet of ${largest.bytes} bytes`));
  }

  async function release(): Promise<void> {
    const ending = client;
    if (ending === undefined) return;
    // With messages on the way the library would wait for their acknowledgements, which nobody wants any more.
    if (life.answering) {
      life.end();
      await settled(ending.endAsync(), closeDeadline * 0.8);
    }
    discard(ending);
  }

  return {
    lost: life.lost,
    connect: (signal) =>
      life.connect(connectDeadline, signal, (abandoned) =>
        open(abandoned).catch((error) => {
          throw connectFault(error, `${url} cannot be reached`);
        }),
      ),
    send: (message) => life.call(sendDeadline, sendFault, (done) => publish(message, done)),
    close() {
      closing ??= release();
      life.end();
      return closing;
    },
  };
}

/** Ends a client at once, whatever state it is in; its socket is gone when this returns. */
function discard(client: MqttClient): void {
  client.end(true);
  client.stream?.destroy();
}

/** Brokers of 3.1.1 must answer 1; some close the connection without an answer. */
function refusesVersion(error: unknown): boolean {
  const code = (error as { code?: unknown }).code;
  return (error instanceof Fault && error.cause === undefined) || VERSION_REFUSED.has(code as number);
}

function sendFault(error: unknown): Fault {
  if (error instanceof Fault) return error;
  const code = (error as { code?: unknown }).code;
  return Fault.from(error, typeof code === 'number' ? 'hub.refused' : 'hub.closed', 'the broker took no message');
}

function packetProperties({ id, contentType, contentEncoding, properties }: Message) {
  return {
    contentType,
    payloadFormatIndicator: contentEncoding === 'utf-8',
    userProperties: { messageId: id, contentEncoding, ...properties },
  };
}

/** An upper bound of what a PUBLISH packet adds to its topic and its body. */
function headerBytes(userProperties: Record<string, string> = {}): number {
  let bytes = 5 + 2 + 2 + 4 + 2 + 128;
  for (const [name, value] of Object.entries(userProperties)) {
    bytes += 5 + Buffer.byteLength(name) + Buffer.byteLength(value);
  }
  return bytes;
}
