// The gateway writes to no OPC UA server: its sources name none of the services that change something there. (For Modbus
// test/hostile/modbus-read-only.test.ts shows the same, down to the bytes.)

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const AGENT = join(import.meta.dirname, '..', '..', 'agent/src');

/** The client library's ways to write values, call methods, and change nodes or history (OPC 10000-4, sections 5.7 to 5.12). */
const CHANGING =
  /\b(write|writeSingleNode|writeNode|WriteRequest|WriteValue|call|CallRequest|CallMethodRequest|callMethod|historyUpdate|HistoryUpdateRequest|addNodes|AddNodesRequest|deleteNodes|DeleteNodesRequest|addReferences|deleteReferences)\b/;
/** Of the session or of a request's name, not of a socket, a log or a function. */
const ON_A_SESSION = new RegExp(`(?:[sS]ession|[cC]lient|[cC]hannel)\\w*[?!]?\\.${CHANGING.source}\\s*\\(`);
const REQUEST = /\b(Write|Call|CallMethod|HistoryUpdate|AddNodes|DeleteNodes|AddReferences|DeleteReferences)Request\b/;

const sources = readdirSync(AGENT, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts') && !name.startsWith('cli/demo'))
  .map((name) => ({ name, text: readFileSync(join(AGENT, name), 'utf8').replace(/^\s*(\/\/|\*|\/\*).*$/gm, '') }));

it('names no service that changes a server', () => {
  expect(sources.filter(({ name }) => name.startsWith('adapters/opcua/')).length).toBeGreaterThan(15);
  const found = sources.flatMap(({ name, text }) =>
    text
      .split('\n')
      .filter((line) => REQUEST.test(line) || (ON_A_SESSION.test(line) && /opcua|wiring/.test(name)))
      .map((line) => `${name}: ${line.trim()}`),
  );
  // ConditionRefresh (OPC 10000-9, 5.5.7) has the alarms sent again that stand; it changes nothing, and is the one call.
  const once = (pattern: RegExp) => found.filter((line) => pattern.test(line)).length;
  expect(found.filter((line) => !line.startsWith('adapters/opcua/events/events.ts: '))).toEqual([]);
  expect([once(/new \w+Request\(/), once(ON_A_SESSION), found.length]).toEqual([1, 1, 3]);
  const events = sources.find(({ name }) => name === 'adapters/opcua/events/events.ts')!.text;
  expect(events).toMatch(/new CallMethodRequest\(\{\s*objectId: CONDITION_TYPE,\s*methodId: CONDITION_REFRESH,/);
  expect(events).toMatch(/const CONDITION_REFRESH = resolveNodeId\('i=3875'\);/);
});

it('would find one', () => {
  for (const line of [
    'await session.write(nodes)',
    'this.#session!.call({})',
    'new WriteRequest({',
    'client.writeSingleNode(a, b)',
  ])
    expect(REQUEST.test(line) || ON_A_SESSION.test(line), line).toBe(true);
});
