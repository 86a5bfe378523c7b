// The SDK's ModuleClient with its defects contained (azure-iot-device 1.18.4). Everything that this room knows of the
// SDK's inside is here and in the two wires:
//
// - the credential provider's 'error' event, raised when signing fails at the renewal of the token (every 45 minutes),
//   has no listener in the SDK and would end the process;
// - a sign answer without its digest throws inside the SDK's response handler, which would end the process too, and a
//   sign request that is never answered is waited for without end;
// - close() may wait for ever, and a renewal under way survives it.

import { Agent } from 'node:http';
import sdk, { type ModuleClient } from 'azure-iot-device';
import { Fault } from '../../model/fault.ts';
import { settled } from './lifetime.ts';
import type { Progress, Transport } from './transport.ts';
import type { Credentials, Wire } from './wire.ts';

/** How long the workload API may take to sign a token, ms. */
const SIGN_DEADLINE_MS = 10_000;

type Done = (error?: Error | null, body?: unknown, response?: unknown) => void;

/** What the SDK's credential provider has inside; a connection string's provider signs by itself, without REST. */
interface Provider extends Credentials {
  _restApiClient?: {
    setOptions(options: { http: { agent: Agent } }): void;
    executeApiCall(method: string, path: string, headers: unknown, body: unknown, options: unknown, done: Done): void;
  };
}

export interface GuardedClient {
  readonly client: ModuleClient;
  /** Connects; rejects with the first cause that is known. Without a deadline. */
  open(): Promise<void>;
  /** How far the attempt to connect came. */
  readonly progress: () => Progress;
  /** What the library beneath, or the workload API, gave as the first cause of a failure. */
  readonly cause: () => unknown;
  /** Called when the credentials cannot be renewed; the connection will end when the token expires. */
  onCredentialsLost(told: (error: unknown) => void): void;
  /** Tries to disconnect for `graceMs`, then ends whatever is left: no socket, timer or request of the SDK remains. */
  end(graceMs: number): Promise<void>;
}

/**
 * `ModuleClient.fromEnvironment` over `by`, guarded. The environment should have been checked before.
 * @param methods names of the direct methods that will be answered
 */
export async function guardedClient(by: Transport, methods: readonly string[]): Promise<GuardedClient> {
  const wire = await wireOf(by, methods);
  const providers: Provider[] = [];
  /** Sign requests go through it, so that one that hangs can be ended. */
  const agent = new Agent();
  let cause: unknown;
  let ended = false;
  let credentialsLost: (error: unknown) => void = () => undefined;

  /** The SDK calls `new` on this; what a constructor returns is what `new` yields. */
  function Transport(provider: Provider): object {
    providers.push(provider);
    provider.on('error', (error) => {
      cause ??= error;
      if (!ended) credentialsLost(error);
    });
    guardSigning(provider, agent, () => ended);
    return wire.transport(provider);
  }

  const client = await sdk.ModuleClient.fromEnvironment(Transport);
  // The forwarder retries, with a new hub each time; the SDK's retrying would send messages twice and hide the loss.
  client.setRetryPolicy({ shouldRetry: () => false, nextRetryTimeout: () => -1 } as never);
  return {
    client,
    async open() {
      const gone = wire.gone.then(() => {
        throw new Fault('hub.unreachable', 'edgeHub closed the connection');
      });
      try {
        await Promise.race([client.open(), gone]);
      } catch (error) {
        throw cause ?? wire.cause() ?? error;
      }
    },
    progress: wire.progress,
    cause: () => cause ?? wire.cause(),
    onCredentialsLost(told) {
      credentialsLost = told;
    },
    async end(graceMs) {
      ended = true;
      if (graceMs > 0) await settled(client.close(), graceMs);
      // Before close(): asked first, it would wait for the answers to what is on the way.
      wire.discard();
      client.close().catch(() => undefined);
      for (const provider of providers) provider.stop();
      agent.destroy();
    },
  };
}

/** Only the library in use is loaded. */
async function wireOf(by: Transport, methods: readonly string[]): Promise<Wire> {
  if (by === 'mqtt') return (await import('./mqtt-wire.ts')).mqttWire(methods);
  return (await import('./amqp-wire.ts')).amqpWire(by, methods);
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
