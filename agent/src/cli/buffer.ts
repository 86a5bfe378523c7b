// `fieldgate buffer`: looks into a buffer file, one that was set aside or one whose gateway is stopped, and does not
// change it, unless it is asked for a replay. A file in use is its gateway's alone; what that gateway tells of it is shown instead.

import { once } from 'node:events';
import { closeSync, openSync, writeSync } from 'node:fs';
import { hostname } from 'node:os';
import { type FileStatus, statusOf, type Verdict, verify } from '../buffer/inspect.ts';
import { openReader, type Reader } from '../buffer/reader.ts';
import { rows } from '../delivery/formats/rows.ts';
import { describe, Fault } from '../model/fault.ts';
import { formatTime, fromMillis, type Timestamp } from '../model/time.ts';
import { httpAddress } from '../observe/http-address.ts';
import { parseArguments, Usage } from './arguments.ts';
import { replayFile } from './buffer/replay.ts';
import { within } from './buffer/within.ts';
import { type Command, EXIT, type Io } from './command.ts';

const ACTIONS = ['status', 'verify', 'export', 'replay'] as const;
type Action = (typeof ACTIONS)[number];

export const command: Command = {
  name: 'buffer',
  usage: 'status|verify|export|replay FILE',
  summary: 'Looks into a buffer file, also one that was set aside; has delivered readings sent again.',
  help: `
  status FILE      epoch, numbers, times and sizes; of a file in use, what its gateway tells (FIELDGATE_HTTP)
  verify FILE      SQLite's own check, and checksum and content of every segment
  export FILE      every reading and gap record as JSON Lines, as in the format "rows"; damaged segments are left out,
                   and what was delivered and is only kept for a replay, unless --kept
  replay FILE      what was delivered, is kept (buffer.keepDelivered) and holds readings from --from to --to waits for
                   delivery again, under its old numbers; the gateway sends it when it starts. While the gateway runs
                   the file is its alone: call its direct method "replay" instead

Options:
  --json           status, verify, replay: the result as one JSON object
  --from TIME      export, replay: only from this time on (source timestamps), like 2026-11-22T10:00:00Z
  --to TIME        export: only before this time; replay: up to this time
  --kept           export: also what was delivered and is kept
  --out FILE       export: into a new file instead of standard output
  --gateway NAME   export: the name in every row; default: IOTEDGE_DEVICEID, else the host's name

Examples:
  fieldgate buffer verify data/buffer.db.damaged-20261122T100000000Z
  fieldgate buffer replay data/buffer.db --from 2026-11-22T10:00:00Z --to 2026-11-22T10:15:00Z
  fieldgate buffer export data/buffer.db --from 2026-11-22T10:00:00Z --out readings.jsonl

Exit codes: 0 clean, 1 damage was found or the file cannot be read (in use, missing), 2 wrong usage.
`,

  async run(args, io) {
    const string = { type: 'string' } as const;
    const { flags, values, positionals } = parseArguments(
      args,
      { json: { type: 'boolean' }, kept: { type: 'boolean' }, from: string, to: string, out: string, gateway: string },
      ['status|verify|export|replay', 'FILE'],
    );
    const [action, file] = positionals as [Action, string];
    if (!ACTIONS.includes(action)) throw new Usage(`"${action}" is none of ${ACTIONS.join(', ')}`);
    const chosen: Selection = {
      from: timeOf('--from', values.get('from')) ?? Number.NEGATIVE_INFINITY,
      to: timeOf('--to', values.get('to')) ?? Number.POSITIVE_INFINITY,
      kept: flags.has('kept'),
      gateway: values.get('gateway') ?? (io.env.IOTEDGE_DEVICEID || hostname()),
    };
    if (action === 'replay' && !(values.has('from') && values.has('to')))
      throw new Usage('replay needs --from TIME and --to TIME');
    if (chosen.from > chosen.to) throw new Usage('--from is later than --to');
    let reader: Reader | undefined;
    try {
      if (action === 'replay') return replayFile(file, chosen.from, chosen.to, flags.has('json'), io);
      reader = openReader(file);
      if (action === 'export') return await write(reader, chosen, values.get('out'), io);
      const shown = progress(reader.bytes, io);
      const result = action === 'status' ? statusOf(reader) : verify(reader, shown.seen);
      shown.end();
      const lines = 'sound' in result ? verdictLines(result) : statusLines(result);
      io.out.write(flags.has('json') ? `${JSON.stringify(result, null, 2)}\n` : `${lines.join('\n')}\n`);
      return ('sound' in result ? result.sound : result.unreadable.length === 0) ? EXIT.clean : EXIT.failed;
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      if (error.code === 'buffer.locked' && action === 'status') return await askGateway(file, flags.has('json'), io);
      io.err.write(`fieldgate buffer: ${error.message}${adviceOf(error, action)} [${error.code}]\n`);
      return EXIT.failed;
    } finally {
      reader?.close();
    }
  },
};

