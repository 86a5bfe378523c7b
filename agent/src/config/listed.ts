// The files that a source lists: read one by one, in the order of the list, each once.

import { dirname, join } from 'node:path';
import type { Context } from './context.ts';
import type { Path } from './mistake.ts';

export interface ListedFile {
  readonly path: string;
  readonly text: string;
}

/**
 * The files of a list; what cannot be read is a mistake where it is listed.
 * @param at where the list stands
 * @param what it is a list of: "tag file"
 */
export async function* listedFiles(
  context: Context,
  at: Path,
  list: unknown,
  what: string,
): AsyncGenerator<ListedFile> {
  if (!Array.isArray(list)) return;
  const { yaml, mistakes, warnings, readTable } = context;
  for (const [i, file] of list.entries()) {
    if (typeof file !== 'string' || file === '') continue;
    const wrong = (problem: string) => {
      mistakes.push(yaml.mistake([...at, i], 'value', `${what} ${JSON.stringify(file)}: ${problem}`));
    };
    if (list.indexOf(file) < i) {
      wrong('is listed a second time');
      continue;
    }
    const path = file.startsWith('/') ? file : join(dirname(yaml.file), file);
    const read = await readTable(path);
    if ('text' in read) {
      const { text, notice } = read;
      if (notice !== undefined) warnings.push({ file: path, column: 1, path: [notice.line], ...notice });
      yield { path, text };
    } else if (read.line === undefined) wrong(read.problem);
    else mistakes.push({ file: path, line: read.line, column: 1, path: [read.line], message: read.problem });
  }
}
