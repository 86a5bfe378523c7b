// What the OPC UA adapter must do with any server, proven on the plant of each independent stack (plant.ts): values
// exact, counts whole, every alarm state in order, gaps told and filled. docs/opcua-interop.md has the outcome.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { OPCUAClient } from 'node-opcua-client';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { ConnectionFacts } from '../../agent/src/adapters/adapter.ts';
import { opcuaAdapter } from '../../agent/src/adapters/opcua/adapter.ts';
import { type Kept, keep } from '../../agent/src/adapters/opcua/kept.ts';
import type { EventsOptions, OpcUaOptions, OpcUaTag } from '../../agent/src/adapters/opcua/source/options.ts';
import { type Supervisor, supervisor } from '../../agent/src/adapters/supervisor.ts';
import { type Value, valueAt } from '../../agent/src/model/batch.ts';
import type { Gap } from '../../agent/src/model/gap.ts';
import { isGood } from '../../agent/src/model/status.ts';
import { now } from '../../agent/src/model/time.ts';
import { pkiTrusting, QUICK } from '../adapters/opcua/rig.ts';
import { type Wire, wire } from '../adapters/wire.ts';
import { freePort } from '../support/free-port.ts';
import { mint } from '../support/mint.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import type { Stack } from './plant.ts';
import type { Peer } from './python.ts';

/** What a stack does in its own way. */
export interface Habits {
  /** So long after a change the next one is seen too, ms. */
  readonly pace: number;
  /** Whether it knows a where clause with And and Or. */
  readonly filters: boolean;
  /** Whether it has a ConditionRefresh of its own, which cannot be taken away. */
  readonly refreshes: boolean;
  /** More events at once than its queue takes; undefined: it tells nothing when a queue overflows. */
  readonly overflow?: number;
}

/** A server that stands still for less than 3 s is not given up: the machine may be busy. */
const TIMINGS = { ...QUICK, keepAlive: 1_000 };

const POLICIES = ['Basic256Sha256', 'Aes128_Sha256_RsaOaep', 'Aes256_Sha256_RsaPss'] as const;
const MODES = ['Sign', 'SignAndEncrypt'] as const;
const EVENTS = 9;
const COUNTER = 0;
const RECORDED = 1;

const WATCH: EventsOptions = {
  index: EVENTS,
  name: 'plant:events',
  notifier: 'i=2253',
  severityFrom: 1,
  types: [],
  fields: [],
  conditions: true,
};

type Event = Readonly<Record<string, Value>>;

/** What came of a source. */
interface Gathered {
  readonly live: readonly Value[][];
  readonly past: readonly Value[][];
  readonly events: readonly Event[];
  readonly gaps: readonly Gap[];
  readonly kept: Kept;
  readonly source: Supervisor;
}

/** Counts in their order as runs, `3-2303`: what is missing or comes twice shows as a break. */
function runs(...values: readonly (readonly Value[])[]): string[] {
  const counts = values
    .flat()
    .map(Number)
    .sort((a, b) => a - b);
  const begins = counts.filter((count, i) => i === 0 || count !== counts[i - 1]! + 1);
  const ends = counts.filter((count, i) => counts[i + 1] !== count + 1);
  return begins.map((begin, i) => `${begin}-${ends[i]}`);
}
const once = (values: readonly Value[]) => [...new Set(values)];
const range = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, i) => first + i);

