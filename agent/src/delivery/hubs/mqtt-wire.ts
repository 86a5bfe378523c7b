// The SDK's MQTT transport with its defects contained (azure-iot-device-mqtt 1.16.4, mqtt.js 4.3.8 beneath):
//
// - the first connect hides why it failed behind 'Not authorized' (azure-iot-sdk-node#1088): the client beneath knows;
// - an acknowledgement is turned into JSON for a debug line that nobody reads, with a copy of the whole body in it:
//   half of the CPU that a message costs (the other half is in iot-edge.ts, which makes the messages);
// - messages below `$iothub/` that are not as expected throw inside event handlers (control-filter.ts);
// - close() waits for acknowledgements that may never come.

import type { EventEmitter } from 'node:events';
import type { Duplex } from 'node:stream';
import mqttTransport from 'azure-iot-device-mqtt';
import { look } from './control-filter.ts';
import type { Progress } from './transport.ts';
import type { Wire } from './wire.ts';

/** The SDK pings every 180 s; a black hole should be noticed sooner, and pings are free of charge. */
const KEEPALIVE_S = 60;

/** The MQTT client beneath, of mqtt.js 4. */
interface RawClient extends EventEmitter {
  end(force: boolean): void;
  publish(topic: string, body: string, options: { readonly qos: 0 }): unknown;
  readonly stream?: Duplex;
  /** Keeps a copy of each packet until it is acknowledged. */
  readonly outgoingStore: { put(packet: object, done: () => void): unknown };
}

interface MqttInside {
  _mqtt: { mqttProvider: { connect(uri: string, options: object): RawClient } };
}

/** @param methods names of the direct methods that will be answered */
export function mqttWire(methods: readonly string[]): Wire {
  const raw = new Set<RawClient>();
  let cause: unknown;
  let progress: Progress = 'none';
  let ended = false;

  return {
    transport(credentials) {
      const transport = new mqttTransport.Mqtt(credentials as never);
      const base = (transport as unknown as MqttInside)._mqtt;
      const { mqttProvider } = base;
      base.mqttProvider = {
        connect(uri, options) {
          const fresh = mqttProvider.connect(uri, { ...options, keepalive: KEEPALIVE_S });
          raw.add(fresh);
          cheapen(fresh);
          sift(fresh, methods);
          progress = 'dialled';
          fresh.stream?.once('secureConnect', () => {
            progress = 'secured';
          });
          fresh.once('packetreceive', () => {
            progress = 'answered';
          });
          fresh.on('error', (error) => {
            cause ??= error;
          });
          fresh.on('close', () => raw.delete(fresh));
          if (ended) discard(fresh);
          return fresh;
        },
      };
      return transport;
    },
    progress: () => progress,
    cause: () => cause,
    // The SDK tells of every end.
    gone: new Promise(() => undefined),
    discard() {
      ended = true;
      for (const each of raw) discard(each);
    },
  };
}

function discard(client: RawClient): void {
  client.end(true);
  client.stream?.destroy();
}

/** The stored copy of a packet is what comes with its acknowledgement: as JSON it shall be short. */
function cheapen({ outgoingStore }: RawClient): void {
  const put = outgoingStore.put.bind(outgoingStore);
  outgoingStore.put = (packet, done) => put(Object.assign(packet, { toJSON: () => 'publish' }), done);
}

/** Lets through what the SDK can take. */
function sift(client: RawClient, methods: readonly string[]): void {
  const emit = client.emit.bind(client);
  client.emit = (event, ...args) => {
    if (event !== 'message') return emit(event, ...args);
    const [topic, payload] = args as [string, Uint8Array];
    const verdict = look(topic, payload, methods);
    if (verdict.do === 'pass') return emit(event, ...args);
    if (verdict.do === 'answer') {
      const to = `$iothub/methods/res/${verdict.status}/?$rid=${verdict.rid}`;
      client.publish(to, JSON.stringify(verdict.body), { qos: 0 });
    }
    return true;
  };
}
