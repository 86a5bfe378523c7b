// What may pass from edgeHub to the SDK over AMQP, told by the link that it came by. Pure: the verdicts are those of
// control-filter.ts.

import { lookAtAnswer, lookAtDesired, lookAtMethod, type Verdict } from './control-filter.ts';

/** A message as rhea hands it out: nothing in it is certain. */
export interface Received {
  body?: unknown;
  readonly correlation_id?: unknown;
  readonly application_properties?: unknown;
  readonly message_annotations?: unknown;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** @param endpoint the link's address @param methods names that somebody answers to */
export function admits(endpoint: string, message: Received, methods: readonly string[]): Verdict {
  const payload = payloadOf(message.body);
  if (payload === undefined) return { do: 'drop', why: 'a body that is no data' };
  const id = idOf(message.correlation_id);
  if (endpoint.endsWith('/methods/devicebound')) {
    const properties = message.application_properties as { 'IoThub-methodname'?: unknown } | undefined | null;
    const name = properties?.['IoThub-methodname'];
    if (typeof name !== 'string') return { do: 'drop', why: 'a method without a name' };
    return lookAtMethod(name, id, payload, methods);
  }
  if (!endpoint.endsWith('/twin')) return { do: 'pass' };
  // The SDK takes what has no id for a change of the desired properties.
  if (!message.correlation_id) return lookAtDesired(payload);
  // Only its own ids are asked for, and they are text: any other would be looked up in an object with a prototype.
  if (typeof message.correlation_id !== 'string' || !UUID.test(id)) return { do: 'drop', why: 'an unknown request' };
  // An empty text is no JSON to the SDK, no body is none.
  if (payload.length === 0) message.body = undefined;
  return lookAtAnswer(payload);
}

/** The bytes of a body of one data section, none when there is no body, undefined when it is something else. */
function payloadOf(body: unknown): Uint8Array | undefined {
  if (body === undefined || body === null) return new Uint8Array();
  const { content } = body as { content?: unknown };
  return Buffer.isBuffer(content) ? content : undefined;
}

/** As the SDK will read it: text, or the 16 bytes of a UUID. */
function idOf(id: unknown): string {
  if (typeof id === 'string') return id;
  if (!Buffer.isBuffer(id) || id.length !== 16) return '';
  return id.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
