// The choice of the transport: what it is by the record alone, and what comes of it against an edgeHub that loses the
// MQTT CONNECT, as 1.6.0 and 1.6.1 do.

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Hub, HubFactory } from '../../../agent/src/delivery/hubs/hub.ts';
import { iotEdgeHub } from '../../../agent/src/delivery/hubs/iot-edge.ts';
import {
  attemptDeadline,
  firstWay,
  type Progress,
  type TransportSetting,
  type Way,
  wayAfterConnection,
  wayAfterFailure,
} from '../../../agent/src/delivery/hubs/transport.ts';
import { type LocalHub, startHub } from '../../../sim/hub/hub.ts';
import { scratch } from '../../support/scratch.ts';
import { faultOf, message } from './suite.ts';

type Event = Progress | 'connected';

/** The transports of the attempts that `events` are the outcomes of, and of the one after them. */
function transports(setting: TransportSetting, events: readonly Event[]): string[] {
  let way: Way = firstWay(setting);
  const taken: string[] = [way.transport];
  for (const event of events) {
    way = event === 'connected' ? wayAfterConnection(way) : wayAfterFailure(setting, way, event);
    taken.push(way.transport);
  }
  return taken;
}

describe('the choice', () => {
  test.each<[string, TransportSetting, Event[], string[]]>([
    ['no answer: the other at once', 'auto', ['secured'], ['mqtt', 'amqp']],
    ['nor there: back', 'auto', ['secured', 'secured'], ['mqtt', 'amqp', 'mqtt']],
    ['what worked is what begins', 'auto', ['secured', 'connected', 'dialled'], ['mqtt', 'amqp', 'amqp', 'amqp']],
    ['nobody there: after three', 'auto', ['dialled', 'dialled', 'dialled'], ['mqtt', 'mqtt', 'mqtt', 'amqp']],
    ['an answer, whatever it was', 'auto', ['answered', 'answered', 'answered'], ['mqtt', 'mqtt', 'mqtt', 'mqtt']],
    ['before the network', 'auto', ['none', 'none', 'none'], ['mqtt', 'mqtt', 'mqtt', 'mqtt']],
    ['forced', 'mqtt', ['secured', 'dialled', 'dialled'], ['mqtt', 'mqtt', 'mqtt', 'mqtt']],
    ['forced', 'amqp-ws', ['secured', 'connected'], ['amqp-ws', 'amqp-ws', 'amqp-ws']],
  ])('%s (%s)', (_what, setting, events, expected) => {
    expect(transports(setting, events)).toEqual(expected);
  });

  test('the first MQTT attempt is short, and no other one', () => {
    const first = firstWay('auto');
    expect(attemptDeadline('auto', first, 60_000)).toBe(15_000);
    expect(attemptDeadline('auto', first, 300)).toBe(300);
    expect(attemptDeadline('mqtt', firstWay('mqtt'), 60_000)).toBe(60_000);
    const amqp = wayAfterFailure('auto', first, 'secured');
    expect(attemptDeadline('auto', amqp, 60_000)).toBe(60_000);
    // A hub that is slow by both gets the time that it needs.
    const again = wayAfterFailure('auto', amqp, 'secured');
    expect(again.transport).toBe('mqtt');
    expect(attemptDeadline('auto', again, 60_000)).toBe(60_000);
    expect(attemptDeadline('auto', wayAfterConnection(again), 60_000)).toBe(15_000);
  });
});

describe('an edgeHub that loses the MQTT CONNECT', () => {
  const folder = scratch();
  const forever = () => new AbortController().signal;
  let local: LocalHub;
  let environment: NodeJS.ProcessEnv;
  let hubs: Hub[];
  let told: string[];

  beforeEach(async () => {
    local = await startHub({ folder: `${folder}/hub` });
    environment = { ...process.env };
    Object.assign(process.env, local.environment);
    hubs = [];
    told = [];
  });
  afterEach(async () => {
    await Promise.all(hubs.map((hub) => hub.close()));
    await local.close();
    process.env = environment;
  });

  const factory = (transport: TransportSetting, connectDeadline: number) =>
    iotEdgeHub({ transport, connectDeadline, log: (_level, text) => void told.push(text) });
  const next = (hubsOf: HubFactory) => {
    const hub = hubsOf();
    hubs.push(hub);
    return hub;
  };

  test.each([
    ['hold', 'hub.timeout'],
    ['close', 'hub.unreachable'],
  ] as const)('MQTT alone never connects (%s)', async (how, code) => {
    local.faults.loseConnect(how);
    const only = factory('mqtt', 500);
    for (let attempt = 0; attempt < 3; attempt++) {
      const hub = next(only);
      expect((await faultOf(hub.connect(forever()))).code).toBe(code);
      await hub.close();
    }
    expect(local.clients).toBe(0);
    expect(told).toEqual([]);
  });

  test.each(['hold', 'close'] as const)(
    'left to itself the second attempt delivers, and so does what follows (%s)',
    async (how) => {
      local.faults.loseConnect(how);
      // So short that waiting for MQTT costs the test nothing; a connection over AMQP has the time of a busy machine.
      const auto = iotEdgeHub({ connectDeadline: 2_000, log: (_level, text) => void told.push(text) });
      const first = next(auto);
      await faultOf(first.connect(forever()));
      await first.close();
      const second = next(auto);
      expect(second.transport).toBe('amqp');
      await second.connect(forever());
      await second.send(message(1));
      expect(told).toEqual(['edgeHub takes connections and does not answer over MQTT; the next attempt is over AMQP']);
      await second.close();
      const third = next(auto);
      expect(third.transport).toBe('amqp');
      await third.connect(forever());
      await third.send(message(2));
      expect(local.account.summary()).toMatchObject({ readings: 2, missing: 0 });
    },
  );

  test('a connection that is given up says nothing about the transport', async () => {
    local.faults.loseConnect('hold');
    const auto = factory('auto', 20_000);
    const abort = new AbortController();
    const attempt = faultOf(next(auto).connect(abort.signal));
    abort.abort();
    expect((await attempt).code).toBe('hub.closed');
    expect(next(auto).transport).toBe('mqtt');
  });
});
