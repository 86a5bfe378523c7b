// What a Modbus exception means for the readings and for what is asked next. Data only.
// Source: Modbus Application Protocol V1.1b3, section 7.

import { StatusCode } from '../../model/status.ts';

/**
 * table    the device does not know the function, so it has no such table
 * address  some address of the request is not there; its neighbours may be
 * answer   the device is there and cannot give this now
 * absent   a gateway says that the unit behind it is not there
 */
export type Meaning = 'table' | 'address' | 'answer' | 'absent';

export interface Exception {
  readonly meaning: Meaning;
  readonly status: number;
  /** For people, after "the device says: ". */
  readonly words: string;
}

const EXCEPTIONS: Record<number, Exception> = {
  1: { meaning: 'table', status: StatusCode.BadConfigurationError, words: 'function not supported' },
  2: { meaning: 'address', status: StatusCode.BadConfigurationError, words: 'address does not exist' },
  // Meant for a malformed quantity, and used by devices whose blocks are smaller than the specification's.
  3: { meaning: 'address', status: StatusCode.BadConfigurationError, words: 'address or length not allowed' },
  4: { meaning: 'answer', status: StatusCode.BadDeviceFailure, words: 'device failure' },
  5: { meaning: 'answer', status: StatusCode.BadResourceUnavailable, words: 'still working on an earlier request' },
  6: { meaning: 'answer', status: StatusCode.BadResourceUnavailable, words: 'device busy' },
  8: { meaning: 'answer', status: StatusCode.BadDeviceFailure, words: 'memory parity error' },
  10: { meaning: 'absent', status: StatusCode.BadNoCommunication, words: 'no path to the unit behind the gateway' },
  11: {
    meaning: 'absent',
    status: StatusCode.BadNoCommunication,
    words: 'the unit behind the gateway does not answer',
  },
};

/** The meaning of an exception code, also of one that the specification does not know. */
export function exception(code: number): Exception {
  const known = EXCEPTIONS[code];
  return known
    ? { ...known, words: `${known.words} (exception ${code})` }
    : { meaning: 'answer', status: StatusCode.BadDeviceFailure, words: `exception ${code}, which no standard knows` };
}
