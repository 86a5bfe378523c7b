// Replays asked of the storage thread and not answered yet. Each ends within a deadline: whoever asks from outside must
// not wait for a disk that does not answer.

import { Fault } from '../model/fault.ts';
import type { Timestamp } from '../model/time.ts';
import type { ReplayResult, ToWorker } from './port.ts';

const DEADLINE = 10_000;
const ENDED: ReplayResult = { code: 'buffer.disk', message: 'the storage thread has ended' };

interface Asked {
  settle(result: ReplayResult): void;
}

/** @param post hands a message to the storage thread */
export function replays(post: (message: ToWorker) => void) {
  const asked = new Map<number, Asked>();
  let last = 0;
  let over = false;
  return {
    /** Rejects with a Fault: that of the buffer, or `buffer.disk` when no answer came in time or can come. */
    ask(from: Timestamp, to: Timestamp): Promise<{ readings: number }> {
      const id = ++last;
      const { promise, resolve, reject } = Promise.withResolvers<{ readings: number }>();
      const timer = setTimeout(
        () =>
          asked.get(id)?.settle({
            code: 'buffer.disk',
            message: `the storage thread did not answer within ${DEADLINE / 1_000} s; it may still replay`,
          }),
        DEADLINE,
      );
      asked.set(id, {
        settle(result) {
          clearTimeout(timer);
          asked.delete(id);
          if ('readings' in result) resolve(result);
          else reject(new Fault(result.code, result.message));
        },
      });
      if (over) asked.get(id)?.settle(ENDED);
      else post({ type: 'replay', id, from, to });
      return promise;
    },
    answered(id: number, result: ReplayResult): void {
      asked.get(id)?.settle(result);
    },
    /** The thread has ended: no answer can come. */
    end(): void {
      over = true;
      for (const each of [...asked.values()]) each.settle(ENDED);
    },
  };
}
