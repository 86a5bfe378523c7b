// The result of a check in the forms that people and programs read.

import { pathToFileURL } from 'node:url';
import { formatMistake, type Mistake, type Paint } from '../../config/mistake.ts';
import { VERSION } from '../../version.ts';
import type { Io } from '../command.ts';
import { coloursOf } from '../terminal.ts';

export interface Result {
  readonly mistakes: readonly Mistake[];
  readonly warnings: readonly Mistake[];
  /** Of a clean mapping. */
  readonly summary?: Summary | undefined;
}

export interface Summary {
  readonly gateway: string;
  readonly sources: number;
  /** Tags by protocol. */
  readonly tags: Readonly<Record<string, number>>;
  readonly hub: string;
}

export type Format = keyof typeof FORMATS;

/** How a result is written, by the word behind --format. */
export const FORMATS = { text, json, github, sarif } as const satisfies Record<
  string,
  (result: Result, io: Io) => string
>;

export function isFormat(word: string): word is Format {
  return Object.hasOwn(FORMATS, word);
}

function text({ mistakes, warnings, summary }: Result, io: Io): string {
  const colours = coloursOf(io);
  const marked = warnings.map((warning) => ({ ...warning, message: `warning: ${warning.message}` }));
  const lines = [
    ...marked.map((warning) => formatMistake(warning, paint(colours, 33))),
    ...mistakes.map((mistake) => formatMistake(mistake, paint(colours, 31))),
    conclusion({ mistakes, warnings, summary }),
  ];
  return `${lines.join('\n')}\n`;
}

function conclusion({ mistakes, warnings, summary }: Result): string {
  const also = warnings.length > 0 ? count(warnings.length, 'warning') : '';
  if (summary === undefined) return `${count(mistakes.length, 'mistake')}${also && `, ${also}`}`;
  const total = Object.values(summary.tags).reduce((sum, n) => sum + n, 0);
  const perProtocol = Object.entries(summary.tags).map(([protocol, n]) => `${n} ${protocol}`);
  return (
    `clean: gateway ${summary.gateway}, ${count(summary.sources, 'source')}, ` +
    `${count(total, 'tag')} (${perProtocol.join(', ')}), hub ${summary.hub}${also && `; ${also}`}`
  );
}

function json({ mistakes, warnings, summary }: Result): string {
  return `${JSON.stringify({ ok: mistakes.length === 0, mistakes, warnings, summary }, null, 2)}\n`;
}

/**
 * Annotations of GitHub Actions, which show at the line of a pull request
 * (docs.github.com, "Workflow commands for GitHub Actions").
 */
function github(result: Result): string {
  const line = (level: 'error' | 'warning') => (mistake: Mistake) => {
    const place = mistake.line > 0 ? `,line=${mistake.line},col=${mistake.column}` : '';
    return `::${level} file=${property(mistake.file)}${place},title=fieldgate check::${data(sentence(mistake))}`;
  };
  const lines = [...result.mistakes.map(line('error')), ...result.warnings.map(line('warning')), conclusion(result)];
  return `${lines.join('\n')}\n`;
}

function data(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function property(text: string): string {
  return data(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}

/** The message with its suggestion, and with the other place that it has to do with. */
function sentence({ message, suggestion, related }: Mistake): string {
  const hint = suggestion === undefined ? '' : `; did you mean "${suggestion}"?`;
  const other = related === undefined ? '' : ` (${related.text} ${related.file}:${related.line}:${related.column})`;
  return `${message}${hint}${other}`;
}

/** SARIF 2.1.0, which code scanning and editors take (OASIS, sarif-v2.1.0-os). */
function sarif({ mistakes, warnings }: Result): string {
  const location = ({ file, line, column }: Pick<Mistake, 'file' | 'line' | 'column'>) => ({
    physicalLocation: {
      artifactLocation: { uri: file.startsWith('/') ? pathToFileURL(file).href : encodeURI(file) },
      ...(line > 0 && { region: { startLine: line, startColumn: column } }),
    },
  });
  const result = (level: 'error' | 'warning') => (mistake: Mistake) => ({
    ruleId: level === 'error' ? 'mapping/mistake' : 'mapping/odd',
    level,
    message: { text: sentence(mistake) },
    locations: [location(mistake)],
    ...(mistake.related && {
      relatedLocations: [{ ...location(mistake.related), message: { text: mistake.related.text } }],
    }),
  });
  const rules = [
    { id: 'mapping/mistake', shortDescription: { text: 'The gateway does not start with this mapping.' } },
    { id: 'mapping/odd', shortDescription: { text: 'The gateway runs, and this is rarely meant.' } },
  ];
  const log = {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: { driver: { name: 'fieldgate check', version: VERSION, rules } },
        columnKind: 'utf16CodeUnits',
        results: [...mistakes.map(result('error')), ...warnings.map(result('warning'))],
      },
    ],
  };
  return `${JSON.stringify(log, null, 2)}\n`;
}

function count(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? '' : 's'}`;
}

/** Bold places, coloured carets. */
function paint(colours: boolean, caret: number): Paint {
  const style = (code: number) => (text: string) => (colours ? `\x1b[${code}m${text}\x1b[0m` : text);
  return { place: style(1), caret: style(caret) };
}
