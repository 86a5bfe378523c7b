// The IoT Hub as the roll-out needs it: deployments that are what they should be, or a word why not. Nothing is taken for
// written until it has been read back: the service answers 200 to changed content and keeps the old one.

import azureHub, { type Configuration } from 'azure-iothub';
import type { Calls } from './calls.ts';
import { type Access, connect } from './connection.ts';
import { type Deployment, digestOf, fromConfiguration, type Stored, same, toConfiguration } from './deployment.ts';
import { Trouble } from './trouble.ts';

export interface Hub {
  list(): Promise<Stored[]>;
  get(id: string): Promise<Stored | undefined>;
  /**
   * Makes the hub have it, and gives back what was read. Done again, it writes nothing.
   * @throws Trouble `refused` when the id has other content, or somebody else changed it meanwhile
   */
  ensure(wanted: Deployment): Promise<Stored>;
  remove(id: string): Promise<void>;
  /** What the service says against a condition and metrics; empty when nothing. */
  test(condition: string, metrics: Readonly<Record<string, string>>): Promise<string[]>;
  /** How many devices fit. */
  count(condition: string): Promise<number>;
  rows(query: string): Promise<Record<string, unknown>[]>;
}

/** Configurations that a hub takes. */
export const MOST_CONFIGURATIONS = 100;
const PAGE = 100;
/** The API version that the client package speaks. */
const VERSION = '?api-version=2021-04-12';
/** A write that is neither seen nor refused so often will not be. */
const MOST_WRITES = 8;

type Answered<T> = { responseBody: T };

export async function openHub(access: Access, calls: Calls): Promise<Hub> {
  const { client, config } = await connect(access);
  const registry = new azureHub.Registry(config as ConstructorParameters<typeof azureHub.Registry>[0], client as never);

  const hub: Hub = {
    async list() {
      const answer = await calls.read(
        'reading the deployments',
        'configurations',
        async () => ((await registry.getConfigurations()) as Answered<Configuration[]>).responseBody,
        (body) => Array.isArray(body),
      );
      return answer === 'missing' ? [] : answer.map(fromConfiguration);
    },

    async get(id) {
      const answer = await calls.read(
        `reading ${id}`,
        'configurations',
        async () => ((await registry.getConfiguration(id)) as Answered<Configuration>).responseBody,
        (body) => body?.id === id,
      );
      return answer === 'missing' ? undefined : fromConfiguration(answer);
    },

    async ensure(wanted) {
      const digest = digestOf(wanted.content);
      let known: Stored | undefined;
      for (let written = 0; ; written++) {
        const stored = await hub.get(wanted.id);
        if (stored !== undefined && stored.digest !== digest) throw otherContent(wanted.id, written > 0);
        if (stored !== undefined && same(wanted, stored)) return stored;
        if (known !== undefined && stored !== undefined && !same(known, stored)) {
          throw new Trouble(
            'refused',
            `${wanted.id} was changed by somebody else; look at it and run the command again`,
          );
        }
        if (written >= MOST_WRITES) {
          throw new Trouble('service', `${wanted.id} is not what was written, ${written} times: the service drops it`);
        }
        known = stored;
        const configuration = toConfiguration(wanted, stored?.etag);
        await calls.write(`writing ${wanted.id}`, 'configurations', () =>
          stored === undefined ? registry.addConfiguration(configuration) : registry.updateConfiguration(configuration),
        );
      }
    },

    async remove(id) {
      for (let tries = 0; tries < MOST_WRITES; tries++) {
        if ((await hub.get(id)) === undefined) return;
        await calls.write(`removing ${id}`, 'configurations', () => registry.removeConfiguration(id));
      }
      throw new Trouble('service', `${id} is still there after ${MOST_WRITES} attempts to remove it`);
    },

    async test(targetCondition, customMetricQueries) {
      const headers = { 'Content-Type': 'application/json; charset=utf-8' };
      const body = { targetCondition, customMetricQueries };
      const answer = await calls.read(
        'checking the condition',
        'configurations',
        () =>
          new Promise<Tested>((resolve, reject) =>
            client.executeApiCall('POST', `/configurations/testQueries${VERSION}`, headers, body, (error, said) =>
              error ? reject(error) : resolve(said as Tested),
            ),
          ),
        (said) => typeof said === 'object' && said !== null,
      );
      if (answer === 'missing') throw new Trouble('service', 'the service does not know testQueries');
      const { targetConditionError, customMetricQueryErrors } = answer;
      return [
        ...(targetConditionError ? [`${targetCondition}: ${targetConditionError}`] : []),
        ...Object.entries(customMetricQueryErrors ?? {}).map(([name, said]) => `metric ${name}: ${said}`),
      ];
    },

    async count(condition) {
      const found = await hub.rows(`SELECT COUNT() AS n FROM devices WHERE ${condition}`);
      // No row at all is what the service says to "none" in some versions.
      return Number(found[0]?.n ?? 0);
    },

    async rows(query) {
      const all: Record<string, unknown>[] = [];
      const pages = registry.createQuery(query, PAGE);
      for (let token: string | undefined; ; ) {
        const answer = await calls.read(
          'asking the fleet',
          'queries',
          async () => {
            const { result } = await pages.next(token as string);
            return { result: result as unknown, token: pages.continuationToken };
          },
          ({ result }) => Array.isArray(result),
        );
        if (answer === 'missing') throw new Trouble('service', 'the service does not answer queries');
        all.push(...(answer.result as Record<string, unknown>[]));
        if (!answer.token) return all;
        token = answer.token;
      }
    },
  };
  return hub;
}

interface Tested {
  readonly targetConditionError?: string;
  readonly customMetricQueryErrors?: Readonly<Record<string, string>>;
}

function otherContent(id: string, justWritten: boolean): Trouble {
  const text = justWritten
    ? `the service keeps other content under ${id} than was sent; nobody has been given it. Remove it and try again`
    : `${id} is there with other content, and content cannot be changed: give the manifest a version of its own`;
  return new Trouble('refused', text);
}
