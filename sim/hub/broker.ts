// The MQTT side of edgeHub, for one module: checks who connects, records telemetry before it is acknowledged, answers
// the twin and carries direct methods. One instance is one life of the edgeHub container: sessions die with it.

import { Aedes, type Client } from 'aedes';
import { type Head, type HeadOptions, type MethodAnswer, MethodTimeout, MOST_MESSAGE_BYTES } from './head.ts';
import { flawOf } from './token.ts';
import { requestOf, telemetryOf } from './topic.ts';
import type { Properties } from './twin.ts';

export interface Broker extends Head {
  /** Sends these very bytes to the module, as a defective hub would. */
  raw(topic: string, payload: string | Uint8Array): void;
}

export async function openBroker(options: HeadOptions): Promise<Broker> {
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
