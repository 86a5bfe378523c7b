// The newest lines of the log, in memory, for whoever asks from afar; and the level, which can be changed while the
// gateway runs. A line is kept as it is written: without secrets, and bounded.

import type { Level, Log } from '../model/log.ts';
import { redactFields, redactText } from './redact.ts';

export interface JournalLine {
  /** ms since 1970. */
  readonly at: number;
  readonly level: Level;
  readonly text: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface Journal {
  readonly log: Log;
  /** The least level that is written and kept; undefined: that of the start. */
  setLevel(level: Level | undefined): void;
  /** The newest lines of at least this level, oldest first. */
  lines(count: number, least: Level): readonly JournalLine[];
  /** The newest line of level error. */
  readonly lastError: JournalLine | undefined;
}

const LEVELS: readonly Level[] = ['debug', 'info', 'warn', 'error'];
const MOST_LINES = 1_000;

/** @param write takes every line that passes; @param start the level until it is changed */
export function journal(write: Log, start: Level): Journal {
  let least = LEVELS.indexOf(start);
  const kept: JournalLine[] = [];
  let lastError: JournalLine | undefined;
  return {
    log(level, text, fields = {}) {
      if (LEVELS.indexOf(level) < least) return;
      write(level, text, fields);
      const line = { at: Date.now(), level, text: redactText(text), fields: redactFields(fields) };
      kept.push(line);
      if (kept.length > MOST_LINES) kept.shift();
      if (level === 'error') lastError = line;
    },
    setLevel(level) {
      least = LEVELS.indexOf(level ?? start);
    },
    lines: (count, from) => kept.filter(({ level }) => LEVELS.indexOf(level) >= LEVELS.indexOf(from)).slice(-count),
    get lastError() {
      return lastError;
    },
  };
}
