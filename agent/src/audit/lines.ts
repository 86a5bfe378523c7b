// Text as lines, with a bound on the length of one: whatever a file holds, memory stays small.

export interface Line {
  readonly text: string;
  /** One-based. */
  readonly number: number;
  /** `torn`: the last line has no end; `long`: longer than any line of ours, its text is left out. */
  readonly flaw?: 'torn' | 'long';
}

/** Longest line, in characters: a message of 250,000 bytes can unpack to many times of that. */
const LONGEST = 64 * 1024 * 1024;

/** The lines of a text that comes in pieces. Empty lines are left out, and counted. */
export async function* linesOf(pieces: AsyncIterable<string>, longest = LONGEST): AsyncGenerator<Line> {
  let rest: string[] = [];
  let length = 0;
  let number = 1;
  for await (const piece of pieces) {
    let begin = 0;
    for (let end = piece.indexOf('\n'); end >= 0; end = piece.indexOf('\n', begin)) {
      length += end - begin;
      if (length > longest) yield { text: '', number, flaw: 'long' };
      else if (length > 0) yield { text: rest.join('') + piece.slice(begin, end), number };
      rest = [];
      length = 0;
      number++;
      begin = end + 1;
    }
    length += piece.length - begin;
    if (length > longest) rest = [];
    else if (begin < piece.length) rest.push(piece.slice(begin));
  }
  if (length > longest) yield { text: '', number, flaw: 'long' };
  else if (length > 0) yield { text: rest.join(''), number, flaw: 'torn' };
}
