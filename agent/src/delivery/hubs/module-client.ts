// The SDK's ModuleClient with its defects contained (azure-iot-device 1.18.4, azure-iot-device-mqtt 1.16.4). Everything
// this room knows of the SDK's inside is in this file:
//
// - the credential provider's 'error' event, raised when signing fails at the renewal of the token (every 45 minutes),
//   has no listener in the SDK and would end the process;
// - a sign answer without its digest throws inside the SDK's response handler, which would end the process too, and a
//   sign request that is never answered is waited for without end;
// - the first connect hides why it failed behind 'Not authorized' (azure-iot-sdk-node#1088);
// - an acknowledgement is turned into JSON for a debug line that nobody reads, with a copy of the whole body in it:
//   half of the CPU that a message costs (the other half is in iot-edge.ts, which makes the messages);
// - messages below `$iothub/` that are not as expected throw inside event handlers (control-filter.ts);
// - close() waits for acknowledgements that may never come, and a renewal under way survives it.

import type { EventEmitter } from 'node:events';
import { Agent } from 'node:http';
import type { Duplex } from 'node:stream';
import sdk, { type ModuleClient } from 'azure-iot-device';
import mqttTransport, { type Mqtt } from 'azure-iot-device-mqtt';
import { Fault } from '../../model/fault.ts';
import { look } from './control-filter.ts';
import { settled } from './lifetime.ts';

/** How long the workload API may take to sign a token, ms. */
const SIGN_DEADLINE_MS = 10_000;
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

type Done = (error?: Error | null, body?: unknown, response?: unknown) => void;

/** What the SDK's credential provider has inside; a connection string's provider signs by itself, without REST. */
interface Provider extends EventEmitter {
  stop(): void;
  _restApiClient?: {
    setOptions(options: { http: { agent: Agent } }): void;
    executeApiCall(method: string, path: string, headers: unknown, body: unknown, options: unknown, done: Done): void;
  };
}

interface MqttInside {
  _mqtt: { mqttProvider: { connect(uri: string, options: object): RawClient } };
}

export interface GuardedClient {
  readonly client: ModuleClient;
  /** What the MQTT client beneath, or the workload API, gave as the first cause of a failure. */
  readonly cause: () => unknown;
  /** Called when the credentials cannot be renewed; the connection will end when the token expires. */
  onCredentialsLost(told: (error: unknown) => void): void;
  /** Tries to disconnect for `graceMs`, then ends whatever is left: no socket, timer or request of the SDK remains. */
  end(graceMs: number): Promise<void>;
}

/**
 * `ModuleClient.fromEnvironment` over MQTT, guarded. The environment should have been checked before.
 * @param methods names of the direct methods that will be answered
 */
export async function guardedClient(methods: readonly string[]): Promise<GuardedClient> {
  const guards: { provider: Provider; raw: Set<RawClient> }[] = [];
  /** Sign requests go through it, so that one that hangs can be ended. */
  const agent = new Agent();
  let cause: unknown;
  let ended = false;
  let credentialsLost: (error: unknown) => void = () => undefined;

  /** The SDK calls `new` on this; what a constructor returns is what `new` yields. */
  function Transport(provider: Provider): Mqtt {
    const raw = new Set<RawClient>();
    guards.push({ provider, raw });
    provider.on('error', (error) => {
      cause ??= error;
      if (!ended) credentialsLost(error);
    });
    guardSigning(provider, agent, () => ended);
    const transport = new mqttTransport.Mqtt(provider as never);
    const base = (transport as unknown as MqttInside)._mqtt;
    const { mqttProvider } = base;
    base.mqttProvider = {
      connect(uri, options) {
        const fresh = mqttProvider.connect(uri, { ...options, keepalive: KEEPALIVE_S });
        raw.add(fresh);
        cheapen(fresh);
        sift(fresh, methods);
        fresh.on('error', (error) => {
          cause ??= error;
        });
        fresh.on('close', () => raw.delete(fresh));
        if (ended) discard(fresh);
        return fresh;
      },
    };
    return transport;
  }

  const client = await sdk.ModuleClient.fromEnvironment(Transport);
  // The forwarder retries, with a new hub each time; the SDK's retrying would send messages twice and hide the loss.
  client.setRetryPolicy({ shouldRetry: () => false, nextRetryTimeout: () => -1 } as never);
  return {
    client,
    cause: () => cause,
    onCredentialsLost(told) {
      credentialsLost = told;
    },
    async end(graceMs) {
      ended = true;
      if (graceMs > 0) await settled(client.close(), graceMs);
      // Before close(): asked first, it would wait for the acknowledgements of what is on the way.
      for (const { raw } of guards) for (const each of raw) discard(each);
      client.close().catch(() => undefined);
      for (const { provider } of guards) provider.stop();
      agent.destroy();
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
    if (verdict.do === 'answer') client.publish(verdict.topic, verdict.body, { qos: 0 });
    return true;
  };
}

/** Gives every call of the workload API a deadline and one answer, and takes none without a digest. */
function guardSigning(provider: Provider, agent: Agent, ended: () => boolean): void {
  const rest = provider._restApiClient;
  if (rest === undefined) return;
  rest.setOptions({ http: { agent } });
  const execute = rest.executeApiCall.bind(rest);
  rest.executeApiCall = (method, path, headers, body, options, done) => {
    let settledOnce = false;
    const once: Done = (error, answer, response) => {
      if (settledOnce) return;
      settledOnce = true;
      clearTimeout(timer);
      // A provider that goes on after its client has ended would sign and schedule for ever.
      if (ended()) done(new Fault('hub.closed', 'the connection was closed'));
      else if (error) done(error);
      else if (typeof (answer as { digest?: unknown } | undefined)?.digest === 'string') done(null, answer, response);
      else done(new Fault('hub.unreachable', 'the workload API answered a sign request without a digest'));
    };
    const late = () => {
      once(new Fault('hub.timeout', `the workload API did not sign within ${SIGN_DEADLINE_MS} ms`));
      agent.destroy();
    };
    const timer = setTimeout(late, SIGN_DEADLINE_MS);
    execute(method, path, headers, body, options, once);
  };
}
