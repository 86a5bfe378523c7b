// Why a request brought no data, as the readings and people are told. Pure.

import { StatusCode } from '../../model/status.ts';
import type { Outcome } from './connection.ts';
import { exception } from './exceptions.ts';

/** @param timeout ms that was waited for a reply */
export function silence(
  outcome: Exclude<Outcome, { kind: 'data' }>,
  timeout: number,
): { status: number; words: string } {
  switch (outcome.kind) {
    case 'exception': {
      const { status, words } = exception(outcome.code);
      return { status, words: `the device says: ${words}` };
    }
    case 'timeout':
      return { status: StatusCode.BadTimeout, words: `no reply within ${timeout} ms` };
    default:
      return { status: StatusCode.BadCommunicationError, words: outcome.reason };
  }
}
