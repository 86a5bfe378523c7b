// Walks along sections beside each other and hands their links out in the order of the sections, each as soon as it may
// be told. Nothing is waited for without end: a section that takes too long is broken by that.

import { describe } from '../model/fault.ts';
import { broken, type Look, type Section } from './look.ts';

/** Longest that one section may take, ms: every probe has a shorter deadline of its own. */
const SECTION_DEADLINE_MS = 120_000;
/** At once: each may hold a connection, and this machine is small. */
const MOST_AT_ONCE = 8;

/** What is found of a section; `looks` grows until `done`. */
class Progress {
  readonly looks: Look[] = [];
  done = false;
  #wake = Promise.withResolvers<void>();

  changed(): void {
    this.#wake.resolve();
    this.#wake = Promise.withResolvers<void>();
  }

  get next(): Promise<void> {
    return this.#wake.promise;
  }
}

export interface Told {
  readonly section: Section;
  readonly look: Look;
}

/** @param busy told how many sections are still looked along, whenever that changes */
export async function* walk(
  sections: readonly Section[],
  signal: AbortSignal,
  busy: (left: number) => void = () => undefined,
  atOnce = MOST_AT_ONCE,
): AsyncGenerator<Told> {
  const all = sections.map(() => new Progress());
  let left = sections.length;
  busy(left);
  const waiting = [...sections.entries()];
  const worker = async () => {
    for (let one = waiting.shift(); one !== undefined; one = waiting.shift()) {
      const [i, section] = one;
      await follow(section, all[i]!, signal);
      busy(--left);
    }
  };
  const workers = Promise.all(Array.from({ length: Math.min(atOnce, sections.length) }, worker));
  for (const [i, section] of sections.entries()) {
    const progress = all[i]!;
    for (let at = 0; ; ) {
      const { next } = progress;
      while (at < progress.looks.length) yield { section, look: progress.looks[at++]! };
      if (progress.done) break;
      await next;
    }
  }
  await workers;
}

async function follow(section: Section, progress: Progress, signal: AbortSignal): Promise<void> {
  const ending = new AbortController();
  const late = Promise.withResolvers<'late'>();
  const timer = setTimeout(() => late.resolve('late'), SECTION_DEADLINE_MS);
  const stop = () => late.resolve('late');
  signal.addEventListener('abort', stop, { once: true });
  try {
    const looks = section.look(ending.signal)[Symbol.asyncIterator]();
    for (;;) {
      const step = looks.next();
      // Told late or never, it must not end the process.
      step.catch(() => undefined);
      const found = signal.aborted ? 'late' : await Promise.race([step, late.promise]);
      if (found === 'late') {
        const what = signal.aborted ? 'called off' : `no end after ${SECTION_DEADLINE_MS / 1_000} s`;
        progress.looks.push(broken('time', what, 'call it again; what it hangs at is the link after the last above'));
        break;
      }
      if (found.done === true) break;
      progress.looks.push(found.value);
      progress.changed();
    }
  } catch (thrown) {
    progress.looks.push(
      broken('doctor', `could not go on: ${describe(thrown)}`, 'that is a defect of fieldgate: report it'),
    );
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', stop);
    ending.abort();
    progress.done = true;
    progress.changed();
  }
}