export function interopSuite(stack: Stack | undefined, habits: Habits): void {
  describe.skipIf(stack === undefined)(stack?.name ?? 'a stack that is missing', () => {
    const folder = scratch();
    let port: number;
    let peer: Peer;
    let link: Wire;
    let options: OpcUaOptions;
    const running: Supervisor[] = [];

    const start = async (more: Parameters<Stack['start']>[2]) => {
      peer = await stack!.start(folder, port, more);
    };
    const tell = async (line: string) => {
      peer.tell(line);
      return peer.line();
    };

    beforeAll(async () => {
      port = await freePort();
      const user = await mint({ name: 'operator' });
      writeFileSync(join(folder, 'user.der'), user.der);
      writeFileSync(join(folder, 'user.pem'), user.pem);
      writeFileSync(join(folder, 'user.key'), user.keyPem, { mode: 0o600 });
      await start({ page: 400 });
      link = await wire(port);
      options = {
        name: 'plant',
        endpoint: String(peer.ready.endpoint).replace(String(port), String(link.port)),
        user: { name: 'fieldgate', password: async () => 'crude oil' },
        publishing: 50,
        bridge: 20_000,
        pki: pkiTrusting(Buffer.from(String(peer.ready.certificate), 'base64')),
        applicationUri: 'urn:test:gateway:fieldgate',
        tags: ['counter', 'recorded'].map((name, index) => tag(name, index)),
      };
    }, 300_000);
    afterEach(async () => {
      await Promise.all(running.splice(0).map((one) => one.stop()));
    });
    afterAll(async () => {
      await link?.stop();
      await peer?.stop();
    });

    const tag = (name: string, index: number, more: Partial<OpcUaTag> = {}): OpcUaTag => {
      const node = `nsu=urn:test:plant;s=${name}`;
      return { index, name, node, sampling: habits.pace / 3, wantsRange: false, history: true, ...more };
    };

    function gather(more: Partial<OpcUaOptions> = {}): Gathered {
      const mine = { ...options, ...more };
      const kept = keep(mine, 200);
      const live: Value[][] = mine.tags.map(() => []);
      const past: Value[][] = mine.tags.map(() => []);
      const events: Event[] = [];
      const gaps: Gap[] = [];
      const source = supervisor({
        source: {
          name: 'plant',
          protocol: 'opcua',
          address: mine.endpoint,
          tags: mine.tags.map(({ index }) => index),
          latency: 200,
          create: () => opcuaAdapter(mine, TIMINGS, kept),
        },
        accept(batch) {
          gaps.push(...batch.gaps);
          const lane = batch.stream === 'backfill' ? past : live;
          for (let i = 0; i < batch.count; i++) {
            if (!isGood(batch.status[i]!)) continue;
            if (batch.tag[i] === EVENTS) events.push(valueAt(batch, i) as Event);
            else lane[batch.tag[i]!]?.push(valueAt(batch, i));
          }
        },
        describe() {},
        lost() {},
        log() {},
      });
      running.push(source);
      source.start();
      return { live, past, events, gaps, kept, source };
    }

    const state = ({ source }: Gathered) => source.stats().state;
    const trouble = (got: Gathered) => {
      const now = state(got);
      return now.state === 'degraded' ? Object.fromEntries(now.trouble) : {};
    };
    /** Readings flow, and events are watched. */
    const stands = (got: Gathered) =>
      until(
        'the source to stand',
        () => got.live.every((of) => of.length > 0) && got.kept.estate?.events?.stands !== false && got.kept.estate,
        30_000,
      );
    const ended = ({ gaps }: Gathered, n = 1) =>
      until(
        'the end of the outage',
        () => gaps.filter(({ to, recovered }) => to !== null && recovered === undefined).length >= n,
        30_000,
      );

    describe('security', () => {
      const users = {
        name: () => options.user!,
        certificate: () => ({ certificate: join(folder, 'user.pem'), key: join(folder, 'user.key') }),
      };
      const cases = POLICIES.flatMap((policy) =>
        MODES.flatMap((mode) => (['name', 'certificate'] as const).map((by) => ({ policy, mode, by }))),
      );

      test.each(cases)('$policy $mode, a user by $by: the counter is read', async ({ policy, mode, by }) => {
        let told: ConnectionFacts | undefined;
        const got = gather({
          security: { policy, mode },
          user: users[by](),
          tags: [tag('counter', COUNTER)],
          // A connection that is only signed could be read along.
          ...(mode === 'Sign' && { insecure: { acceptedBy: 'test', until: '2999-12-31' } }),
          tell: (facts) => {
            told = facts;
          },
        });
        await stands(got);
        expect(told?.security).toBe(`${policy}/${mode}`);
        expect(got.live[COUNTER]).toEqual([expect.any(Number)]);
      });

      test('the best policy is found', async () => {
        let told: ConnectionFacts | undefined;
        await stands(gather({ tell: (facts) => (told = facts) }));
        expect(told?.security).toBe('Aes256_Sha256_RsaPss/SignAndEncrypt');
      });

      test('a wrong password, and a stranger with a certificate', async () => {
        const stranger = await mint({ name: 'stranger' });
        writeFileSync(join(folder, 'stranger.pem'), stranger.pem);
        writeFileSync(join(folder, 'stranger.key'), stranger.keyPem, { mode: 0o600 });
        for (const user of [
          { name: 'fieldgate', password: async () => 'wrong' },
          { certificate: join(folder, 'stranger.pem'), key: join(folder, 'stranger.key') },
        ]) {
          const adapter = opcuaAdapter({ ...options, user });
          await expect(adapter.connect(new AbortController().signal)).rejects.toMatchObject({
            code: 'source.credentials',
          });
          await adapter.close();
        }
      });
    });

    test('long texts and arrays, subscribed and polled', async () => {
      const names = ['text', 'array', 'text', 'array'];
      const got = gather({
        tags: names.map((name, i) => tag(name, i, { mode: i < 2 ? 'subscribe' : 'poll', sampling: 200 })),
      });
      await stands(got);
      const text = 'Ölstand '.repeat(25_000);
      const array = Array.from({ length: 10_000 }, (_, i) => i / 2);
      expect(got.live.map(([first]) => first === text || first)).toEqual([true, array, true, array]);
    });

    test('a counter loses nothing, cut in the middle or not; polled, it only goes up', {
      timeout: 60_000,
    }, async () => {
      const got = gather();
      const polled = gather({ tags: [tag('counter', COUNTER, { mode: 'poll', sampling: 100 })] });
      await Promise.all([stands(got), stands(polled)]);
      const begin = Number(got.live[COUNTER]!.at(-1));
      const ticking = tell(`tick 45 ${habits.pace}`);
      for (let i = 1; i <= 2; i++) {
        await until('more of it', () => Number(got.live[COUNTER]!.at(-1)) >= begin + 15 * i);
        link.cut();
        await ended(got, i);
      }
      expect(await ticking).toBe('done');
      const last = () =>
        Number(got.live[COUNTER]!.at(-1)) === begin + 45 && Number(polled.live[COUNTER]!.at(-1)) === begin + 45;
      await until('the last count', last);
      expect(runs(once(got.live[COUNTER]!))).toEqual([`${begin}-${begin + 45}`]);
      expect(got.gaps.filter(({ to, complete }) => to !== null && complete !== true)).toEqual([]);
      const steps = polled.live[COUNTER]!.map(Number);
      expect(steps.every((each, i) => i === 0 || each >= steps[i - 1]!)).toBe(true);
    });

    /** Five counts while nothing passes, and then a new session; says where the counting began. */
    async function takenOver(got: Gathered): Promise<number> {
      await stands(got);
      const begin = Number(got.live[RECORDED]!.at(-1));
      const old = got.kept.estate!.session;
      link.freeze();
      expect(await tell(`tick 5 ${habits.pace}`)).toBe('done');
      got.kept.session = undefined;
      link.thaw();
      link.cut();
      await ended(got);
      expect(got.kept.session).not.toBe(old);
      return begin;
    }

    test('a new session takes the subscriptions over', { timeout: 60_000 }, async () => {
      const got = gather();
      const begin = await takenOver(got);
      const all = [`${begin}-${begin + 5}`];
      await until('the counts', () => runs(once(got.live[COUNTER]!)).join() === all.join());
      expect(got.gaps.at(-1)).toMatchObject({ complete: true });
      expect(runs(once(got.live[RECORDED]!))).toEqual(all);
    });

    test('what it took over and lost before it was sent is told, and comes from the history', {
      timeout: 60_000,
    }, async () => {
      const got = gather();
      await stands(got);
      const before = now();
      const begin = await takenOver(got);
      expect(await tell('drop')).toBe('done');
      await ended(got, 2);
      const all = [`${begin}-${begin + 5}`];
      await until(
        'the counts',
        () => runs(once([...got.live[RECORDED]!, ...got.past[RECORDED]!])).join() === all.join(),
      );
      // The counter has no history: either it came, or the time in which it did not is known.
      const told = got.gaps.some(({ from, to, complete }) => from <= before && to !== null && complete !== true);
      if (runs(once(got.live[COUNTER]!)).join() !== all.join()) expect(told).toBe(true);
    });

    test('sessions that the server drops leave none behind', { timeout: 60_000 }, async () => {
      const got = gather();
      await stands(got);
      const begin = Number(got.live[COUNTER]!.at(-1));
      for (let i = 1; i <= 2; i++) {
        expect(await tell('drop')).toBe('done');
        await ended(got, i);
      }
      await until('one session', async () => JSON.parse(await tell('held')).sessions === 1);
      expect(await tell(`tick 5 ${habits.pace}`)).toBe('done');
      await until('the last count', () => got.live[COUNTER]!.at(-1) === begin + 5);
    });

    describe('events', () => {
      test('every one in its order, with its fields', async () => {
        const got = gather({ events: WATCH });
        await stands(got);
        for (let i = 1; i <= 30; i++) expect(await tell(`event i=2130 ${i} message ${i}`)).toBe('done');
        await until('the last event', () => got.events.at(-1)?.Severity === 30);
        expect(got.events.map(({ Severity }) => Severity)).toEqual(range(1, 30));
        expect(got.events[4]).toMatchObject({
          EventType: 'i=2130',
          EventTypeName: 'SystemEventType',
          SourceName: 'plant',
          Message: 'message 5',
          Severity: 5,
        });
        expect(new Set(got.events.map(({ EventId }) => EventId)).size).toBe(30);
        for (const field of ['ConditionId', 'BranchId', 'Retain', 'Active', 'Acked', 'Refresh'])
          expect(got.events.filter((event) => event[field] !== undefined && event[field] !== null)).toEqual([]);
        expect(trouble(got)).toEqual({});
      });

      test('of a severity and types, with their subtypes', async () => {
        const got = gather({ events: { ...WATCH, severityFrom: 500, types: ['i=2130'], conditions: false } });
        await stands(got);
        await tell('event i=2130 499 too small');
        await tell('event i=2041 900 another type');
        await tell('event i=2131 501 derived');
        await tell('event i=2130 500 wanted');
        await until('the last one', () => got.events.some(({ Message }) => Message === 'wanted'));
        expect(got.events.map(({ Message }) => Message)).toEqual(['derived', 'wanted']);
        expect(got.source.stats().granted?.eventsFilteredHere).toBe(habits.filters ? undefined : 1);
      });

      test('what happened while nothing passed comes once, in its order', { timeout: 60_000 }, async () => {
        const got = gather({ events: WATCH });
        await stands(got);
        await tell('event i=2130 1 before');
        await until('the first', () => got.events.length === 1);
        link.freeze();
        for (let i = 2; i <= 6; i++) await tell(`event i=2130 ${i} meanwhile`);
        link.thaw();
        link.cut();
        await ended(got);
        await tell('event i=2130 7 after it');
        await until('the last one', () => got.events.at(-1)?.Severity === 7);
        expect(got.events.map(({ Severity }) => Severity)).toEqual(range(1, 7));
        expect(got.gaps.at(-1)).toMatchObject({ complete: true });
      });

      test.skipIf(habits.overflow === undefined)('a queue that overflowed is a gap', async () => {
        const got = gather({ events: WATCH });
        await stands(got);
        // Nobody takes them away meanwhile.
        link.freeze();
        await tell(`flood ${habits.overflow}`);
        link.thaw();
        link.cut();
        const overflow = ({ reason }: Gap) => reason === 'source-overflow';
        const told = await until('the gap', () => got.gaps.find(overflow));
        expect(told.tags).toEqual(['plant:events']);
        expect(got.events.length).toBeLessThan(habits.overflow!);
        expect(got.source.stats().granted?.eventQueue).toBeLessThan(habits.overflow!);
        await tell('event i=2130 700 after it');
        await until('what came after', () => got.events.at(-1)?.Message === 'after it');
      });
    });

    describe('conditions', () => {
      /** As an operator's station does. */
      async function acknowledge(eventId: Value | undefined): Promise<string> {
        const client = OPCUAClient.create({ endpointMustExist: false });
        const endpoint = String(peer.ready.endpoint);
        return client.withSessionAsync(endpoint, async (session) => {
          const index = (await session.readNamespaceArray()).indexOf('urn:test:plant');
          const { statusCode } = await session.call({
            objectId: `ns=${index};s=LevelAlarm`,
            methodId: 'i=9111',
            inputArguments: [
              { dataType: 'ByteString', value: Buffer.from(String(eventId), 'base64') },
              { dataType: 'LocalizedText', value: { text: 'seen' } },
            ],
          });
          return statusCode.name;
        });
      }
      const states = (events: readonly Event[]) =>
        events.map(({ Active, Acked, Retain, Severity }) => ({ Active, Acked, Retain, Severity }));
      const alarms = ({ events }: Gathered) => events.filter(({ ConditionName }) => ConditionName === 'LevelAlarm');

      test('every state in order, the acknowledgement of an operator too', async () => {
        const got = gather({ events: WATCH });
        await stands(got);
        // Events flow, and the refresh of the beginning, which would repeat an alarm that comes meanwhile, is over.
        await tell('event i=2130 5 first');
        await until('the first event', () => got.events.length > 0, 30_000);
        await tell('alarm on 700');
        await until('the alarm', () => alarms(got).length === 1);
        await tell('alarm on 900');
        await until('the worse alarm', () => alarms(got).length === 2);
        expect(await acknowledge(alarms(got)[0]!.EventId)).toBe('BadEventIdUnknown');
        expect(await acknowledge(alarms(got)[1]!.EventId)).toBe('Good');
        await until('its acknowledgement', () => alarms(got).length === 3);
        await tell('alarm off 100');
        await until('its end', () => alarms(got).length === 4);
        expect(states(alarms(got))).toEqual([
          { Active: true, Acked: false, Retain: true, Severity: 700 },
          { Active: true, Acked: false, Retain: true, Severity: 900 },
          { Active: true, Acked: true, Retain: true, Severity: 900 },
          { Active: false, Acked: true, Retain: false, Severity: 100 },
        ]);
        expect(alarms(got)[0]).toMatchObject({
          EventType: 'i=2915',
          EventTypeName: 'AlarmConditionType',
          ConditionId: 'nsu=urn:test:plant;s=LevelAlarm',
          SourceNode: 'nsu=urn:test:plant;s=counter',
          SourceName: 'Level',
          Quality: 'Good',
        });
        expect(alarms(got)[0]).not.toHaveProperty('BranchId');
        expect(new Set(alarms(got).map(({ EventId }) => EventId)).size).toBe(4);
        await tell('branch earlier');
        await until('the branch', () => alarms(got).length === 5);
        expect(alarms(got)[4]).toMatchObject({ BranchId: 'nsu=urn:test:plant;s=earlier' });
        expect(alarms(got).every((event) => !('Refresh' in event))).toBe(true);
        expect(trouble(got)).toEqual({});
      });

      test('what stands is repeated after a reconnect, marked, and what has gone is not', async () => {
        await tell('alarm on 600');
        const got = gather({ events: WATCH });
        await until('the alarm that stood', () => alarms(got).length > 0);
        await stands(got);
        await tell('drop');
        await ended(got);
        await until('the alarm again', () => alarms(got).length > 1);
        expect(alarms(got)).toMatchObject([
          { Active: true, Acked: false, Severity: 600, Refresh: true },
          { Active: true, Acked: false, Severity: 600, Refresh: true },
        ]);
        await tell('alarm on 650');
        await until('news', () => alarms(got).at(-1)?.Severity === 650);
        expect(alarms(got)).toHaveLength(3);
        expect(alarms(got)[2]).not.toHaveProperty('Refresh');
        expect(await acknowledge(alarms(got).at(-1)!.EventId)).toBe('Good');
        await tell('alarm off 100');
        await until('its end', () => alarms(got).at(-1)?.Active === false);
        const seen = alarms(got).length;
        await tell('drop');
        await ended(got, 2);
        await stands(got);
        await tell('event i=2130 5 after it');
        await until('what came after', () => got.events.at(-1)?.Message === 'after it');
        expect(alarms(got)).toHaveLength(seen);
      });
    });

    describe('history', () => {
      const MORE = 2_300;

      test('a gap is filled over many continuation points, and closed', { timeout: 60_000 }, async () => {
        const got = gather({ tags: [tag('recorded', 0)] });
        await stands(got);
        const begin = Number(got.live[0]!.at(-1));
        link.freeze();
        await tell('drop');
        await tell(`past ${MORE}`);
        link.thaw();
        link.cut();
        const told = await until(
          'what was recovered',
          () => got.gaps.find(({ recovered }) => recovered !== undefined),
          30_000,
        );
        expect(runs(got.live[0]!, got.past[0]!)).toEqual([`${begin}-${begin + MORE}`]);
        expect(told).toMatchObject({ reason: 'source-down', recovered: MORE - 1, complete: true });
        const records = got.gaps.filter(({ from }) => from === told.from);
        expect(records.map(({ to }) => to === null)).toEqual([true, false, false]);
      });

      test('a restart in the middle, the namespace elsewhere: what was recorded meanwhile comes', {
        timeout: 90_000,
      }, async () => {
        const got = gather({ events: WATCH, tags: [tag('recorded', 0)] });
        await stands(got);
        const begin = Number(got.live[0]!.at(-1));
        await peer.stop();
        const died = Date.now();
        await start({ count: begin, past: `${MORE},${died}`, page: 10_000, shift: 1, refresh: 'no' });
        const told = await until(
          'what was recovered',
          () => got.gaps.find(({ recovered }) => recovered !== undefined),
          30_000,
        );
        const last = begin + MORE;
        await tell(`tick 20 ${habits.pace}`);
        await until('the last count', () => got.live[0]!.at(-1) === last + 20);
        expect(runs(got.live[0]!, got.past[0]!)).toEqual([`${begin}-${last + 20}`]);
        // What happened meanwhile is not known.
        expect(told).toMatchObject({ recovered: MORE - 1, complete: false });
        await tell('event i=2130 5 after it');
        await until('an event', () => got.events.at(-1)?.Message === 'after it');
        // It came back without ConditionRefresh: that is told, and harms nothing.
        const missing = expect.stringContaining('does not repeat its conditions');
        expect(trouble(got)).toEqual(habits.refreshes ? {} : { conditions: missing });
      });
    });
  });
}
