// The log: one line per event on stderr, JSON for collectors, one readable line for a person at a terminal. stdout
// belongs to data. Writing never waits for whoever reads stderr, and no line carries a secret (redact.ts).

import { pino } from 'pino';
import type { Level, Log } from '../model/log.ts';
import { redactFields, redactText } from './redact.ts';

/** Where lines go. */
export interface LogDestination {
  write(line: string): unknown;
  /** Lines for people instead of JSON. */
  readonly isTTY?: boolean | undefined;
}

export interface LogOptions {
  /** The least level that is written: debug, info, warn or error; default `FIELDGATE_LOG`, else info. */
  readonly level?: string | undefined;
  /** Default: stderr. */
  readonly destination?: LogDestination | undefined;
}

const LEVELS: readonly Level[] = ['debug', 'info', 'warn', 'error'];

/** Lines that wait for a reader who does not read, in bytes; beyond this they are dropped. */
const MAX_WAITING = 4 * 1024 * 1024;

/** The level that a name stands for; undefined when it stands for none. */
export function levelNamed(name: string | undefined): Level | undefined {
  return LEVELS.find((level) => level === name?.toLowerCase());
}

/** Opens the log. A level that is none is told in the first line, and `info` it is. */
export function openLog({ level, destination }: LogOptions = {}): Log {
  const wanted = level ?? process.env.FIELDGATE_LOG;
  const known = levelNamed(wanted);
  const terminal = destination ?? (process.stderr.isTTY ? process.stderr : undefined);
  const log = terminal?.isTTY ? readable(terminal, known ?? 'info') : json(destination ?? stderr(), known ?? 'info');
  if (wanted && known === undefined)
    log('warn', 'FIELDGATE_LOG is not a level; the level is info', { found: wanted, levels: LEVELS.join(', ') });
  return log;
}

function json(destination: LogDestination, level: Level): Log {
  const logger = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination as { write(line: string): void },
  );
  return (at, text, fields) => {
    if (logger.isLevelEnabled(at)) logger[at](fields === undefined ? {} : redactFields(fields), redactText(text));
  };
}

/** stderr without waiting: a log collector that does not read must not stall acquisition. Flushed when the process ends. */
function stderr(): LogDestination {
  const destination = pino.destination({ dest: 2, sync: false, maxLength: MAX_WAITING });
  // The reader has gone away (EPIPE). There is nobody left to tell.
  destination.on('error', () => {});
  return destination;
}

function readable(destination: LogDestination, level: Level): Log {
  return (at, text, fields) => {
    if (LEVELS.indexOf(at) >= LEVELS.indexOf(level)) destination.write(readableLine(new Date(), at, text, fields));
  };
}

/** `10:00:00.123 WARN  source not reachable  source=flare-plc attempt=3`, times in the terminal's time zone. */
export function readableLine(
  time: Date,
  level: Level,
  text: string,
  fields: Readonly<Record<string, unknown>> = {},
): string {
  const pad = (number: number, digits = 2) => String(number).padStart(digits, '0');
  const clock = `${pad(time.getHours())}:${pad(time.getMinutes())}:${pad(time.getSeconds())}.${pad(time.getMilliseconds(), 3)}`;
  const facts = Object.entries(redactFields(fields))
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${printable(key)}=${word(value)}`);
  const gap = facts.length > 0 ? ' ' : '';
  return `${clock} ${level.toUpperCase().padEnd(5)} ${printable(redactText(text))}${gap}${facts.join('')}\n`;
}

function word(value: unknown): string {
  if (typeof value !== 'string') return printable(JSON.stringify(value));
  return value !== '' && /^[^\s"=]+$/.test(value) ? printable(value) : printable(JSON.stringify(value));
}

/** Without control characters: a peer's text must neither begin a line of its own nor command the terminal. */
function printable(text: string): string {
  return text.replaceAll(
    /[\p{Cc}\p{Cf}\u2028\u2029]/gu,
    (char) => `\\u${char.codePointAt(0)?.toString(16).padStart(4, '0')}`,
  );
}
