// `fieldgate check`: every mistake of a mapping with its place, so that a mapping can be mended before it runs.

import { loadMapping } from '../config/load.ts';
import { formatMistake, type Mistake, type Paint } from '../config/mistake.ts';
import type { Plant } from '../config/plant.ts';
import type { Mapping } from '../config/schema.ts';
import { parseArguments } from './arguments.ts';
import { type Command, EXIT, type Io } from './command.ts';

export const command: Command = {
  name: 'check',
  usage: 'FILE [--json]',
  summary: 'Checks a mapping and the CSV files it names, and prints every mistake with file, line and column.',
  help: `
Options:
  --json   the result as one JSON object: { ok, mistakes, warnings, summary }

Environment variables that the mapping names as \${NAME} must be set, as they will be when it runs.
Nothing is connected to; passwords are not read.

Examples:
  fieldgate check lavera.yaml
  fieldgate check lavera.yaml --json | jq '.mistakes[].message'

Exit codes: 0 clean (there may be warnings), 1 mistakes, 2 wrong usage.
`,

  async run(args, io) {
    const { flags, positionals } = parseArguments(args, { json: { type: 'boolean' } }, ['FILE']);
    const loaded = await loadMapping(positionals[0]!, { env: io.env });
    const clean = !('mistakes' in loaded);
    const mistakes = clean ? [] : loaded.mistakes;
    const summary = clean ? summarise(loaded.mapping, loaded.plant) : undefined;
    if (flags.has('json')) {
      io.out.write(`${JSON.stringify({ ok: clean, mistakes, warnings: loaded.warnings, summary }, null, 2)}\n`);
    } else {
      report(io, mistakes, loaded.warnings, summary);
    }
    return clean ? EXIT.clean : EXIT.failed;
  },
};

interface Summary {
  readonly gateway: string;
  readonly sources: number;
  /** Tags by protocol. */
  readonly tags: Readonly<Record<string, number>>;
  readonly hub: string;
}

function summarise(mapping: Mapping, plant: Plant): Summary {
  const tags: Record<string, number> = {};
  for (const source of plant.sources) tags[source.protocol] = (tags[source.protocol] ?? 0) + source.tags.length;
  return { gateway: plant.gateway, sources: plant.sources.length, tags, hub: mapping.hub.type };
}

function report(io: Io, mistakes: readonly Mistake[], warnings: readonly Mistake[], summary?: Summary): void {
  const colours = io.out.isTTY === true && io.env.NO_COLOR === undefined;
  for (const warning of warnings) {
    io.out.write(`${formatMistake({ ...warning, message: `warning: ${warning.message}` }, paint(colours, 33))}\n`);
  }
  for (const mistake of mistakes) io.out.write(`${formatMistake(mistake, paint(colours, 31))}\n`);
  if (summary === undefined) {
    const also = warnings.length > 0 ? `, ${count(warnings.length, 'warning')}` : '';
    io.out.write(`${count(mistakes.length, 'mistake')}${also}\n`);
    return;
  }
  const total = Object.values(summary.tags).reduce((sum, n) => sum + n, 0);
  const perProtocol = Object.entries(summary.tags).map(([protocol, n]) => `${n} ${protocol}`);
  const also = warnings.length > 0 ? `; ${count(warnings.length, 'warning')}` : '';
  io.out.write(
    `clean: gateway ${summary.gateway}, ${count(summary.sources, 'source')}, ` +
      `${count(total, 'tag')} (${perProtocol.join(', ')}), hub ${summary.hub}${also}\n`,
  );
}

function count(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? '' : 's'}`;
}

/** Bold places, coloured carets. */
function paint(colours: boolean, caret: number): Paint {
  const style = (code: number) => (text: string) => (colours ? `\x1b[${code}m${text}\x1b[0m` : text);
  return { place: style(1), caret: style(caret) };
}
