// Service calls on a session: bounded in time, with faults as errors, and cut into portions that the server takes.
// Limits come from the server (OPC 10000-5 section 6.3.11 OperationLimits) and count as upper bounds only: small
// PLCs answer BadTooManyOperations or time out well below what they promise, so a portion that fails is halved.

import { AttributeIds, type DataValue } from 'node-opcua-client';
import { Fault } from '../../model/fault.ts';
import { StatusCode } from '../../model/status.ts';
import { faultFrom, serviceResult } from './faults.ts';
import type { Session } from './link.ts';

/** Most operations in one call. */
export interface Limits {
  readonly read: number;
  readonly translate: number;
  readonly monitor: number;
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

export interface Calls {
  readonly session: Session;
  /** One service call. Rejects with a Fault: `source.timeout` after the request deadline, else by the server's answer. */
  once<T>(doing: string, work: (session: Session) => Promise<T>): Promise<T>;
  /** Calls `send` for portions of `items`, in order, of `most` at most and fewer once the server shows that it must be. */
  portions<T>(
    items: readonly T[],
    most: number,
    send: (portion: readonly T[], from: number) => Promise<void>,
  ): Promise<void>;
}

/** @param deadline of one service call, ms */
export function calls(session: Session, name: string, deadline: number): Calls {
  return {
    session,
    async once(doing, work) {
      let timer: NodeJS.Timeout | undefined;
      const expired = new Promise<never>((_, reject) => {
        const late = () => reject(new Fault('source.timeout', `${name}: no answer in ${deadline} ms while ${doing}`));
        timer = setTimeout(late, deadline);
      });
      try {
        return await Promise.race([work(session), expired]);
      } catch (error) {
        throw faultFrom(error, `${name}: ${doing}`, 'source.closed');
      } finally {
        clearTimeout(timer);
      }
    },
    async portions(items, most, send) {
      let size = most;
      for (let at = 0; at < items.length; ) {
        const portion = items.slice(at, at + size);
        try {
          await send(portion, at);
          at += portion.length;
        } catch (error) {
          if (portion.length === 1 || !tooMuch(error)) throw error;
          size = Math.ceil(portion.length / 2);
        }
      }
    },
  };
}

function tooMuch(error: unknown): boolean {
  if (!(error instanceof Fault)) return false;
  if (error.code === 'source.timeout') return true;
  const status = serviceResult(error.cause ?? {});
  return status !== undefined && TOO_MUCH.includes(status);
}

const NAMESPACE_ARRAY = 'i=2255';
const MAX_NODES_PER_READ = 'i=11705';
const MAX_NODES_PER_TRANSLATE = 'i=11712';
const MAX_MONITORED_ITEMS_PER_CALL = 'i=11714';

/** What the server says of itself; asked at every connect, since a restart may have changed both. */
export async function readServer({ once }: Calls): Promise<{ limits: Limits; namespaces: readonly string[] }> {
  const ids = [NAMESPACE_ARRAY, MAX_NODES_PER_READ, MAX_NODES_PER_TRANSLATE, MAX_MONITORED_ITEMS_PER_CALL];
  const nodes = ids.map((nodeId) => ({ nodeId, attributeId: AttributeIds.Value }));
  const [namespaces, read, translate, monitor] = await once('reading the namespaces', (session) => session.read(nodes));
  return {
    limits: { read: limit(read), translate: limit(translate), monitor: limit(monitor) },
    namespaces: Array.isArray(namespaces?.value.value) ? namespaces.value.value : [],
  };
}

/** 0 or nothing means that the server sets no limit. */
function limit(value: DataValue | undefined): number {
  const number: unknown = value?.value.value;
  return typeof number === 'number' && number > 0 ? Math.min(number, MOST) : MOST;
}
