// `fieldgate read`: reads tags once, as the gateway would, over a connection of its own, and shows what came: value,
// status, raw words, round-trip time. For the engineer at the cabinet.

import type { Answer, Choice } from '../adapters/survey.ts';
import { engineering } from '../conditioning/scaling.ts';
import { nearest } from '../config/nearest.ts';
import type { ResolvedTag } from '../config/plant.ts';
import { shortFloat32 } from '../delivery/formats/value.ts';
import { type Batch, Kind, type Value, valueAt } from '../model/batch.ts';
import { Fault } from '../model/fault.ts';
import { isGood, statusName } from '../model/status.ts';
import { formatTime } from '../model/time.ts';
import { addressOf, type Numbered, surveyOf } from '../wiring/survey.ts';
import { parseArguments, Usage } from './arguments.ts';
import { type Command, EXIT, type Io } from './command.ts';
import { type Clean, cleanMapping, columns, sourcesNamed } from './mapping.ts';
import { faultText, lineOf, refusedText } from './refused.ts';
import { coloursOf, columnsOf } from './terminal.ts';

export const command: Command = {
  name: 'read',
  usage: 'FILE [TAG…] [--orders] [--json]',
  summary: 'Reads tags once and shows value, status, time, the raw words of Modbus and the round-trip time.',
  help: `
Without TAG every tag of the mapping is read. The gateway may run meanwhile, but the connection is one more: a device
that takes only one master refuses it. Nothing is written to the device, ever.

Of a redundant set the first server that lets us in and has data is read; which one, and why not those before it, stands
above the tags. Where none can be used, each is named with its own reason.

Long values are cut; --json has them whole.

Options:
  --orders   Modbus: the same words in every byte order; "*" marks the order of the mapping
  --json     one JSON object: { sources: [{ name, error, servers, roundTripsMs, tags: [{ tag, value, status, … }] }] };
             servers: why each of a redundant set cannot be used; passedOver: those before the one that was read

Examples:
  fieldgate read lavera.yaml 70PT201
  fieldgate read lavera.yaml 70PT201 --orders
  fieldgate read lavera.yaml --json | jq '.sources[].tags[] | select(.status != "Good")'

Exit codes: 0 every tag is Good, 1 one is not or a source cannot be reached, 2 wrong usage.
`,

  async run(args, io) {
    const { flags, positionals } = parseArguments(args, { orders: { type: 'boolean' }, json: { type: 'boolean' } }, [
      'FILE',
      '[TAG…]',
    ]);
    const [file = '', ...names] = positionals;
    const clean = await cleanMapping('read', file, io);
    if (clean === undefined) return EXIT.failed;
    const chosen = wanted(clean, names);
    const ending = new AbortController();
    const end = () => ending.abort();
    process.once('SIGINT', end).once('SIGTERM', end);
    if (io.err.isTTY === true) io.err.write(`reading ${chosen.map(({ source }) => source.name).join(', ')} …`);
    const read = await Promise.all(chosen.map((one) => readSource(one, ending.signal, flags.has('orders'))));
    process.off('SIGINT', end).off('SIGTERM', end);
    if (io.err.isTTY === true) io.err.write('\r\u001b[K');
    if (flags.has('json')) io.out.write(`${JSON.stringify({ sources: read.map(asJson) }, null, 2)}\n`);
    else for (const one of read) write(one, io);
    const all = read.every(({ tags, error }) => error === undefined && tags.every(({ good }) => good));
    return all ? EXIT.clean : EXIT.failed;
  },
};

interface Wanted extends Numbered {
  /** Indices of the tags to read. */
  readonly indices: readonly number[];
}

/** The sources that have the tags named, each with them; all when none is named. */
function wanted(clean: Clean, names: readonly string[]): Wanted[] {
  const sources = sourcesNamed(clean, undefined);
  const known = new Set(sources.flatMap(({ source }) => source.tags.map(({ name }) => name)));
  for (const name of names) {
    if (known.has(name)) continue;
    const near = nearest(name, [...known]);
    throw new Usage(`there is no tag "${name}"${near === undefined ? '' : `; did you mean "${near}"?`}`);
  }
  const chosen = new Set(names.length > 0 ? names : known);
  return sources
    .map((one) => {
      const { source, first } = one;
      const indices = source.tags.flatMap(({ name }, i) => (chosen.has(name) ? [first + i] : []));
      return { ...one, indices };
    })
    .filter(({ indices }) => indices.length > 0);
}

