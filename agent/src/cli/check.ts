// `fieldgate check`: every mistake of a mapping with its place, so that a mapping can be mended before it runs.

import { expandMapping } from '../config/expand.ts';
import { type Loaded, loadMapping } from '../config/load.ts';
import { nearest } from '../config/nearest.ts';
import type { Plant } from '../config/plant.ts';
import type { Mapping } from '../config/schema.ts';
import { parseArguments, Usage } from './arguments.ts';
import { FORMATS, isFormat, type Summary } from './check/report.ts';
import { type Command, EXIT, type Io } from './command.ts';

export const command: Command = {
  name: 'check',
  usage: 'FILE [--format text|json|github|sarif] [--expand]',
  summary: 'Checks a mapping and the CSV files it names, and prints every mistake with file, line and column.',
  help: `
Options:
  --format text     as people read it (default)
  --format json     one JSON object: { ok, mistakes, warnings, summary }; also --json
  --format github   annotations of GitHub Actions
  --format sarif    SARIF 2.1.0, for code scanning
  --expand          prints the mapping with its templates written out; what it reads is the same

Environment variables that the mapping names as \${NAME} must be set, as they will be when it runs.
Nothing is connected to; passwords are not read.

Examples:
  fieldgate check lavera.yaml
  fieldgate check lavera.yaml --json | jq '.mistakes[].message'
  fieldgate check pumps.yaml --expand | less

Exit codes: 0 clean (there may be warnings), 1 mistakes, 2 wrong usage.
`,

  async run(args, io) {
    const options = { json: { type: 'boolean' }, format: { type: 'string' }, expand: { type: 'boolean' } } as const;
    const { flags, values, positionals } = parseArguments(args, options, ['FILE']);
    const format = values.get('format') ?? (flags.has('json') ? 'json' : 'text');
    if (!isFormat(format)) {
      const near = nearest(format, Object.keys(FORMATS));
      throw new Usage(`unknown format "${format}"${near ? `; did you mean "${near}"?` : ''}`);
    }
    const made = new Map<string, Map<string, unknown>>();
    const loaded = await loadMapping(positionals[0]!, {
      env: io.env,
      onTag(source, name, value, from) {
        if (!flags.has('expand') || from !== 'template') return;
        const tags = made.get(source) ?? new Map<string, unknown>();
        made.set(source, tags.set(name, value));
      },
    });
    const clean = !('mistakes' in loaded);
    const { warnings } = loaded;
    const result = { mistakes: clean ? [] : loaded.mistakes, warnings, summary: clean ? summarise(loaded) : undefined };
    if (flags.has('expand')) return expand(loaded, made, io);
    io.out.write(FORMATS[format](result, io));
    return clean ? EXIT.clean : EXIT.failed;
  },
};

function summarise({ mapping, plant }: { readonly mapping: Mapping; readonly plant: Plant }): Summary {
  const tags: Record<string, number> = {};
  for (const source of plant.sources) tags[source.protocol] = (tags[source.protocol] ?? 0) + source.tags.length;
  return { gateway: plant.gateway, sources: plant.sources.length, tags, hub: mapping.hub.type };
}

/** The mapping to standard output; what is wrong with it to standard error. */
function expand(loaded: Loaded, made: ReadonlyMap<string, ReadonlyMap<string, unknown>>, io: Io): number {
  if ('mistakes' in loaded) {
    io.err.write(FORMATS.text(loaded, { ...io, out: io.err }));
    return EXIT.failed;
  }
  io.out.write(expandMapping(loaded.files[0]!.text!, made));
  return EXIT.clean;
}
