// A server that is there and takes nobody yet: its relay hangs up, it has no session free, it says that it is halted. It is
// asked often enough that readings flow within three seconds of its being ready, and that is told as what it is.

import { afterEach, expect, test } from 'vitest';
import { opcuaAdapter } from '../../../../agent/src/adapters/opcua/adapter.ts';
import { visiting } from '../../../../agent/src/adapters/opcua/link/visit.ts';
import { faultOf } from '../../../../agent/src/adapters/opcua/source/faults.ts';
import type { OpcUaOptions } from '../../../../agent/src/adapters/opcua/source/options.ts';
import { type Supervisor, supervisor } from '../../../../agent/src/adapters/supervisor.ts';
import { StatusCode } from '../../../../agent/src/model/status.ts';
import { scratch } from '../../../support/scratch.ts';
import { until } from '../../../support/until.ts';
import { wire } from '../../wire.ts';
import { openly, QUICK, smallServer, tagsOf } from '../rig.ts';

const undo: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const each of undo.splice(0).reverse()) await each();
});

const SERVER_TIME = 'i=2258';

async function plc(more: Parameters<typeof smallServer>[1] = {}) {
  const server = await smallServer(() => {}, more);
  undo.push(() => server.stop());
  return server;
}

/** A source, and how long it meant to wait after each attempt that failed, ms. */
function gather(options: OpcUaOptions): { source: Supervisor; waits: { code: unknown; ms: number }[] } {
  const waits: { code: unknown; ms: number }[] = [];
  const source = supervisor({
    source: {
      name: options.name,
      protocol: 'opcua',
      address: options.endpoint,
      tags: [0],
      latency: 200,
      create: () => opcuaAdapter(options, QUICK),
    },
    accept() {},
    describe() {},
    lost() {},
    log(_level, text, fields = {}) {
      if (text === 'source not reachable') waits.push({ code: fields.code, ms: Number(fields.retryInMs) });
    },
  });
  undo.push(() => source.stop());
  source.start();
  return { source, waits };
}

const flows = (source: Supervisor) => until('readings', () => source.stats().received > 0, 20_000);

test('a relay that hangs up as long as its server starts', { timeout: 60_000 }, async () => {
  const server = await plc();
  const link = await wire(server.port);
  undo.push(() => link.stop());
  link.turnAway();
  const options = openly(`opc.tcp://127.0.0.1:${link.port}`, scratch(), tagsOf([SERVER_TIME]));
  const { source, waits } = gather(options);
  // By the schedule for refusals the fifth wait would be of 8 s.
  await until('six attempts', () => waits.length >= 6, 40_000);
  link.letIn();
  await flows(source);
  expect(new Set(waits.map(({ code }) => code))).toEqual(new Set(['source.unready']));
  expect(Math.max(...waits.map(({ ms }) => ms))).toBeLessThanOrEqual(2_000);
});

test('a server without a free session', { timeout: 60_000 }, async () => {
  const server = await plc({ capabilities: { maxSessions: 1 } });
  const options = openly(server.endpoint, scratch(), tagsOf([SERVER_TIME]));
  const visit = visiting(options, new AbortController().signal);
  await visit.next();
  const { source, waits } = gather(options);
  await until('two attempts', () => waits.length >= 2, 20_000);
  await visit.return(undefined);
  await flows(source);
  expect(new Set(waits.map(({ code }) => code))).toEqual(new Set(['source.unready']));
});

test.each([
  ['BadServerHalted', 'source.unready'],
  ['BadShutdown', 'source.unready'],
  ['BadTooManySessions', 'source.unready'],
  ['BadTcpServerTooBusy', 'source.unready'],
  ['BadMaxConnectionsReached', 'source.unready'],
  ['BadUserAccessDenied', 'source.credentials'],
  ['BadIdentityTokenRejected', 'source.credentials'],
  ['BadCertificateUntrusted', 'source.refused'],
  ['BadSecurityChecksFailed', 'source.refused'],
  ['BadLicenseExpired', 'source.refused'],
] as const)('%s is %s', (status, code) => {
  expect(faultOf(StatusCode[status], 'connecting').code).toBe(code);
});