function adviceOf({ code }: Fault, action: Action): string {
  if (code === 'buffer.locked')
    return action === 'replay'
      ? '; that gateway replays by itself: call its direct method "replay" with {"from": …, "to": …}, or stop it first'
      : '; stop that gateway first';
  return code === 'buffer.damaged' && action === 'replay'
    ? '; start the gateway, which sets it aside and delivers what it holds'
    : '';
}

function timeOf(option: string, text: string | undefined): Timestamp | undefined {
  if (text === undefined) return undefined;
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) throw new Usage(`${option} ${text}: write a time, like 2026-11-22T10:00:00Z`);
  return fromMillis(ms);
}

const number = (value: number) => value.toLocaleString('en-US');
const list = (ranges: readonly (readonly [number, number])[]) =>
  ranges.map(([first, last]) => `${first}-${last}`).join(', ');

function statusLines(status: FileStatus): string[] {
  const { readings, numbers, oldest, newest, committed } = status;
  const line = (name: string, text: string) => `${name.padEnd(12)}${text}`;
  return [
    line('epoch', status.epoch ?? 'cannot be read'),
    line('format', String(status.version)),
    line('bytes', number(status.bytes)),
    line('segments', number(status.segments)),
    line('readings', `${number(readings.normal + readings.high)} (${number(readings.high)} of them of high priority)`),
    line('gaps', number(status.gaps)),
    line('kept', `${number(status.kept)} readings that were delivered`),
    line(
      'numbers',
      numbers === null ? 'none' : `${numbers[0]} to ${numbers[1]}, without ${number(status.absent)} that are done with`,
    ),
    line('readings of', oldest === null ? '-' : `${formatTime(oldest)} to ${formatTime(newest ?? oldest)}`),
    line('committed', committed === null ? '-' : committed.map((ms) => formatTime(fromMillis(ms))).join(' to ')),
    ...(status.unreadable.length === 0 ? [] : [line('unreadable', `numbers ${list(status.unreadable)}`)]),
  ];
}

function verdictLines({ sound, structure, segments, damaged, unreadable }: Verdict): string[] {
  if (sound) return [`sound: ${number(segments)} segments`];
  const lost = damaged.reduce((sum, { readings }) => sum + readings, 0);
  return [
    ...structure.map((text) => `structure: ${text}`),
    ...damaged.map(({ first, last, readings }) => `damaged: numbers ${first}-${last}, ${number(readings)} readings`),
    ...unreadable.map(([first, last]) => `unreadable: numbers ${first}-${last}`),
    `damaged: ${number(damaged.length)} of ${number(segments)} segments, ${number(lost)} readings`,
  ];
}

