// `fieldgate audit`: proves from delivered files alone that nothing is missing, or says what is. It reads what a
// consumer has, not what the gateway thinks, and any size of file in little memory.

import { createReadStream, statSync } from 'node:fs';
import { pipeline, type Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { type EpochReport, Ledger, missingOf } from '../audit/ledger.ts';
import { parseLine } from '../audit/line.ts';
import { linesOf } from '../audit/lines.ts';
import { countOf, type Range } from '../audit/numbers.ts';
import { describe } from '../model/fault.ts';
import { parseArguments } from './arguments.ts';
import { type Command, EXIT, type Io } from './command.ts';

/** Flaws and ranges that are shown; the rest is counted. */
const MOST_SHOWN = 20;
/** How often the progress is written, ms, and after how many lines the clock is looked at. */
const PROGRESS = 500;
const PROGRESS_LINES = 10_000;

export const command: Command = {
  name: 'audit',
  usage: 'FILE… [--json] [--from-start]',
  summary: 'Proves from delivered files that no reading is missing, or says which numbers are.',
  help: `
FILE is what a hub of type jsonl wrote, or any JSON Lines of format rows or columns; "-" is standard input,
and a name that ends with .gz is unpacked. Give files of one gateway in the order in which they were written.

Per gateway and epoch it reports readings, the numbers received, duplicates, what was given up and why (a gap
record names those numbers), outages of sources, and missing numbers, which nothing explains.

Options:
  --json         the result as one JSON object: { complete, lines, flaws, firstFlaws, epochs }
  --from-start   the files hold everything: what is missing before the first number counts as missing too

Examples:
  fieldgate audit readings.jsonl
  fieldgate audit --from-start readings.jsonl.1.gz readings.jsonl
  mosquitto_sub -t 'site/lavera/#' -W 3600 | fieldgate audit - --json | jq '.epochs[].missing'

Exit codes: 0 complete, 1 not: numbers are missing, a line cannot be read, or there is none; 2 wrong usage.
`,

  async run(args, io) {
    const options = { json: { type: 'boolean' }, 'from-start': { type: 'boolean' } } as const;
    const { flags, positionals } = parseArguments(args, options, ['FILE', '[FILE…]']);
    const ledger = new Ledger({ fromStart: flags.has('from-start') });
    const tally = { lines: 0, flaws: 0 };
    const shown: string[] = [];
    const flaw = (text: string) => {
      if (++tally.flaws > MOST_SHOWN) return;
      shown.push(text);
      io.err.write(`${text}\n`);
    };
    for (const file of positionals) tally.lines += await read(file, ledger, io, flaw);
    if (tally.flaws > MOST_SHOWN) io.err.write(`and ${tally.flaws - MOST_SHOWN} more\n`);
    const epochs = ledger.report();
    const complete = tally.flaws === 0 && epochs.length > 0 && epochs.every((epoch) => epoch.complete);
    if (flags.has('json')) {
      const { lines, flaws } = tally;
      io.out.write(`${JSON.stringify({ complete, lines, flaws, firstFlaws: shown, epochs }, null, 2)}\n`);
    } else {
      for (const epoch of epochs) io.out.write(`${textOf(epoch)}\n`);
      io.out.write(`${verdict(complete, tally, epochs)}\n`);
    }
    return complete ? EXIT.clean : EXIT.failed;
  },
};

/** Enters a file's lines and answers how many there were. What cannot be read is a flaw, and the rest goes on. */
async function read(file: string, ledger: Ledger, io: Io, flaw: (text: string) => void): Promise<number> {
  const name = file === '-' ? 'standard input' : file;
  let lines = 0;
  const progress = progressOf(name, file, io);
  try {
    for await (const { text, number, flaw: damage } of linesOf(open(file, progress.saw))) {
      lines++;
      if (lines % PROGRESS_LINES === 0) progress.show(lines);
      const entries = damage === 'long' ? 'is longer than any message' : parseLine(text);
      if (typeof entries !== 'string') ledger.enter(entries);
      else flaw(`${name}:${number}: ${damage === 'torn' ? 'is torn: the file ends in the middle of it' : entries}`);
    }
  } catch (error) {
    flaw(`${name}: cannot be read${lines > 0 ? ' further' : ''}: ${describe(error)}`);
  }
  progress.end();
  return lines;
}

/** The text of a file in pieces. @param saw is told how many bytes of the file were read */
function open(file: string, saw: (bytes: number) => void): AsyncIterable<string> {
  const source: Readable = file === '-' ? process.stdin : createReadStream(file, { highWaterMark: 256 * 1024 });
  source.on('data', (bytes: Buffer) => saw(bytes.length));
  source.pause();
  if (!file.endsWith('.gz')) return source.setEncoding('utf8');
  // An error of the file reaches the reader through the unpacked side.
  return pipeline(source, createGunzip(), () => undefined).setEncoding('utf8');
}

/** A line on a terminal that says how far it is, written over itself. */
function progressOf(name: string, file: string, io: Io) {
  const shows = io.err.isTTY === true;
  const size = shows && file !== '-' ? (statSync(file, { throwIfNoEntry: false })?.size ?? 0) : 0;
  let bytes = 0;
  let last = Date.now();
  let written = false;
  return {
    saw(more: number) {
      bytes += more;
    },
    show(lines: number) {
      if (!shows || Date.now() - last < PROGRESS) return;
      last = Date.now();
      written = true;
      const share = size > 0 ? `${Math.floor((100 * bytes) / size)} %, ` : '';
      io.err.write(`\r${name}: ${share}${grouped(lines)} lines\x1b[K`);
    },
    end() {
      if (written) io.err.write('\r\x1b[K');
    },
  };
}

function textOf(report: EpochReport): string {
  const { gateway, epoch, readings, gapRecords, duplicates, received, explained, reasons, missing, outages } = report;
  const lines = [
    `gateway ${gateway}, epoch ${epoch ?? '(the rows name none)'}: ${report.complete ? 'complete' : 'NOT COMPLETE'}`,
  ];
  const [begin] = received;
  const extent = begin === undefined ? 'nothing received' : `numbers ${begin.first} to ${received.at(-1)?.last}`;
  lines.push(`${plural(readings, 'reading')}, ${plural(gapRecords, 'gap record')}, ${extent}`);
  if (duplicates > 0) lines.push(`${plural(duplicates, 'duplicate')}`);
  if (explained.length > 0) {
    const why = Object.entries(reasons).map(([reason, count]) => `${reason} ${grouped(count)}`);
    lines.push(
      `given up, and said so: ${plural(countOf(explained), 'number')} (${why.join(', ')}): ${listed(explained)}`,
    );
  }
  if (missing.length > 0) lines.push(`MISSING: ${plural(missingOf(report), 'number')}: ${listed(missing)}`);
  for (const { source, reason, count, bridged, milliseconds, open } of outages) {
    const whole = bridged > 0 ? `, ${bridged} of them without a loss` : '';
    const still = open > 0 ? `, ${open} not ended` : '';
    lines.push(
      `${source ?? 'the gateway'}: ${reason} ${plural(count, 'time')}${whole}, ${milliseconds / 1_000} s in all${still}`,
    );
  }
  return lines.join('\n  ');
}

function verdict(
  complete: boolean,
  { lines, flaws }: { lines: number; flaws: number },
  epochs: readonly EpochReport[],
): string {
  if (complete) return 'complete';
  const missing = epochs.reduce((sum, epoch) => sum + missingOf(epoch), 0);
  const why = [
    ...(missing > 0 ? [`${plural(missing, 'number')} missing`] : []),
    ...(flaws > 0 ? [`${plural(flaws, 'line or file', 'lines or files')} that cannot be read`] : []),
    ...(lines === 0 ? ['there is no row'] : []),
  ];
  return `not complete: ${why.join(', ')}`;
}

function listed(ranges: readonly Range[]): string {
  const texts = ranges
    .slice(0, MOST_SHOWN)
    .map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`));
  const more = ranges.length - texts.length;
  return texts.join(', ') + (more > 0 ? `, and ${more} more ranges` : '');
}

function plural(count: number, one: string, many = `${one}s`): string {
  return `${grouped(count)} ${count === 1 ? one : many}`;
}

function grouped(count: number): string {
  return count.toLocaleString('en-US');
}
