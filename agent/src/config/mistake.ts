// A mistake of a mapping, where it stands and how it is shown. Whoever checks a mapping collects all of them; none
// is thrown. The excerpt is taken when the mistake is made, with anything that looks like a secret blanked.

export type Path = readonly (string | number)[];

export interface Mistake {
  readonly file: string;
  /** From 1; 0 when the file as a whole is meant. */
  readonly line: number;
  /** From 1; 0 when the file as a whole is meant. */
  readonly column: number;
  /** Keys from the top of the mapping, or row and column of a CSV file. */
  readonly path: Path;
  readonly message: string;
  /** What was probably meant: a key, a value. */
  readonly suggestion?: string;
  /** The line itself. */
  readonly excerpt?: string;
  /** The other end of it: the template of an instance, or the instance of a template. */
  readonly related?: Related;
}

/** A second place that a mistake has to do with; `text` leads to it. */
export interface Related {
  readonly text: string;
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** One mistake as people read it: place and message, then the line with a caret under the place. */
export function formatMistake(mistake: Mistake, paint: Paint = plain): string {
  const { file, line, column, message, suggestion, excerpt, related } = mistake;
  const place = line > 0 ? `${file}:${line}:${column}` : file;
  const hint = suggestion === undefined ? '' : `; did you mean "${suggestion}"?`;
  const head = `${paint.place(place)}: ${message}${hint}`;
  const tail = related && `\n    ${related.text} ${related.file}:${related.line}:${related.column}`;
  if (excerpt === undefined || excerpt.trim() === '') return `${head}${tail ?? ''}`;
  const shown = clip(excerpt, column);
  // Tabs stay tabs under the line, so that the caret stands where the terminal puts the character.
  const indent = shown.text.slice(0, shown.column - 1).replace(/[^\t]/g, ' ');
  return `${head}\n    ${shown.text}\n    ${indent}${paint.caret('^')}${tail ?? ''}`;
}

/** How parts of a report are coloured; `plain` leaves them as they are. */
export interface Paint {
  readonly place: (text: string) => string;
  readonly caret: (text: string) => string;
}

const plain: Paint = { place: (text) => text, caret: (text) => text };

const WIDTH = 140;

/** A long line, cut to what surrounds the column. */
function clip(line: string, column: number): { text: string; column: number } {
  if (line.length <= WIDTH) return { text: line, column };
  const start = Math.max(0, Math.min(column - WIDTH / 2, line.length - WIDTH));
  const head = start > 0 ? '…' : '';
  const tail = start + WIDTH < line.length ? '…' : '';
  return { text: head + line.slice(start, start + WIDTH) + tail, column: column - start + head.length };
}

const SECRET_KEY = '["\']?(?:password|passphrase|secret|sharedAccessKey)["\']?\\s*[:=]\\s*';

const SECRETS = [
  // A key on a line of its own: all that follows. Among others in braces: up to the next comma or brace.
  new RegExp(`(?<=^\\s*(?:-\\s+)?${SECRET_KEY})\\S.*$`, 'i'),
  new RegExp(`(?<=\\b${SECRET_KEY})(?:"[^"]*"?|'[^']*'?|[^,;}\\s]+(?:\\s+[^,;}\\s]+)*)`, 'gi'),
  // user:password@host
  /(?<=:\/\/[^/\s@:]*:)[^/\s@]+(?=@)/g,
];

/** Text as it may be shown: what looks like a secret is starred, at the same length so that a caret stays in place. */
export function blanked(text: string): string {
  let shown = text;
  for (const pattern of SECRETS) shown = shown.replace(pattern, (secret) => '*'.repeat(secret.length));
  return shown;
}

/** A line of a file as it may be shown. */
export function excerpt(line: string): string {
  return blanked(line.replace(/[\r\n]+$/, ''));
}

/** Sorts by file and place, in place: mistakes are found in the order of the checks, people read from the top. */
export function sortMistakes(mistakes: Mistake[], first: string): Mistake[] {
  return mistakes.sort(
    (a, b) =>
      Number(b.file === first) - Number(a.file === first) ||
      (a.file < b.file ? -1 : a.file > b.file ? 1 : 0) ||
      a.line - b.line ||
      a.column - b.column,
  );
}
