// edgeHub as a hub: the module's identity and trust come from the IoT Edge workload API (or, for development, from
// EdgeHubConnectionString), messages leave by the output `readings`, over MQTT with QoS 1 or over AMQP, and count when
// edgeHub has acknowledged or accepted them. A route takes them on:
//   FROM /messages/modules/fieldgate/outputs/* INTO $upstream
// Every connection is a new ModuleClient: after edgeHub was re-created an old one is deaf (azure-iot-sdk-node#1255).
// The transport of each is the mapping's, or chosen by how the ones before it went (transport.ts).

import sdk, { type ModuleClient, type Message as SdkMessage } from 'azure-iot-device';
import { Fault } from '../../model/fault.ts';
import type { Log } from '../../model/log.ts';
import type { ControlDesk } from '../control.ts';
import { serveControl } from './control-client.ts';
import {
  CLOSE_DEADLINE_MS,
  CONNECT_DEADLINE_MS,
  type Hub,
  type HubFactory,
  type Message,
  SEND_DEADLINE_MS,
} from './hub.ts';
import { Lifetime } from './lifetime.ts';
import { type GuardedClient, guardedClient } from './module-client.ts';
import { connectFault } from './network-fault.ts';
import {
  attemptDeadline,
  firstWay,
  type TransportSetting,
  type Way,
  wayAfterConnection,
  wayAfterFailure,
} from './transport.ts';
import { checkEnvironment } from './workload.ts';

export interface IotEdgeOptions {
  /** Default `auto`: MQTT, and AMQP where that finds no answer. */
  readonly transport?: TransportSetting;
  readonly log?: Log;
  /** Lent every newly connected client, for tests of what happens to it; `over` aborts when that connection has ended. */
  readonly onClient?: (client: ModuleClient, over: AbortSignal) => void;
  /** Where twin and direct methods go; absent: they are not asked for. */
  readonly control?: ControlDesk;
  /** Deadlines in ms, when they are to be shorter than the contract's. */
  readonly connectDeadline?: number;
  readonly sendDeadline?: number;
  readonly closeDeadline?: number;
}

/** The module's output that messages leave by. */
export const OUTPUT = 'readings';
/** edgeHub closes the connection on a message of more bytes, properties included. */
const MOST_BYTES = 262_144;

/** What the words of the log call each transport. */
const NAMES = { mqtt: 'MQTT', amqp: 'AMQP', 'amqp-ws': 'AMQP over WebSockets' } as const;

/**
 * Hubs that are edgeHub, found through the process's environment as the IoT Edge runtime sets it. What one of them
 * learns of the transport the next one knows.
 */
export function iotEdgeHub(options: IotEdgeOptions = {}): HubFactory {
  const { transport: setting = 'auto', log } = options;
  let way = firstWay(setting);
  return () =>
    hub(options, way, (next, why) => {
      if (next.transport !== way.transport) {
        const text = `edgeHub ${why} over ${NAMES[way.transport]}; the next attempt is over ${NAMES[next.transport]}`;
        log?.('warn', text, { transport: next.transport });
      }
      way = next;
    });
}

