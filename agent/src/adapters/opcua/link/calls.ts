// Service calls on a session: bounded in time, with faults as errors, and cut into portions that the server takes.
// Limits come from the server (OPC 10000-5 section 6.3.11 OperationLimits) and count as upper bounds only: small
// PLCs answer BadTooManyOperations or time out well below what they promise, so a portion that fails is halved.

import {
  AttributeIds,
  type DataValue,
  type NodeId,
  ReadRequest,
  type ReadResponse,
  TimestampsToReturn,
} from 'node-opcua-client';
import { Fault } from '../../../model/fault.ts';
import { StatusCode } from '../../../model/status.ts';
import { within } from '../../deadline.ts';
import type { Courtesy } from '../source/courtesy.ts';
import { faultFrom, serviceResult } from '../source/faults.ts';
import type { Session } from '../source/session.ts';
import type { Suspects } from '../source/suspects.ts';
import { learned, rawValues, undecodable, ValueReader } from '../values/raw.ts';
import { serverTypes, type Types } from '../values/types.ts';
import type { Link } from './link.ts';
import { slowness } from './slowness.ts';

/** Most operations in one call. */
export interface Limits {
  readonly read: number;
  readonly translate: number;
  readonly monitor: number;
  readonly register: number;
  readonly history: number;
}

/** More at once gains nothing measurable and makes one response large. */
const MOST = 1_000;

const TOO_MUCH: readonly number[] = [
  StatusCode.BadTooManyOperations,
  StatusCode.BadRequestTooLarge,
  StatusCode.BadResponseTooLarge,
  StatusCode.BadEncodingLimitsExceeded,
  StatusCode.BadTcpMessageTooLarge,
];

/** Whether a server answers such a call in the time that it takes for others, or may be long about it and still be well. */
type Pace = 'quick' | 'long';

export interface Calls {
  readonly session: Session;
  /** The data types of the server. */
  readonly types: Types;
  /** One service call. Rejects with a Fault: `source.timeout` after the request deadline, else by the server's answer. */
  once<T>(doing: string, work: (session: Session) => Promise<T>, pace?: Pace): Promise<T>;
  /** The same for a service that the library has no method for. */
  ask<T>(doing: string, request: object, pace?: Pace): Promise<T>;
  /** Asks for nothing but an answer. */
  ping(): Promise<void>;
  /** Whether a `long` call is under way. */
  readonly busy: boolean;
  /** When it last answered, by the monotonic clock, ms; -Infinity before the first answer. */
  readonly answered: number;
  /** How long the slowest of the latest `quick` calls took, ms; half as much counts a minute later. */
  readonly slowest: number;
  /** A service is asked for tags, by position; call what is returned when there was an answer: see suspects.ts. */
  readonly asking: Suspects['asking'];
  /** The values of nodes, to be read one after the other; as many as nodes. */
  read(doing: string, nodes: readonly NodeId[]): Promise<ValueReader>;
  /**
   * Calls `send` for portions of `items` of `most` at most, and fewer once the server shows that it must be; in
   * order, unless up to `width` of them may be under way at once, or there is a `trial`.
   */
  portions<T>(
    items: readonly T[],
    most: number,
    send: (portion: readonly T[], from: number) => Promise<void>,
    width?: number,
    trial?: Trial<NoInfer<T>>,
  ): Promise<void>;
}

/** What becomes of items over which a server fails a whole call. */
export interface Trial<T> {
  /** The call failed for this item alone; the others go on. */
  alone(item: T, fault: Fault): void;
  /** Told before each call; what it returns is called when there was an answer, or the failure is known not to be the link's. */
  asking?(portion: readonly T[]): () => void;
}

/** What is asked for beside the readings: one that it fails for goes without. */
export const WITHOUT: Trial<unknown> = { alone: () => {} };

/** A link with what was asked of its server at once. */
export interface Connection {
  readonly link: Link;
  readonly server: Calls;
  readonly limits: Limits;
  readonly namespaces: readonly string[];
}

/** How many operations a server was seen to cope with, by what it promised, and when (monotonic clock, ms). */
export type Coped = Map<number, { readonly size: number; readonly at: number }>;

/** What a server did not cope with once it may do an hour later, ms. */
export const REMEMBERED = 3_600_000;

