// How the rooms speak to the log without knowing it.

export type Level = 'debug' | 'info' | 'warn' | 'error';

/** One line: what happened, in words, with the facts as fields. */
export type Log = (level: Level, text: string, fields?: Readonly<Record<string, unknown>>) => void;
