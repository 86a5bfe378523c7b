// The desk of the gateway: hears desired properties and direct methods, and reports. Promises: a wish is applied as a
// whole or not at all, and what became of it is reported; wishes are applied one after the other, the newest counts;
// reports go out at most once in 30 s, and only what changed.

import type { ControlDesk, Json, JsonObject, MethodAnswer, Report } from '../delivery/control.ts';
import { describe } from '../model/fault.ts';
import type { Log } from '../model/log.ts';
import { type Desired, readDesired } from './desired.ts';
import { callMethod, METHOD_NAMES, type Powers } from './methods.ts';
import { patchOf, type ReportedFacts, reportedOf } from './reported.ts';

export interface ControlOptions {
  readonly powers: Powers;
  /**
   * Makes the gateway as it is wished; what is not named goes back to what the start says. Resolves with what cannot
   * be done, in words: then nothing was changed. Must not reject.
   */
  readonly apply: (desired: Desired) => Promise<readonly string[]>;
  /** The facts of a report, besides what became of the desired properties. */
  readonly facts: () => Omit<ReportedFacts, 'desired'>;
  readonly log: Log;
  /** How often it reports at most, ms; default 30 s. */
  readonly interval?: number;
}

export interface Control extends ControlDesk {
  /** Ends the reporting. */
  close(): void;
}

const INTERVAL = 30_000;

export function control({ powers, apply, facts, log, interval = INTERVAL }: ControlOptions): Control {
  let wish: JsonObject | undefined;
  let applying = false;
  let outcome: ReportedFacts['desired'];
  let send: Report | undefined;
  /** What the twin is known to hold; undefined when that is not known. */
  let known: JsonObject | undefined;
  let sending = false;
  let sentAt = Number.NEGATIVE_INFINITY;
  let hurry = false;

  async function applyWishes(): Promise<void> {
    if (applying) return;
    applying = true;
    while (wish !== undefined) {
      const properties = wish;
      wish = undefined;
      const version = typeof properties.$version === 'number' ? properties.$version : 0;
      const read = readDesired(properties, new Date());
      const mistakes = 'mistakes' in read ? read.mistakes : await apply(read.desired);
      outcome = { version, applied: mistakes.length === 0, mistakes };
      if (mistakes.length > 0) log('error', 'the desired properties are not applied', { version, mistakes });
      else log('info', 'desired properties applied', { version });
      hurry = true;
    }
    applying = false;
    void report();
  }

  /** Sends what changed, when it is time. The first report of a connection, and an outcome, do not wait. */
  async function report(): Promise<void> {
    if (send === undefined || sending) return;
    if (!hurry && performance.now() - sentAt < interval) return;
    hurry = false;
    sending = true;
    const target = send;
    try {
      const document = reportedOf({ ...facts(), ...(outcome && { desired: outcome }) });
      const patch = patchOf(known ?? {}, document);
      if (patch !== undefined) {
        sentAt = performance.now();
        await target(patch);
      }
      if (send === target) known = document;
    } catch (error) {
      // It may have arrived all the same: a patch that is sent twice does no harm.
      log('warn', 'the twin could not be told', { reason: describe(error) });
    } finally {
      sending = false;
    }
  }

  const timer = setInterval(() => void report(), Math.min(interval, 1_000));
  timer.unref();

  return {
    methods: METHOD_NAMES,
    desired(properties) {
      wish = properties;
      void applyWishes();
    },
    call: (name: string, payload: Json | undefined): Promise<MethodAnswer> => callMethod(name, payload, powers),
    reporting(line) {
      send = line?.report;
      // What an earlier release or an earlier mapping left in the twin goes with the first report.
      known = line && withoutSystem(line.reported);
      hurry = true;
      void report();
    },
    close: () => clearInterval(timer),
  };
}

/** Without `$version` and `$metadata`, which belong to the twin. */
function withoutSystem(properties: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(properties).filter(([key]) => !key.startsWith('$')));
}
