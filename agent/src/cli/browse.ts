// `fieldgate browse`: walks what a server offers and prints it as a mapping, ready to paste; where tags are mapped
// already, what has come, gone and changed.

import { isDeepStrictEqual } from 'node:util';
import type { Browsed, Survey } from '../adapters/survey.ts';
import { nearest } from '../config/nearest.ts';
import { nodeIdProblem } from '../config/nodeid.ts';
import type { ResolvedTag } from '../config/plant.ts';
import { Fault } from '../model/fault.ts';
import { isGood, statusName } from '../model/status.ts';
import { type Numbered, surveyOf } from '../wiring/survey.ts';
import { parseArguments, Usage } from './arguments.ts';
import { meaningText, plain, tagText } from './browse/line.ts';
import { names } from './browse/names.ts';
import { progressLine } from './browse/progress.ts';
import { type Command, EXIT, type Io } from './command.ts';
import { type Clean, cleanMapping, sourcesNamed } from './mapping.ts';
import { faultText, lineOf } from './refused.ts';
import { columnsOf } from './terminal.ts';

export const command: Command = {
  name: 'browse',
  usage: 'FILE [SOURCE] [--under NODE|PATH] [--match GLOB] [--type TYPE] [--all] [--json]',
  summary:
    'Walks the variables of an OPC UA server and prints a mapping of them, or how they differ from the tags mapped.',
  help: `
Without tags in the mapping, every variable found is printed as a tag, with its unit and range, and what its numbers
mean behind it: paste them below "tags:" of the source. With tags, the output says what the server has and the mapping
has not (as tags to paste), which tags it does not know any more, and which have another unit or range. Only reads; the
gateway may run meanwhile.

SOURCE may be left out where only one can be walked. Properties are not printed, nor the server's own diagnostics
(--under /Objects/Server prints those). A link that breaks is made anew, and the walk goes on if the server is back
within a minute. If not, or on Ctrl-C, what was found by then is printed below a line "# incomplete"; exit code 1.

Options:
  --under X     begin at this node ("nsu=urn:lavera:dcs;s=Area 20") or browse path (/Objects/Crude unit 1); default: Objects
  --match GLOB  only variables whose name, or whose path when the pattern has a "/", fits: "*.PV", "/Objects/*/20*"
  --type TYPE   only of this data type: Double, Boolean, Int32[]
  --all         every variable as a tag, also where tags are mapped already
  --json        one JSON object: { source, found, added, removed, changed }; "incomplete" says why it is not everything

Examples:
  fieldgate browse lavera.yaml cdu1-dcs --match '*.PV' > tags.yaml
  fieldgate browse lavera.yaml cdu1-dcs
  fieldgate browse lavera.yaml cdu1-dcs --under /Objects/Server --type Double

Exit codes: 0 walked, 1 mistakes in the mapping, or the source cannot be walked to the end, 2 wrong usage.
`,

  async run(args, io) {
    const { flags, values, positionals } = parseArguments(
      args,
      {
        under: { type: 'string' },
        match: { type: 'string' },
        type: { type: 'string' },
        all: { type: 'boolean' },
        json: { type: 'boolean' },
      },
      ['FILE', '[SOURCE]'],
    );
    const clean = await cleanMapping('browse', positionals[0]!, io);
    if (clean === undefined) return EXIT.failed;
    const one = theSource(clean, positionals[1]);
    const fail = (message: string) => {
      io.err.write(`fieldgate browse: ${message}\n`);
      return EXIT.failed;
    };
    const below = { indent: 2, columns: columnsOf({ out: io.err }) };
    const survey = await surveyOf(one);
    if (survey?.browse === undefined)
      return fail(`a source of ${one.source.protocol} cannot be walked; it names nothing`);
    const ending = new AbortController();
    const end = () => ending.abort(new Fault('source.closed', 'stopped'));
    process.once('SIGINT', end).once('SIGTERM', end);
    const line = progressLine(io.err, one.source.name);
    const found: Browsed[] = [];
    try {
      const fits = filter(values.get('match'), values.get('type'));
      const under = values.get('under');
      const broken = (fault: Fault) => line.say(`${lineOf(fault)}; trying again`);
      const wish = { progress: line.show, broken, ...(under !== undefined && { under }) };
      // What was found before a link broke, or a person had enough, is shown all the same, and marked.
      const types = new Set<string>();
      let met = 0;
      const look = (each: Browsed) => {
        met++;
        if (types.size < MOST_TYPES) types.add(each.type);
        return fits(each);
      };
      const incomplete = await collect(survey.browse(wish, ending.signal), look, found);
      line.end();
      if (incomplete !== undefined && found.length === 0) return fail(faultText(incomplete, below, one.source.name));
      const why = incomplete && lineOf(incomplete);
      const partial = incomplete !== undefined || under !== undefined || values.has('match') || values.has('type');
      const difference = await compare(one, found, partial ? undefined : survey, ending.signal);
      for (const [why, count] of line.refused) {
        io.err.write(`${count} node${count === 1 ? '' : 's'} could not be looked into: ${plain(why)}\n`);
      }
      const taken = one.source.tags.map(({ name }) => name);
      if (flags.has('json')) {
        const told = { source: one.source.name, ...(why !== undefined && { incomplete: why }), found, ...difference };
        io.out.write(`${JSON.stringify(told, null, 2)}\n`);
      } else {
        if (why !== undefined) io.out.write(`# incomplete: ${plain(why)}\n`);
        if (flags.has('all') || taken.length === 0) {
          writeTags(found, taken, io);
          io.err.write(`${counted(found.length, met)}${found.length > 0 ? '' : noneOf(types, values.get('type'))}\n`);
        } else {
          write(difference, taken, io);
        }
      }
      return why === undefined ? EXIT.clean : fail(`incomplete: ${why}`);
    } catch (thrown) {
      line.end();
      if (!(thrown instanceof Fault)) throw thrown;
      return fail(faultText(thrown, below, one.source.name));
    } finally {
      line.end();
      process.off('SIGINT', end).off('SIGTERM', end);
    }
  },
};