/** Of a file in use: what its gateway's /status says of the buffer. */
async function askGateway(file: string, json: boolean, io: Io): Promise<number> {
  const address = httpAddress(io.env.FIELDGATE_HTTP);
  if (address === 'off') {
    io.err.write(`fieldgate buffer: ${file} is in use by a gateway, and FIELDGATE_HTTP is off\n`);
    return EXIT.failed;
  }
  const host = address.host === '0.0.0.0' || address.host === '::' ? '127.0.0.1' : address.host;
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${address.port}/status`;
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(3_000) });
    const { gateway, epoch, store } = (await answer.json()) as {
      gateway: string;
      epoch: string;
      store: { buffer: object };
    };
    if (json) io.out.write(`${JSON.stringify({ inUse: true, gateway, epoch, buffer: store.buffer }, null, 2)}\n`);
    else
      io.out.write(
        `in use by a gateway; ${gateway} at ${url} says:\nepoch       ${epoch}\n${JSON.stringify(store.buffer, null, 2)}\n`,
      );
    return EXIT.clean;
  } catch (error) {
    io.err.write(`fieldgate buffer: ${file} is in use by a gateway, and ${url} does not answer: ${describe(error)}\n`);
    return EXIT.failed;
  }
}

interface Selection {
  readonly from: Timestamp;
  readonly to: Timestamp;
  /** Also what was delivered. */
  readonly kept: boolean;
  readonly gateway: string;
}

async function write(reader: Reader, chosen: Selection, out: string | undefined, io: Io): Promise<number> {
  const format = rows(chosen.gateway, (id) => reader.tag(id) ?? { name: `#${id}`, source: '' });
  const put = out === undefined ? stream(io.out) : newFile(out);
  const shown = progress(reader.bytes, io);
  let skipped = 0;
  let readings = 0;
  const skip = (first: number, last: number, why: string) => {
    skipped++;
    io.err.write(`fieldgate buffer: numbers ${first}-${last} left out: ${why}\n`);
  };
  try {
    for (const found of reader.walk(1, chosen.kept)) {
      if (found.type === 'unreadable') {
        skip(...found.range, 'the file is damaged there');
        continue;
      }
      const { row } = found;
      shown.seen(row);
      const batch = reader.read(row);
      if (batch === undefined) {
        skip(row.first, row.last, 'the segment is damaged');
        continue;
      }
      const parts = within({ first: row.first, batch }, chosen.from, chosen.to);
      if (parts.length === 0) continue;
      readings += parts.reduce((sum, part) => sum + part.batch.count, 0);
      await put.write(format.encode(parts));
    }
  } finally {
    put.end();
    shown.end();
  }
  io.err.write(`${number(readings)} readings exported\n`);
  return skipped === 0 ? EXIT.clean : EXIT.failed;
}

interface Sink {
  write(bytes: Buffer): Promise<void> | void;
  end(): void;
}

function stream(out: NodeJS.WritableStream): Sink {
  return {
    async write(bytes) {
      if (!out.write(bytes)) await once(out, 'drain');
    },
    end() {},
  };
}

/** A file that must not exist yet: an export never overwrites anything. */
function newFile(path: string): Sink {
  let handle: number;
  try {
    handle = openSync(path, 'wx');
  } catch (error) {
    throw new Fault('buffer.path', `--out ${path} cannot be made: ${describe(error)}`, error);
  }
  return {
    write(bytes) {
      for (let at = 0; at < bytes.length; ) at += writeSync(handle, bytes, at);
    },
    end: () => closeSync(handle),
  };
}

const REDRAW = 250;

/** How much of the file has been read, on a terminal only. */
function progress(total: number, { err }: Io) {
  let bytes = 0;
  let drawn = 0;
  return {
    seen(row: { readonly bytes: number }): void {
      bytes += row.bytes;
      const now = performance.now();
      if (err.isTTY !== true || now - drawn < REDRAW) return;
      drawn = now;
      err.write(`\r${Math.min(100, Math.floor((bytes / Math.max(1, total)) * 100))} %\x1b[K`);
    },
    end(): void {
      if (drawn > 0) err.write('\r\x1b[K');
    },
  };
}