/**
 * @param deadline of one service call, ms
 * @param coped remembered over links to the same server
 * @param asking likewise
 * @param beside likewise, of data types
 */
export function calls(
  session: Session,
  name: string,
  deadline: number,
  coped: Coped = new Map(),
  asking: Suspects['asking'] = () => () => {},
  beside?: Courtesy,
): Calls {
  const known = (most: number) => {
    const { size, at } = coped.get(most) ?? { size: most, at: 0 };
    return performance.now() - at < REMEMBERED ? size : most;
  };

  let long = 0;
  let answered = Number.NEGATIVE_INFINITY;
  const slow = slowness();

  async function once<T>(doing: string, work: (session: Session) => Promise<T>, pace: Pace = 'quick'): Promise<T> {
    const begin = performance.now();
    if (pace === 'long') long += 1;
    try {
      const answer = await bounded(doing, work);
      answered = performance.now();
      return answer;
    } finally {
      if (pace === 'long') long -= 1;
      else slow.note(performance.now() - begin);
    }
  }

  async function bounded<T>(doing: string, work: (session: Session) => Promise<T>): Promise<T> {
    const late = () => new Fault('source.timeout', `${name}: no answer in ${deadline} ms while ${doing}`);
    try {
      return await within(deadline, work(session), late);
    } catch (error) {
      throw faultFrom(error, `${name}: ${doing}`, 'source.closed');
    }
  }

  const send =
    <T>(request: object) =>
    (session: Session) =>
      new Promise<T>((resolve, reject) => {
        session.performMessageTransaction(request, (error, response) =>
          response === undefined ? reject(error ?? new Error('no answer')) : resolve(response as T),
        );
      });
  const ask = <T>(doing: string, request: object, pace?: Pace) => once(doing, send<T>(request), pace);

  const types = serverTypes(once, tooMuch, beside);
  const ping = async () => {
    await once('asking whether it is there', (session) => session.read(STATE));
  };

  /** Whether a call may have failed for what it asked for, at a server that is there. */
  async function isTheirs(error: unknown): Promise<boolean> {
    if (!mayBeTheirs(error)) return false;
    if (!isLate(error)) return true;
    return ping().then(
      () => true,
      () => false,
    );
  }

  return {
    session,
    types,
    once,
    ask,
    ping,
    asking,
    get busy() {
      return long > 0;
    },
    get answered() {
      return answered;
    },
    get slowest() {
      return slow.longest;
    },
    async read(doing, nodes) {
      const request = new ReadRequest({
        timestampsToReturn: TimestampsToReturn.Both,
        nodesToRead: nodes.map((nodeId) => ({ nodeId, attributeId: AttributeIds.Value })),
      });
      const answer = await ask<ReadResponse>(doing, request);
      try {
        const list = rawValues(answer);
        const values = list && new ValueReader(list, types);
        if (list !== undefined && values?.count === nodes.length) return await learned(list, types);
        throw new Fault('source.protocol', `${name}: ${doing}: the answer has not one value for each node`);
      } catch (error) {
        throw undecodable(error);
      }
    },
    async portions(items, most, send, width = 1, trial) {
      let size = known(most);
      let narrow = false;
      let active = width;
      let next = 0;
      let failed = false;
      /** The most that was taken at once, and how much failed before anything was taken. */
      let largest = 0;
      let futile = 0;
      const again: { from: number; to: number }[] = [];
      const take = () => {
        const redo = again.shift();
        const from = redo?.from ?? next;
        const end = redo?.to ?? items.length;
        const to = Math.min(end, from + size);
        if (redo === undefined) next = to;
        else if (to < end) again.unshift({ from: to, to: end });
        return from < to ? { from, to } : undefined;
      };
      const lane = async () => {
        for (let range = take(); range !== undefined; range = take()) {
          const { from, to } = range;
          const portion = items.slice(from, to);
          const answered = trial?.asking?.(portion);
          try {
            await send(portion, from);
            answered?.();
            largest = Math.max(largest, to - from);
            if (narrow && to - from === size && size !== known(most)) coped.set(most, { size, at: performance.now() });
          } catch (error) {
            const theirs = trial ? await isTheirs(error) : to - from > 1 && tooMuch(error);
            if (theirs || isAnswer(error)) answered?.();
            failed ||= !theirs;
            failed ||= largest === 0 && ++futile > (isLate(error) ? FUTILE_WAITS : FUTILE);
            if (failed) throw error;
            narrow = true;
            if (to - from === 1) {
              trial?.alone(portion[0] as (typeof items)[number], error as Fault);
              // It was the item, not how many there were.
              if (largest > size) {
                size = largest;
                if (coped.has(most)) coped.set(most, { size, at: performance.now() });
              }
            } else if (tooMuch(error)) {
              size = Math.min(size, Math.ceil((to - from) / 2));
              // Others first, while it is not known whose fault it is.
              if (trial) again.push(range);
              else again.unshift(range);
            } else {
              const half = from + Math.ceil((to - from) / 2);
              again.push({ from, to: half }, { from: half, to });
            }
          }
          // A server that could not take so much gets one call at a time from now on.
          if (failed || (narrow && active > 1)) break;
        }
        active -= 1;
      };
      await Promise.all(Array.from({ length: width }, lane));
    },
  };
}

