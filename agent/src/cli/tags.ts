// `fieldgate tags`: tag lists out of a mapping as CSV, for a spreadsheet, and in from the lists of other products.

import { Document } from 'yaml';
import { tagsAsCsv } from '../config/exchange/csv-text.ts';
import type { Imported, ImportedSource } from '../config/exchange/imported.ts';
import { loadMapping } from '../config/load.ts';
import { formatMistake } from '../config/mistake.ts';
import { nearest } from '../config/nearest.ts';
import { protocolOf } from '../config/protocols/protocols.ts';
import { readText } from '../config/text.ts';
import { parseArguments, Usage } from './arguments.ts';
import { type Command, EXIT, type Io } from './command.ts';

export const command: Command = {
  name: 'tags',
  usage: 'export FILE [SOURCE] [--excel] | import LIST [--source NAME]',
  summary: 'Writes the tags of a mapping as CSV, and turns tag lists of other products into ours.',
  help: `
  export FILE [SOURCE]   the tags of one source as a tag file, those of templates and tag files too; put it under
                         tagFiles in place of them, and the gateway reads the same
  import LIST            a list of Kepware (CSV), Telegraf (TOML) or OPC Publisher (publishednodes.json), as a tag file

Options:
  --excel         for Excel where decimals have a comma: ";" between cells, byte order mark
  --source NAME   the list as a source of a mapping (YAML), with what the list says of the connection

The result goes to standard output, what was not taken and what to look after to standard error.

Examples:
  fieldgate tags export lavera.yaml flare-plc > tags/flare-plc.csv
  fieldgate tags import kepware-flare.csv > tags/flare-plc.csv
  fieldgate tags import telegraf.conf --source flare-plc

Exit codes: 0 clean, 1 mistakes in the mapping or rows that were not taken, 2 wrong usage.
`,

  async run(args, io) {
    const [what, ...rest] = args;
    if (what === 'export') return exportTags(rest, io);
    if (what === 'import') return importTags(rest, io);
    throw new Usage(what === undefined ? 'export or import is missing' : `write export or import, not "${what}"`);
  },
};

async function exportTags(args: readonly string[], io: Io): Promise<number> {
  // --csv is what it writes anyway.
  const options = { excel: { type: 'boolean' }, csv: { type: 'boolean' } } as const;
  const { flags, positionals } = parseArguments(args, options, ['FILE', '[SOURCE]']);
  const [file = '', wanted] = positionals;
  const tags = new Map<string, [string, unknown][]>();
  const loaded = await loadMapping(file, {
    env: io.env,
    onTag(source, name, value) {
      const known = tags.get(source);
      if (known === undefined) tags.set(source, [[name, value]]);
      else known.push([name, value]);
    },
  });
  if ('mistakes' in loaded) {
    for (const mistake of loaded.mistakes) io.err.write(`${formatMistake(mistake)}\n`);
    return EXIT.failed;
  }
  const { sources } = loaded.plant;
  const names = sources.map(({ name }) => name);
  if (wanted === undefined && sources.length > 1)
    throw new Usage(`${file} has several sources, name one: ${names.join(', ')}`);
  const source = wanted === undefined ? sources[0]! : sources.find(({ name }) => name === wanted);
  if (source === undefined) {
    const near = nearest(wanted!, names);
    throw new Usage(`there is no source "${wanted}"${near ? `; did you mean "${near}"?` : ''}`);
  }
  const { tagSchema } = protocolOf(source.protocol);
  io.out.write(tagsAsCsv(tagSchema, tags.get(source.name) ?? [], { excel: flags.has('excel') }));
  return EXIT.clean;
}

async function importTags(args: readonly string[], io: Io): Promise<number> {
  const options = { excel: { type: 'boolean' }, source: { type: 'string' } } as const;
  const { flags, values, positionals } = parseArguments(args, options, ['LIST']);
  const file = positionals[0]!;
  const read = await readText(file, 'table');
  if ('problem' in read) {
    io.err.write(`${file}: ${read.problem}\n`);
    return EXIT.failed;
  }
  const { readTagList } = await import('../config/exchange/read.ts');
  const list = readTagList(file, read.text);
  if (!('sources' in list)) {
    io.err.write(`${formatMistake(list)}\n`);
    return EXIT.failed;
  }
  for (const mistake of list.mistakes) io.err.write(`${formatMistake(mistake)}\n`);
  for (const note of list.notes) io.err.write(`note: ${note}\n`);
  const name = values.get('source');
  const sources = list.sources.filter(({ tags }) => tags.length > 0);
  if (name !== undefined || sources.length > 1) io.out.write(asYaml(sources, name));
  else if (sources[0] !== undefined) io.out.write(asCsv(sources[0], flags.has('excel')));
  io.err.write(`${conclusion(list)}\n`);
  return list.mistakes.length > 0 || sources.length === 0 ? EXIT.failed : EXIT.clean;
}

const pairs = ({ tags }: ImportedSource) => tags.map(({ name, value }) => [name, value] as const);

function asCsv(source: ImportedSource, excel: boolean): string {
  return tagsAsCsv(protocolOf(source.protocol).tagSchema, pairs(source), { excel });
}

/** Sources as they stand under `sources:`; what the list does not say is left for a person to fill in. */
function asYaml(sources: readonly ImportedSource[], given: string | undefined): string {
  const taken = new Set<string>();
  const named = sources.map((source, i) => {
    const wanted = given === undefined ? (source.name ?? `source-${i + 1}`) : i === 0 ? given : `${given}-${i + 1}`;
    let name = wanted;
    for (let n = 2; taken.has(name); n++) name = `${wanted}-${n}`;
    taken.add(name);
    const connection = Object.entries({ ...NEEDED[source.protocol], ...source.connection });
    const known = connection.filter(([, value]) => value !== undefined);
    return [
      name,
      { protocol: source.protocol, ...Object.fromEntries(known), tags: Object.fromEntries(pairs(source)) },
    ] as const;
  });
  const document = new Document({ sources: Object.fromEntries(named) });
  for (const [name, { tags }] of named) {
    for (const tag of Object.keys(tags)) {
      document.setIn(['sources', name, 'tags', tag], document.createNode(tags[tag], { flow: true }));
    }
  }
  return document.toString({ lineWidth: 0 });
}

/** What no list may say, and every source needs. */
const NEEDED: Readonly<Record<ImportedSource['protocol'], Readonly<Record<string, unknown>>>> = {
  opcua: { endpoint: 'opc.tcp://FILL-IN:4840' },
  'modbus-tcp': { host: 'FILL-IN' },
  'modbus-rtu-over-tcp': { host: 'FILL-IN' },
  'modbus-udp': { host: 'FILL-IN' },
  'modbus-rtu': { device: '/dev/FILL-IN' },
};

function conclusion({ kind, sources, mistakes }: Imported): string {
  const tags = sources.reduce((sum, source) => sum + source.tags.length, 0);
  const left = mistakes.length === 0 ? '' : `, ${mistakes.length} not taken`;
  return `${kind}: ${tags} tag${tags === 1 ? '' : 's'} taken${left}`;
}
