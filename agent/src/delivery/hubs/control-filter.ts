// Looks at what comes from the cloud before the SDK does. azure-iot-device 1.18.4 and its transports parse and merge such
// messages inside event handlers, so that one that is not as expected would end the process or the connection:
// JSON.parse of a method's or a patch's body (device_method_request.js, mqtt_twin_client.js, amqp_twin_client.js), a
// method without an id, a twin that is `null` (twin.js), a document so deep that walking it exhausts the stack. Pure:
// bytes in, verdict out.

/** What to do with a message. `answer` is a method's: the caller gets this status at once. */
export type Verdict =
  | { readonly do: 'pass' }
  | { readonly do: 'drop'; readonly why: string }
  | { readonly do: 'answer'; readonly rid: string; readonly status: 400 | 404; readonly body: object };

/** IoT Hub nests 10 levels of properties at most (documentation, "Understand and use device twins"); the rest is room. */
const MAX_DEPTH = 32;
/** A method's payload is 128 kB at most, a twin's part 32 kB (IoT Hub quotas). */
const MAX_BYTES = 256 * 1024;

const PASS: Verdict = { do: 'pass' };
const NO_ID = 'a method without a request id';
const METHOD = /^\$iothub\/methods\/POST\/([^/?]*)\/?\?\$rid=([^&]*)/;
const RESPONSE = /^\$iothub\/twin\/res\/(\d+)\//;

/** Of an MQTT message. @param methods names that somebody answers to */
export function look(topic: string, payload: Uint8Array, methods: readonly string[]): Verdict {
  if (!topic.startsWith('$iothub/')) return PASS;
  if (topic.startsWith('$iothub/methods/')) {
    const [, name = '', rid = ''] = METHOD.exec(topic) ?? [];
    return /[+#\0]/.test(rid) ? drop(NO_ID) : lookAtMethod(name, rid, payload, methods);
  }
  if (topic.startsWith('$iothub/twin/PATCH/properties/desired/')) return lookAtDesired(payload);
  const status = RESPONSE.exec(topic)?.[1];
  if (status !== undefined) return response(status, payload);
  return drop('nothing that was asked for');
}

/** Of a direct method. @param rid what its answer must carry */
export function lookAtMethod(name: string, rid: string, payload: Uint8Array, methods: readonly string[]): Verdict {
  if (rid === '') return drop(NO_ID);
  if (!methods.includes(name)) {
    return answer(rid, 404, `there is no method ${JSON.stringify(name)}; there are ${methods.join(', ')}`);
  }
  if (payload.length === 0) return PASS;
  const parsed = parse(payload);
  return 'problem' in parsed ? answer(rid, 400, `the payload ${parsed.problem}`) : PASS;
}

/** Of a change of the desired properties. */
export function lookAtDesired(payload: Uint8Array): Verdict {
  const parsed = parse(payload);
  if ('problem' in parsed) return drop(`desired properties: ${parsed.problem}`);
  return isObject(parsed.value) ? PASS : drop('desired properties are no object');
}

/** Of an answer about the twin, whatever was asked; that a twin has its parts is seen to when it is asked for. */
export function lookAtAnswer(payload: Uint8Array): Verdict {
  if (payload.length === 0) return PASS;
  const parsed = parse(payload);
  if ('problem' in parsed) return drop(`a twin's answer ${parsed.problem}`);
  return isObject(parsed.value) ? PASS : drop('a twin that is no object');
}

/** `value` is a twin as the SDK takes it. */
export function isTwin(value: unknown): boolean {
  return isObject(value) && isObject(value.desired) && isObject(value.reported);
}

function response(status: string, payload: Uint8Array): Verdict {
  // The answer to an update has no body, or an empty object; that to a GET is the twin.
  if (status !== '200') return lookAtAnswer(payload);
  const parsed = parse(payload);
  if ('problem' in parsed) return drop(`a twin's answer ${parsed.problem}`);
  return isTwin(parsed.value) ? PASS : drop('a twin without its parts');
}

const drop = (why: string): Verdict => ({ do: 'drop', why });

function answer(rid: string, status: 400 | 404, message: string): Verdict {
  const code = status === 404 ? 'unknown-method' : 'bad-payload';
  return { do: 'answer', rid, status, body: { code, message } };
}

function parse(payload: Uint8Array): { readonly value: unknown } | { readonly problem: string } {
  if (payload.length > MAX_BYTES) return { problem: `is larger than ${MAX_BYTES} bytes` };
  const text = Buffer.from(payload.buffer, payload.byteOffset, payload.length).toString('utf8');
  if (depth(text) > MAX_DEPTH) return { problem: `is nested deeper than ${MAX_DEPTH} levels` };
  try {
    return { value: JSON.parse(text) };
  } catch {
    return { problem: 'is no JSON' };
  }
}

/** How deep a JSON text nests, without parsing it. */
function depth(text: string): number {
  let level = 0;
  let most = 0;
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const char = text[i];
    if (quoted) {
      if (char === '\\') i++;
      else if (char === '"') quoted = false;
    } else if (char === '"') quoted = true;
    else if (char === '{' || char === '[') most = Math.max(most, ++level);
    else if (char === '}' || char === ']') level--;
  }
  return most;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