/** Failures before anything succeeds after which the server is held to fail whatever it is asked: quick ones, and timeouts. */
const FUTILE = 64;
const FUTILE_WAITS = 12;

const isLate = (error: unknown) => error instanceof Fault && error.code === 'source.timeout';

const isAnswer = (error: unknown) => error instanceof Fault && serviceResult(error.cause ?? {}) !== undefined;

/** Whether one item may be why a call failed. */
function mayBeTheirs(error: unknown): boolean {
  if (!(error instanceof Fault) || error.code === 'source.closed') return false;
  return isLate(error) || error.code === 'source.protocol' || isAnswer(error);
}

/** Whether a call failed because it asked for too much, as far as one can tell. */
export function tooMuch(error: unknown): boolean {
  if (!(error instanceof Fault)) return false;
  if (error.code === 'source.timeout') return true;
  const status = serviceResult(error.cause ?? {});
  return status !== undefined && TOO_MUCH.includes(status);
}

/** ServerStatus.State, which every server has. */
const STATE = { nodeId: 'i=2259', attributeId: AttributeIds.Value };
const NAMESPACE_ARRAY = 'i=2255';
const MAX_NODES_PER_READ = 'i=11705';
const MAX_NODES_PER_TRANSLATE = 'i=11712';
const MAX_MONITORED_ITEMS_PER_CALL = 'i=11714';
const MAX_NODES_PER_REGISTER = 'i=11711';
const MAX_NODES_PER_HISTORY_READ = 'i=12165';

/** What the server says of itself; asked at every connect, since a restart may have changed both. */
export async function readServer({
  once,
  portions,
}: Calls): Promise<{ limits: Limits; namespaces: readonly string[] }> {
  const ids = [
    NAMESPACE_ARRAY,
    MAX_NODES_PER_READ,
    MAX_NODES_PER_TRANSLATE,
    MAX_MONITORED_ITEMS_PER_CALL,
    MAX_NODES_PER_REGISTER,
    MAX_NODES_PER_HISTORY_READ,
  ];
  const nodes = ids.map((nodeId) => ({ nodeId, attributeId: AttributeIds.Value }));
  const values: DataValue[] = [];
  // Even these few are too many for a server that takes two in a call; its limit is among them.
  await portions(nodes, nodes.length, async (portion) => {
    values.push(...(await once('reading the namespaces', (session) => session.read([...portion]))));
  });
  const [namespaces, ...limits] = values;
  const [read, translate, monitor, register, history] = limits.map(limit);
  return {
    limits: {
      read: read ?? MOST,
      translate: translate ?? MOST,
      monitor: monitor ?? MOST,
      register: register ?? MOST,
      history: history ?? MOST,
    },
    namespaces: Array.isArray(namespaces?.value.value) ? namespaces.value.value : [],
  };
}

/** The server's namespaces now; undefined when it does not say. */
export async function readNamespaces({ once }: Calls): Promise<readonly string[] | undefined> {
  const node = { nodeId: NAMESPACE_ARRAY, attributeId: AttributeIds.Value };
  const { value } = await once('reading the namespaces', (session) => session.read(node));
  return Array.isArray(value.value) ? value.value : undefined;
}

/** 0 or nothing means that the server sets no limit. */
function limit(value: DataValue | undefined): number {
  const number: unknown = value?.value.value;
  return typeof number === 'number' && number >= 1 ? Math.min(Math.floor(number), MOST) : MOST;
}
