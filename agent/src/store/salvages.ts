// The salvages under way: every file that was set aside and not yet delivered, beside the buffer in use. None of them
// keeps the gateway from starting or from delivering what is new.

import type { Buffer } from '../buffer/buffer.ts';
import { unfinished, writeProgress } from '../buffer/progress.ts';
import { openSalvage, type Salvage, type SalvageStats } from '../buffer/salvage.ts';
import { gapBatch } from '../model/batch.ts';
import { describe, Fault } from '../model/fault.ts';
import type { Log } from '../model/log.ts';

export interface Salvages {
  readonly all: readonly Salvage[];
  /** Writes how far they came; what cannot be had becomes gap records of `buffer`. Throws as its `append` does. */
  tidy(buffer: Pick<Buffer, 'append'>): void;
  stats(): readonly SalvageStats[];
}

/** @param path the buffer in use */
export function openSalvages(path: string, log: Log): Salvages {
  const all: Salvage[] = [];
  const told = new Set<Salvage>();
  for (const file of unfinished(path)) {
    const salvage = attempt(file, log);
    if (salvage !== undefined) all.push(salvage);
  }
  return {
    all,
    tidy(buffer) {
      for (const salvage of all) {
        if (told.has(salvage)) continue;
        salvage.tidy((gaps) => buffer.append([{ priority: 'high', batch: gapBatch(gaps) }]));
        const { file, delivered, lost, done } = salvage.stats();
        if (!done && salvage.trouble === undefined) continue;
        told.add(salvage);
        if (done) {
          log('info', 'what the file set aside still held has been delivered', { file, delivered, lost });
          salvage.close();
        } else
          log('error', 'the salvage of a file set aside stops; the next start goes on', {
            file,
            reason: describe(salvage.trouble),
          });
      }
    },
    stats: () => all.map((salvage) => salvage.stats()),
  };
}

function attempt(file: string, log: Log): Salvage | undefined {
  try {
    const salvage = openSalvage(file);
    if (salvage !== undefined) {
      const { epoch } = salvage;
      log('info', 'a file set aside is being salvaged: what it holds is delivered as backfill', { file, epoch });
      return salvage;
    }
    log('error', 'nothing can be salvaged of the file set aside: its epoch is lost', { file });
  } catch (error) {
    const fault = Fault.from(error, 'buffer.disk', file);
    log('error', 'nothing can be salvaged of the file set aside', { file, reason: fault.message });
    if (fault.code !== 'buffer.damaged') return undefined;
  }
  giveUp(file, log);
  return undefined;
}

/** A file of which nothing can be had is not tried again at every start; its gap record is committed already. */
function giveUp(file: string, log: Log): void {
  try {
    writeProgress(file, { next: 1, delivered: 0, lost: 0, done: true });
  } catch (error) {
    log('warn', 'the mark beside a file set aside cannot be written', { file, reason: describe(error) });
  }
}