/** @param learn is told the way of the next hub, once */
function hub(options: IotEdgeOptions, way: Way, learn: (next: Way, why: string) => void): Hub {
  const { connectDeadline = CONNECT_DEADLINE_MS, sendDeadline = SEND_DEADLINE_MS, log = () => undefined } = options;
  const { closeDeadline = CLOSE_DEADLINE_MS, control, transport: setting = 'auto' } = options;
  const life = new Lifetime();
  let guarded: GuardedClient | undefined;
  let closing: Promise<void> | undefined;

  async function connect(signal: AbortSignal): Promise<void> {
    try {
      await life.connect(attemptDeadline(setting, way, connectDeadline), signal, open);
      learn(wayAfterConnection(way), '');
    } catch (error) {
      const progress = guarded?.progress() ?? 'none';
      // An attempt that was given up says nothing about the peer.
      const abandoned = signal.aborted || closing !== undefined;
      if (!abandoned) {
        const why = progress === 'secured' ? 'takes connections and does not answer' : 'cannot be reached';
        learn(wayAfterFailure(setting, way, progress), why);
      }
      throw error;
    }
  }

  async function open(abandoned: AbortSignal): Promise<void> {
    await checkEnvironment(process.env, abandoned);
    const made = await guardedClient(way.transport, control?.methods ?? []).catch((error) => {
      throw connectFault(error, 'the SDK cannot be set up from the environment');
    });
    guarded = made;
    const { client } = made;
    // Whatever the attempt fails of, also after close() has come and gone, the client ends with it.
    const release = () => {
      if (!life.isOpen) void made.end(0);
    };
    abandoned.addEventListener('abort', release);
    if (abandoned.aborted) return release();
    // 'error' without a listener would end the process. 'disconnect' comes when the SDK has given up.
    client.on('error', (error) => life.lose('the connection to edgeHub failed', error));
    client.on('disconnect', () => life.lose('the connection to edgeHub was lost', made.cause()));
    made.onCredentialsLost((error) => life.lose('the token could not be renewed', error));
    try {
      await made.open();
    } catch (error) {
      throw connectFault(error, 'edgeHub cannot be reached');
    }
    if (abandoned.aborted) return;
    options.onClient?.(client, life.over);
    if (control !== undefined) serveControl(client, life.over, control, log);
  }

  return {
    lost: life.lost,
    transport: way.transport,
    connect,
    send(message) {
      const bytes = message.body.length + propertyBytes(message);
      if (bytes > MOST_BYTES) {
        return Promise.reject(new Fault('hub.too-large', `${bytes} bytes where edgeHub takes ${MOST_BYTES}`));
      }
      return life.call(sendDeadline, sendFault, (done) => {
        guarded!.client.sendOutputEvent(OUTPUT, sdkMessage(message), (error) => done(error));
      });
    },
    close() {
      if (closing === undefined) {
        // Disconnecting politely waits for acknowledgements; with messages on the way nobody wants them any more.
        const polite = life.answering;
        life.end();
        closing = guarded === undefined ? Promise.resolve() : guarded.end(polite ? closeDeadline * 0.8 : 0);
      }
      return closing;
    },
  };
}

/** The SDK's message over the same bytes. */
function sdkMessage({ id, body, contentType, contentEncoding, properties }: Message): SdkMessage {
  // A view, so that the caller's buffer stays as it is. The SDK's debug() arguments serialise the message and its
  // acknowledgement as JSON on every send, also when nobody debugs: 4 MB of text for a full body.
  const bytes = Object.assign(Buffer.from(body.buffer, body.byteOffset, body.length), { toJSON: () => id });
  const message = Object.assign(new sdk.Message(bytes), { toJSON: () => id });
  message.messageId = id;
  // The SDK's types know less than IoT Hub takes; the values go out as they are (MQTT: $.ct, $.ce).
  message.contentType = contentType as 'application/json';
  message.contentEncoding = contentEncoding as 'utf-8';
  for (const [name, value] of Object.entries(properties)) message.properties.add(name, value);
  return message;
}

/** Bytes of the properties as edgeHub finds them in an MQTT topic; over AMQP they take fewer. */
function propertyBytes({ id, contentType, contentEncoding, properties }: Message): number {
  const system = { '$.on': OUTPUT, '$.mid': id, '$.ct': contentType, '$.ce': contentEncoding };
  let bytes = 0;
  for (const [name, value] of [...Object.entries(system), ...Object.entries(properties)]) {
    bytes += encodeURIComponent(name).length + encodeURIComponent(value).length + 2;
  }
  return bytes;
}

/** The SDK's errors have a name each; those that tell of the message, the others of the connection. */
function sendFault(error: unknown): Fault {
  const { name, amqpError } = error as { name?: unknown; amqpError?: unknown };
  if (amqpError instanceof Fault) return amqpError;
  if (name === 'MessageTooLargeError') return new Fault('hub.too-large', 'the SDK refuses the message', error);
  if (name === 'TimeoutError') return new Fault('hub.timeout', 'edgeHub did not acknowledge', error);
  return Fault.from(error, 'hub.closed', 'edgeHub took no message');
}