/** One tag as it was read. */
interface Shown {
  readonly tag: string;
  /** In engineering units, as it is sent. */
  readonly value: Value;
  readonly text: string;
  readonly unit: string | undefined;
  /** Before scaling, when the tag is scaled. */
  readonly raw: string | undefined;
  readonly good: boolean;
  readonly status: string;
  readonly detail: string | undefined;
  readonly time: string;
  /** Hexadecimal, as they came. */
  readonly words: readonly string[] | undefined;
  readonly orders: readonly { readonly order: string; readonly text: string; readonly mapped: boolean }[] | undefined;
}

interface Read {
  readonly numbered: Numbered;
  /** Why nothing was read: a Fault, or in words. */
  readonly error: Fault | string | undefined;
  /** Of a redundant set: which server was read. */
  readonly server?: Choice | undefined;
  readonly roundTrips: readonly number[];
  readonly tags: readonly Shown[];
}

async function readSource(one: Wanted, signal: AbortSignal, withOrders: boolean): Promise<Read> {
  const failed = (error: Fault | string): Read => ({ numbered: one, error, roundTrips: [], tags: [] });
  const survey = await surveyOf(one);
  if (survey === undefined)
    return failed(`tags of an ${one.source.protocol} source cannot be read by this command yet`);
  try {
    const answer = await survey.read(one.indices, signal);
    const tags: Shown[] = [];
    for (let i = 0; i < answer.batch.count; i++) tags.push(await shownOf(one, answer, i, withOrders));
    const place = new Map(one.source.tags.map(({ name }, i) => [name, i]));
    tags.sort((a, b) => place.get(a.tag)! - place.get(b.tag)!);
    return { numbered: one, error: undefined, server: answer.server, roundTrips: answer.roundTrips, tags };
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown;
    return failed(thrown);
  }
}

async function shownOf({ source, first }: Numbered, answer: Answer, i: number, withOrders: boolean): Promise<Shown> {
  const { batch, words, details } = answer;
  const index = batch.tag[i]!;
  const tag = source.tags[index - first]!;
  const status = batch.status[i]!;
  const raw = words?.get(index);
  const value = engineering(tag, valueAt(batch, i));
  const plain = plainText(batch, i);
  const isScaled = (tag.scale !== undefined || tag.clamp === true) && batch.kind[i] !== Kind.Null;
  return {
    tag: tag.name,
    value: batch.kind[i] === Kind.Float32 && !isScaled ? Number(plain) : value,
    text: isScaled ? scaledText(value) : plain,
    unit: tag.unit,
    raw: isScaled ? plain : undefined,
    good: isGood(status),
    status: statusName(status),
    detail: details.get(index),
    time: formatTime(batch.time[i]!),
    words: raw?.map((word) => word.toString(16).toUpperCase().padStart(4, '0')),
    orders: withOrders && raw !== undefined ? await ordersOf(tag, raw) : undefined,
  };
}

async function ordersOf(tag: ResolvedTag, words: readonly number[]): Promise<Shown['orders']> {
  if (!('address' in tag)) return undefined;
  const { inEveryOrder } = await import('../adapters/modbus/orders.ts');
  const all = inEveryOrder(tag, words);
  return all?.orders.map((order, i) => {
    const good = isGood(all.batch.status[i]!);
    return { order, text: good ? plainText(all.batch, i) : `no ${tag.type}`, mapped: i === all.mapped };
  });
}

function plainText(batch: Batch, i: number): string {
  const number = batch.number[i]!;
  return batch.kind[i] === Kind.Float32 && Number.isFinite(number) ? shortFloat32(number) : textOf(valueAt(batch, i));
}

/** Without the last digits, which scaling makes up: 50.0122100122. */
function scaledText(value: Value): string {
  return textOf(typeof value === 'number' ? Number(value.toPrecision(12)) : value);
}

function textOf(value: Value): string {
  if (value === null) return '-';
  if (typeof value === 'object') return JSON.stringify(value);
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
}

