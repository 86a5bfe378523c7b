// What is wrong with parts of a source, as the sink wants to know it: the whole list, when it has changed.

import type { Sink } from '../adapter.ts';

export class Troubles {
  readonly #sink: Sink;
  readonly #parts = new Map<string, string>();
  #changed = false;

  constructor(sink: Sink) {
    this.#sink = sink;
  }

  /** @param words what is wrong, or undefined when all is well again */
  set(part: string, words: string | undefined): void {
    if (this.#parts.get(part) === words) return;
    this.#changed = true;
    if (words === undefined) this.#parts.delete(part);
    else this.#parts.set(part, words);
  }

  /** Tells the sink, if there is something new. */
  report(): void {
    if (!this.#changed) return;
    this.#changed = false;
    this.#sink.trouble(new Map(this.#parts));
  }
}
