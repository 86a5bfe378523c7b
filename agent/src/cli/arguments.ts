// The arguments of a command: options and positionals, with a suggestion for a mistyped option. node:util's parseArgs
// cuts them up; whether they make sense is decided here, because its own errors name an option in their text only.

import { parseArgs } from 'node:util';
import { nearest } from '../config/nearest.ts';

/** Arguments that make no sense; the message says which. */
export class Usage extends Error {
  override readonly name = 'Usage';
}

export type Options = Readonly<Record<string, { readonly type: 'boolean' | 'string'; readonly short?: string }>>;

export interface Arguments {
  /** Flags given. */
  readonly flags: ReadonlySet<string>;
  /** Values of the options that take one. */
  readonly values: ReadonlyMap<string, string>;
  readonly positionals: readonly string[];
}

/** @param names what the positionals are called, in order; `[NAME]` may be left out, `NAME…` takes the rest */
export function parseArguments(args: readonly string[], options: Options, names: readonly string[]): Arguments {
  const { tokens } = parseArgs({ args: [...args], options, strict: false, allowPositionals: true, tokens: true });
  const flags = new Set<string>();
  const values = new Map<string, string>();
  const positionals: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') positionals.push(token.value);
    if (token.kind !== 'option') continue;
    const option = options[token.name];
    if (option === undefined) {
      const near = nearest(token.name, [...Object.keys(options), 'help']);
      throw new Usage(`unknown option "${token.rawName}"${near ? `; did you mean "--${near}"?` : ''}`);
    }
    if (option.type === 'boolean') {
      if (token.value !== undefined) throw new Usage(`option ${token.rawName} takes no value`);
      flags.add(token.name);
      continue;
    }
    // `--config --json` is a forgotten value, not a file called "--json".
    if (token.value === undefined || (!token.inlineValue && token.value.startsWith('-') && token.value !== '-')) {
      throw new Usage(`option ${token.rawName} needs a value`);
    }
    values.set(token.name, token.value);
  }
  const needed = names.filter((name) => !name.startsWith('['));
  if (positionals.length < needed.length) throw new Usage(`${needed[positionals.length]} is missing`);
  if (positionals.length > names.length && !names.at(-1)?.includes('…')) {
    throw new Usage(`one argument too many: "${positionals[names.length]}"`);
  }
  return { flags, values, positionals };
}
