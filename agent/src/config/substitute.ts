// `${NAME}`: environment variables in host, endpoint and url, so that one mapping serves several sites. Nowhere else:
// a mapping that changes its meaning everywhere with its surroundings can be checked nowhere.

import type { Finding } from './issues.ts';
import type { Path } from './mistake.ts';

const VARIABLE = /\$\{([^}]*)\}?/g;

/** The text with its variables filled in, and what is wrong with the first that cannot be. */
export function substitute(text: string, path: Path, env: NodeJS.ProcessEnv): { text: string; finding?: Finding } {
  let message: string | undefined;
  const filled = text.replace(VARIABLE, (whole, name: string) => {
    const problem = problemOf(whole, name, env);
    if (problem === undefined) return env[name]!;
    message ??= `${path.at(-1)} has ${whole}: ${problem}`;
    return whole;
  });
  return message === undefined ? { text: filled } : { text: filled, finding: { path, part: 'value', message } };
}

function problemOf(whole: string, name: string, env: NodeJS.ProcessEnv): string | undefined {
  if (!whole.endsWith('}')) return 'the "}" is missing';
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return 'write the name of an environment variable between the braces';
  if (env[name] === undefined) return `the environment variable ${name} is not set`;
  return env[name] === '' ? `the environment variable ${name} is empty` : undefined;
}

/** Places where somebody expects a variable to be filled in, and it is not. @param skip where not to look */
export function misplaced(value: unknown, path: Path, skip: (path: Path) => boolean): Finding[] {
  if (skip(path)) return [];
  if (typeof value === 'string') {
    if (!value.includes('${')) return [];
    const message = `${path.at(-1)} has "\${": environment variables are filled in only in host, endpoint and url`;
    return [{ path, part: 'value', message }];
  }
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => misplaced(inner, [...path, key], skip));
}
