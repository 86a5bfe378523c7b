// Twin and direct methods of one connection: brings them from the SDK's client to the desk, for as long as that
// connection lives. What the SDK waits for without end has a deadline here, and nothing of it can fail the delivery of
// readings: without a twin a gateway goes on, and asks again.

import { setTimeout as sleep } from 'node:timers/promises';
import type { DeviceMethodRequest, DeviceMethodResponse, ModuleClient, Twin } from 'azure-iot-device';
import { describe, Fault } from '../../model/fault.ts';
import type { Log } from '../../model/log.ts';
import type { ControlDesk, Json, JsonObject, MethodAnswer } from '../control.ts';

/** Longest that the twin may be waited for, ms, and how long until it is asked for again. */
const TWIN_DEADLINE = 20_000;
const TWIN_AGAIN = 30_000;
/** IoT Hub takes 128 kB of a method's answer. */
const MAX_ANSWER = 128 * 1024;

/** Serves the desk over `client` until `over` aborts. Never throws. */
export function serveControl(client: ModuleClient, over: AbortSignal, desk: ControlDesk, log: Log): void {
  for (const name of desk.methods) {
    client.onMethod(name, (request, response) => {
      if (request !== undefined && response !== undefined) void answer(desk, request, response, over, log);
    });
  }
  void serveTwin(client, over, desk, log);
}

async function answer(
  desk: ControlDesk,
  request: DeviceMethodRequest,
  response: DeviceMethodResponse,
  over: AbortSignal,
  log: Log,
): Promise<void> {
  let given: MethodAnswer;
  try {
    given = await desk.call(request.methodName, request.payload as Json | undefined);
  } catch (error) {
    given = { code: 500, payload: { code: 'failed', message: describe(error) } };
  }
  if (Buffer.byteLength(JSON.stringify(given.payload)) > MAX_ANSWER) {
    const message = `the answer is larger than ${MAX_ANSWER / 1024} kB; ask for less`;
    given = { code: 413, payload: { code: 'too-large', message } };
  }
  if (over.aborted) return;
  response.send(given.code, given.payload, (error) => {
    if (error) log('warn', 'the answer to a direct method could not be sent', { method: request.methodName });
  });
}

/** Fetches the twin, again and again until it comes, and hands over its desired part and every change of it. */
async function serveTwin(client: ModuleClient, over: AbortSignal, desk: ControlDesk, log: Log): Promise<void> {
  over.addEventListener('abort', () => desk.reporting(undefined), { once: true });
  while (!over.aborted) {
    try {
      const twin = await within<Twin>(TWIN_DEADLINE, 'the twin', (done) => client.getTwin(done));
      if (over.aborted) return;
      // Without a listener an error of the subscription would end the process.
      twin.on('error', (error: unknown) => log('warn', 'the twin is deaf', { reason: describe(error) }));
      twin.on('properties.desired', () => {
        if (!over.aborted) desk.desired(structuredClone(twin.properties.desired) as JsonObject);
      });
      desk.reporting({ report: (patch) => report(twin, patch, over), reported: reportedOf(twin) });
      return;
    } catch (error) {
      if (over.aborted) return;
      log('warn', 'the twin did not come', { reason: describe(error), againInMs: TWIN_AGAIN });
      await sleep(TWIN_AGAIN, undefined, { signal: over }).catch(() => {});
    }
  }
}

/** The reported properties as the twin holds them, as data. */
function reportedOf(twin: Twin): JsonObject {
  return JSON.parse(JSON.stringify(twin.properties.reported)) as JsonObject;
}

async function report(twin: Twin, patch: JsonObject, over: AbortSignal): Promise<void> {
  if (over.aborted) throw new Fault('hub.closed', 'the connection is over');
  await within<void>(TWIN_DEADLINE, 'the update of the twin', (done) => twin.properties.reported.update(patch, done));
}

/** A call with a callback, as a promise with a deadline. */
function within<T>(
  ms: number,
  what: string,
  ask: (done: (error?: Error | null, result?: T) => void) => unknown,
): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const timer = setTimeout(() => reject(new Fault('hub.timeout', `${what} was not answered in ${ms / 1_000} s`)), ms);
  ask((error, result) => (error ? reject(error) : resolve(result as T)));
  return promise.finally(() => clearTimeout(timer));
}
