// The MQTT side of edgeHub, for one module: checks who connects, records telemetry before it is acknowledged, answers
// the twin and carries direct methods. One instance is one life of the edgeHub container: sessions die with it.

import type { Duplex } from 'node:stream';
import { Aedes, type Client } from 'aedes';
import type { Acks } from './acks.ts';
import { flawOf, type Identity } from './token.ts';
import { requestOf, type Telemetry, telemetryOf } from './topic.ts';
import type { Properties, Twin } from './twin.ts';

/** A message of more bytes, properties in the topic included, closes the connection: edgeHub's limit. */
const MOST_MESSAGE_BYTES = 262_144;

export interface BrokerOptions {
  readonly identity: Identity;
  readonly twin: Twin;
  readonly acks: Acks;
  /** Takes a message on record. The acknowledgement is decided only when it has returned. */
  readonly record: (telemetry: Telemetry, body: Buffer) => void;
  /** A CONNACK return code (2 to 5) when connections are to be refused, undefined when not. */
  readonly refusal: () => 2 | 3 | 4 | 5 | undefined;
  /** Told why a connection was refused or closed by the hub. */
  readonly refused: (reason: string) => void;
}

export interface MethodAnswer {
  readonly status: number;
  readonly payload: unknown;
}

export interface Broker {
  /** Serves a connection whose TLS handshake is done. */
  handle(connection: Duplex): void;
  /** Clients whose CONNECT was accepted and that are connected now. */
  readonly clients: number;
  /** Pushes a patch of the desired properties to whoever has subscribed to them. */
  push(patch: Properties): void;
  /** Calls a direct method. Rejects with `MethodTimeout` after `timeoutMs`: also when nobody has subscribed. */
  invoke(method: string, payload: unknown, timeoutMs: number): Promise<MethodAnswer>;
  /** Sends these very bytes to the module, as a defective hub would. */
  raw(topic: string, payload: string | Uint8Array): void;
  /** Ends this life: connections are closed, sessions and subscriptions forgotten. */
  close(): Promise<void>;
}

/** No answer to a direct method in time. IoT Hub says 504, or 404 when the module is not connected. */
class MethodTimeout extends Error {
  override readonly name = 'MethodTimeout';
}

export async function openBroker(options: BrokerOptions): Promise<Broker> {
  const { identity, twin, acks } = options;
  const clientId = `${identity.deviceId}/${identity.moduleId}`;
  const answers = new Map<string, (answer: MethodAnswer) => void>();
  let rid = 0;

  const broker = await Aedes.createBroker({
    authenticate(client, username, password, done) {
      const flaw = refusalOf(client, username, password?.toString() ?? '');
      if (flaw === undefined) return done(null, true);
      options.refused(flaw.reason);
      done(Object.assign(new Error(flaw.reason), { returnCode: flaw.code }), false);
    },
    authorizePublish(client, packet, done) {
      if (client === null) return done(null);
      const body = Buffer.isBuffer(packet.payload) ? packet.payload : Buffer.from(packet.payload);
      const telemetry = telemetryOf(packet.topic, identity.deviceId, identity.moduleId);
      if (telemetry === undefined) {
        done(answer(packet.topic, body) ? null : new Error(`${packet.topic} is not for this module`));
        return;
      }
      const bytes = body.length + telemetry.propertyBytes;
      if (bytes > MOST_MESSAGE_BYTES) {
        options.refused(`message of ${bytes} bytes`);
        done(new Error('too large'));
        return;
      }
      options.record(telemetry, body);
      acks.take({ acknowledge: () => done(null), cut: () => client.conn.destroy() });
    },
    authorizeSubscribe(_client, subscription, done) {
      const own = `devices/${identity.deviceId}/modules/${identity.moduleId}/`;
      const allowed = subscription.topic.startsWith('$iothub/') || subscription.topic.startsWith(own);
      done(null, allowed ? subscription : null);
    },
  });

  function refusalOf(client: Client, username: string | undefined, token: string) {
    const code = options.refusal();
    if (code !== undefined) return { code, reason: 'refused by order' };
    if (client.id !== clientId) return { code: 2, reason: `client id ${client.id}` };
    const user = `${identity.hostName}/${clientId}/?api-version=`;
    if (!username?.startsWith(user)) return { code: 4, reason: `user name ${username}` };
    const flaw = flawOf(token, identity);
    return flaw === undefined ? undefined : { code: 5, reason: flaw };
  }

  /** Acts on what the module published below `$iothub/`; false when that is nothing it may publish. */
  function answer(topic: string, body: Buffer): boolean {
    const request = requestOf(topic);
    if (request === undefined) return false;
    if (request.kind === 'twin-get') {
      // Through the subscription, not straight to the client: a client whose subscription was lost with the session
      // must not hear the answer (azure-iot-sdk-node#1255).
      publish(`$iothub/twin/res/200/?$rid=${request.rid}`, { desired: twin.desired, reported: twin.reported });
      return true;
    }
    const payload = jsonOf(body);
    if (request.kind === 'twin-report') {
      if (typeof payload !== 'object' || payload === null || Array.isArray(payload)) {
        publish(`$iothub/twin/res/400/?$rid=${request.rid}`, { errorCode: 400_004, message: 'not a JSON object' });
      } else {
        const version = twin.report(payload as Properties);
        publish(`$iothub/twin/res/204/?$rid=${request.rid}&$version=${version}`, {});
      }
      return true;
    }
    answers.get(request.rid)?.({ status: request.status, payload });
    return true;
  }

  function publish(topic: string, payload: unknown): void {
    const packet = { cmd: 'publish', topic, qos: 0, dup: false, retain: false } as const;
    broker.publish({ ...packet, payload: JSON.stringify(payload) }, () => undefined);
  }

  return {
    handle: (connection) => void broker.handle(connection),
    get clients() {
      return broker.connectedClients;
    },
    push: (patch) => publish(`$iothub/twin/PATCH/properties/desired/?$version=${patch.$version}`, patch),
    invoke(method, payload, timeoutMs) {
      rid += 1;
      const id = String(rid);
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
        publish(`$iothub/methods/POST/${method}/?$rid=${id}`, payload);
      });
    },
    raw(topic, payload) {
      const packet = { cmd: 'publish', topic, qos: 0, dup: false, retain: false } as const;
      broker.publish({ ...packet, payload: Buffer.from(payload) }, () => undefined);
    },
    close: () => new Promise((resolve) => broker.close(() => resolve())),
  };
}

function jsonOf(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}