function asJson({ numbered: { source }, error, server, roundTrips, tags }: Read) {
  return {
    name: source.name,
    protocol: source.protocol,
    address: server?.endpoint ?? addressOf(source),
    error: error instanceof Fault ? lineOf(error) : error,
    ...(error instanceof Fault && { servers: error.servers }),
    ...(server && { remark: server.remark, passedOver: server.passedOver }),
    roundTripsMs: roundTrips.map((each) => Number(each.toFixed(2))),
    tags: tags.map(({ value, text: _text, good: _good, orders, ...rest }) => ({
      ...rest,
      value: typeof value === 'bigint' ? value.toString() : value,
      orders: orders && Object.fromEntries(orders.map(({ order, text }) => [order, text])),
    })),
  };
}

function write({ numbered: { source }, error, server, roundTrips, tags }: Read, io: Io): void {
  const endpoints = source.config.protocol === 'opcua' ? source.config.endpoints : [];
  const place = (endpoint: string) => endpoints.indexOf(endpoint) + 1;
  const refused = error instanceof Fault ? error.servers : undefined;
  const where = server
    ? `${server.endpoint} (server ${place(server.endpoint)} of ${endpoints.length})`
    : refused && `${refused.length} servers`;
  io.out.write(`${source.name}  ${source.protocol} ${where ?? addressOf(source)}${times(roundTrips)}\n`);
  const width = columnsOf(io);
  const below = { indent: 4, columns: width };
  if (error !== undefined) {
    io.out.write(`  ${error instanceof Fault ? faultText(error, below) : error}\n\n`);
    return;
  }
  if (server?.remark !== undefined) io.out.write(`  ${server.remark}, and no other server is better\n`);
  for (const [i, one] of (server?.passedOver ?? []).entries()) {
    io.out.write(`${i === 0 ? '  passed over:\n' : ''}${refusedText(one, place(one.endpoint), below)}\n`);
  }
  const withRaw = tags.some(({ raw }) => raw !== undefined);
  const isNarrow = (width ?? 100) < 100;
  const most = isNarrow ? 18 : 40;
  // On a narrow screen the date of today is no news, and long statuses need its room.
  const today = `${new Date().toISOString().slice(0, 10)}T`;
  const short = (time: string) => (isNarrow && time.startsWith(today) ? time.slice(today.length) : time);
  const head = ['TAG', 'VALUE', 'STATUS', ...(withRaw ? ['RAW'] : []), 'TIME', 'WORDS'];
  const rows = tags.map(({ tag, text, unit, status, raw, time, words }) => [
    tag,
    unit === undefined || text === '-' ? cut(text, most) : `${cut(text, most)} ${unit}`,
    status,
    ...(withRaw ? [raw ?? ''] : []),
    short(time),
    wordsText(words),
  ]);
  const lines = columns([head, ...rows]).split('\n');
  io.out.write(`${lines[0]}\n`);
  const colours = coloursOf(io);
  tags.forEach(({ detail, orders, good, status }, i) => {
    const line = lines[i + 1]!;
    io.out.write(`${colours && !good ? reddened(line, status) : line}\n`);
    if (detail !== undefined) io.out.write(`      ${detail}\n`);
    for (const { order, text, mapped } of orders ?? []) {
      io.out.write(`      ${mapped ? '*' : ' '} ${order.padEnd(8)}  ${text}\n`);
    }
  });
  io.out.write('\n');
}

/** Values of arrays and long texts would push everything else off the screen. */
function cut(text: string, most: number): string {
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}

function reddened(line: string, status: string): string {
  const at = line.lastIndexOf(status);
  return `${line.slice(0, at)}\u001b[31m${status}\u001b[0m${line.slice(at + status.length)}`;
}

/** Long texts are cut: nobody reads fifty words. */
function wordsText(words: readonly string[] | undefined): string {
  if (words === undefined) return '';
  return words.length > 8 ? `${words.slice(0, 8).join(' ')} …` : words.join(' ');
}

function times(roundTrips: readonly number[]): string {
  if (roundTrips.length === 0) return '';
  const ms = (value: number) => `${value.toFixed(1)} ms`;
  if (roundTrips.length === 1) return `  1 request, ${ms(roundTrips[0]!)}`;
  const mean = roundTrips.reduce((sum, each) => sum + each, 0) / roundTrips.length;
  return `  ${roundTrips.length} requests, ${ms(mean)} each (${ms(Math.min(...roundTrips))} to ${ms(Math.max(...roundTrips))})`;
}