/** Types that are named to a person whose `--type` fits none. */
const MOST_TYPES = 30;

/** The source that was named, or the only one that can be walked. @throws Usage */
function theSource(clean: Clean, name: string | undefined): Numbered {
  const all = sourcesNamed(clean, name);
  const some = name === undefined ? all.filter(({ source }) => source.protocol === 'opcua') : all;
  const [one] = some;
  if (one === undefined) throw new Usage('the mapping has no source that can be walked: protocol opcua');
  if (some.length === 1) return one;
  throw new Usage(`SOURCE is missing: one of ${some.map(({ source }) => source.name).join(', ')}`);
}

function counted(found: number, met: number): string {
  const of = found === met ? '' : ` of ${met.toLocaleString('en')}`;
  return `${found.toLocaleString('en')}${of} variable${(found === met ? found : met) === 1 ? '' : 's'}`;
}

/** What could be asked for instead of a type that nothing has. */
function noneOf(types: ReadonlySet<string>, type: string | undefined): string {
  if (type === undefined || types.size === 0) return '';
  const near = nearest(type, types);
  return near === undefined
    ? `; their types: ${plain([...types].join(', '))}`
    : `; did you mean --type ${plain(near)}?`;
}

/** Takes what fits; resolves with why it is not everything, if it is not. */
async function collect(
  walk: AsyncIterable<Browsed>,
  fits: (one: Browsed) => boolean,
  found: Browsed[],
): Promise<Fault | undefined> {
  try {
    for await (const each of walk) if (fits(each)) found.push(each);
    return undefined;
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown;
    return thrown;
  }
}

function filter(match: string | undefined, type: string | undefined): (one: Browsed) => boolean {
  const pattern = match === undefined ? undefined : globOf(match);
  const wanted = type?.toLowerCase();
  return ({ name, path, type }) =>
    (pattern === undefined || pattern.test(match?.includes('/') ? path : name)) &&
    (wanted === undefined || type.toLowerCase() === wanted);
}

