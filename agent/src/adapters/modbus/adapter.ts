// The Modbus adapter: reads the tags of one Modbus server or line at a fixed rate, and reads only. A fault stays with the
// tag, block or unit that it belongs to; the source is given up when its server cannot be reached any more or when no
// unit answers. A connection that a request spoiled, or that the server closed between two polls, is made anew once
// and at once (line.ts): behind a gateway that is the price of one dead unit, and no loss of link.

import { Fault } from '../../model/fault.ts';
import { now } from '../../model/time.ts';
import type { Adapter, Clock, TagChange } from '../adapter.ts';
import { PATIENCE, type Patience } from './health.ts';
import { Line, type LineOptions, type PollCounts } from './line.ts';
import type { Limits, ModbusTag } from './plan.ts';
import { type Poller, poller } from './poller.ts';

export type { ModbusTag } from './plan.ts';

export interface ModbusOptions extends LineOptions, Limits {
  /** Name of the source. */
  readonly name: string;
  readonly tags: readonly ModbusTag[];
  /** How soon what failed is tried again; for tests. */
  readonly patience?: Patience;
  /** The wall clock that stamps replies: Modbus knows no time of its own. */
  readonly clock?: Clock;
}

export interface ModbusAdapter extends Adapter {
  /** Where this adapter counts. */
  readonly counts: PollCounts | undefined;
  /**
   * Other tags than until now, as `Source.retag` has it. @param tags all of them
   * @throws Fault source.configuration, before anything has changed, for tags of a SunSpec device
   */
  retag(tags: readonly ModbusTag[], change: TagChange): void;
}

/** An adapter for one Modbus server or serial line. */
export function modbusAdapter(options: ModbusOptions): ModbusAdapter {
  const { name, counts, timeout, patience = PATIENCE, clock = now } = options;
  const line = new Line(options);
  const closed = new AbortController();
  let { tags } = options;
  let polling: Poller | undefined;

  return {
    counts,
    retag(next, change) {
      tags = next;
      polling?.retag(next, change);
    },
    async connect(signal) {
      try {
        await line.open(signal);
      } catch (thrown) {
        throw Fault.from(thrown, 'source.unreachable', name);
      }
    },
    async run(sink, signal) {
      const either = AbortSignal.any([signal, closed.signal]);
      // A request under way would hold up the end until its deadline.
      const stop = () => void line.close();
      either.addEventListener('abort', stop, { once: true });
      polling = poller(line, { name, tags, limits: options, timeout, patience, clock, counts }, sink, either);
      try {
        await polling.done;
      } finally {
        either.removeEventListener('abort', stop);
        await line.close();
      }
    },
    async close() {
      closed.abort();
      await line.close();
      await polling?.done.catch(() => {});
    },
  };
}
