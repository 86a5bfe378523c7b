// The topics of IoT Hub over MQTT 3.1.1: telemetry carries a message's properties in its topic, twins and methods
// carry a request id there.

import type { Telemetry } from './head.ts';

/** Reads the topic of a telemetry message, or answers undefined when it is not one of this module. */
export function telemetryOf(topic: string, deviceId: string, moduleId: string): Telemetry | undefined {
  const head = `devices/${deviceId}/modules/${moduleId}/messages/events/`;
  if (!topic.startsWith(head)) return undefined;
  const tail = topic.endsWith('/') ? topic.slice(head.length, -1) : topic.slice(head.length);
  const system: Record<string, string> = {};
  const properties: Record<string, string> = {};
  for (const [name, value] of new URLSearchParams(tail)) {
    if (name.startsWith('$.')) system[name] = value;
    else properties[name] = value;
  }
  return {
    output: system['$.on'],
    id: system['$.mid'],
    contentType: system['$.ct'],
    contentEncoding: system['$.ce'],
    properties,
    propertyBytes: Buffer.byteLength(tail),
  };
}

/** What a module asks of its twin, or answers to a method. */
export type Request =
  | { readonly kind: 'twin-get'; readonly rid: string }
  | { readonly kind: 'twin-report'; readonly rid: string }
  | { readonly kind: 'method-answer'; readonly rid: string; readonly status: number };

/** Reads a topic below `$iothub/`; undefined when it is none that a module may publish to. */
export function requestOf(topic: string): Request | undefined {
  const question = topic.indexOf('?');
  if (question < 0) return undefined;
  const rid = new URLSearchParams(topic.slice(question + 1)).get('$rid');
  if (rid === null) return undefined;
  const path = topic.slice(0, question);
  if (path === '$iothub/twin/GET/') return { kind: 'twin-get', rid };
  if (path === '$iothub/twin/PATCH/properties/reported/') return { kind: 'twin-report', rid };
  const status = /^\$iothub\/methods\/res\/(-?\d+)\/$/.exec(path)?.[1];
  return status === undefined ? undefined : { kind: 'method-answer', rid, status: Number(status) };
}