/** `*` any characters, `?` one; everything else stands for itself, without regard to case. */
function globOf(text: string): RegExp {
  const escaped = text.replace(/[.+^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${escaped.replace(/\*/g, '.*').replace(/\?/g, '.')}$`, 'is');
}

interface Change {
  readonly tag: string;
  readonly node: string;
  readonly what: string;
}

interface Difference {
  readonly added: readonly Browsed[];
  readonly removed: readonly { readonly tag: string; readonly why: string }[];
  readonly changed: readonly Change[];
}

/** @param survey asked for the tags that were not met; undefined when the walk was no complete one */
async function compare(
  { source, first }: Numbered,
  found: readonly Browsed[],
  survey: Survey | undefined,
  signal: AbortSignal,
): Promise<Difference> {
  const met = new Set(found.flatMap(({ tags }) => tags ?? []));
  const changed: Change[] = [];
  for (const one of found) {
    for (const index of one.tags ?? []) {
      const tag = source.tags[index - first]!;
      for (const what of changes(tag, one)) changed.push({ tag: tag.name, node: one.node, what });
    }
  }
  const removed: Difference['removed'][number][] = [];
  const missing = source.tags.map((_, i) => first + i).filter((index) => !met.has(index));
  if (survey !== undefined && missing.length > 0) {
    // What the walk did not meet may still be there, below a node that it does not go into.
    const { batch, details } = await survey.read(missing, signal);
    for (let i = 0; i < batch.count; i++) {
      const status = batch.status[i]!;
      if (isGood(status) || !GONE.has(statusName(status))) continue;
      const index = batch.tag[i]!;
      removed.push({ tag: source.tags[index - first]!.name, why: details.get(index) ?? statusName(status) });
    }
  }
  return { added: found.filter(({ tags }) => tags === undefined), removed, changed };
}

const GONE = new Set(['BadNodeIdUnknown', 'BadNodeIdInvalid', 'BadNoMatch']);

function changes({ unit, range, scale }: ResolvedTag, one: Browsed): string[] {
  const what: string[] = [];
  // A tag that is scaled has a unit and a range of its own.
  if (scale === undefined) {
    if (unit !== undefined && one.unit !== undefined && unit !== one.unit)
      what.push(`unit: the mapping says ${unit}, the server ${one.unit}`);
    if (range !== undefined && one.range !== undefined && !isDeepStrictEqual([...range], [...one.range]))
      what.push(`range: the mapping says ${range.join(' to ')}, the server ${one.range.join(' to ')}`);
  }
  if (!one.readable) what.push('this user may not read it any more');
  return what;
}

function writeTags(found: readonly Browsed[], taken: readonly string[], io: Io): void {
  const named = names(found, taken);
  if (found.some(({ texts }) => texts !== undefined)) {
    io.out.write('# "enumText: true" at a tag sends the text that stands behind it instead of the number\n');
  }
  for (const [i, { node, unit, range, texts, readable, path, type }] of found.entries()) {
    const tag = { node, ...(unit !== undefined && { unit }), ...(range !== undefined && { range: [...range] }) };
    const bare = tagText(named[i]!, tag);
    const problem = readable ? nodeIdProblem(node) : 'not readable for this user';
    const means = texts === undefined ? '' : `: ${meaningText(texts)}`;
    if (problem === undefined) io.out.write(`${bare}  # ${plain(`${type}${means}`)}\n`);
    else io.out.write(`${plain(`# ${problem}: ${bare}  # ${type} ${path}`)}\n`);
  }
}

function write({ added, removed, changed }: Difference, taken: readonly string[], io: Io): void {
  io.out.write(`# added: ${added.length}, removed: ${removed.length}, changed: ${changed.length}\n`);
  if (added.length > 0) {
    io.out.write('\n# added: on the server, not in the mapping\n');
    writeTags(added, taken, io);
  }
  if (removed.length > 0) {
    io.out.write('\n# removed: in the mapping, not on the server\n');
    for (const { tag, why } of removed) io.out.write(`# ${tag}: ${plain(why)}\n`);
  }
  if (changed.length > 0) {
    io.out.write('\n# changed\n');
    for (const { tag, what } of changed) io.out.write(`# ${tag}: ${plain(what)}\n`);
  }
}
