// `fieldgate run`: the gateway, from a mapping, until it is told to stop. Signals: SIGTERM and SIGINT commit, flush
// for at most 10 s and end with 0; a second one ends at once.

import { type Loaded, loadMapping } from '../config/load.ts';
import { formatMistake } from '../config/mistake.ts';
import { METHOD_NAMES } from '../control/methods.ts';
import { type Gateway, startGateway } from '../gateway.ts';
import { describe, Fault } from '../model/fault.ts';
import type { Log } from '../model/log.ts';
import { httpAddress } from '../observe/http.ts';
import { journal } from '../observe/journal.ts';
import { levelNamed, openLog } from '../observe/log.ts';
import { type MappingPlace, reloader } from '../reload.ts';
import { remoteControl, twinFolder } from '../remote/remote.ts';
import { twinMapping } from '../remote/twin-mapping.ts';
import { parseArguments, Usage } from './arguments.ts';
import { type Command, EXIT, type Io } from './command.ts';
import { lineOf } from './refused.ts';

/** How often the mapping's files are looked at, ms. */
const WATCH_INTERVAL = 1_000;

export const command: Command = {
  name: 'run',
  usage: '--config FILE',
  summary: 'Runs the gateway: reads the sources of the mapping, keeps every reading, delivers to the hub.',
  help: `
Options:
  --config FILE   the mapping (also -c); see "fieldgate check" and "fieldgate schema"

Environment:
  FIELDGATE_HTTP   where /metrics, /healthz, /readyz and /status listen: 127.0.0.1:9600 (default), or "off"
  FIELDGATE_LOG    debug, info (default), warn or error; the log goes to standard error

Signals:
  SIGTERM, SIGINT  commit, send for at most 10 s, end; a second one ends at once
  SIGHUP           read the mapping anew; it also happens by itself when the file has changed

A mapping with a mistake changes nothing: the last good one goes on, and the log and /status say what is wrong.
The last ten mappings that were applied are kept in the folder "mappings" beside the buffer.

Examples:
  fieldgate run --config lavera.yaml
  FIELDGATE_HTTP=0.0.0.0:9600 fieldgate run -c /config/fieldgate.yaml

Exit codes: 0 stopped as asked, 1 mistakes in the mapping or nothing can be kept, 2 wrong usage.
`,

  async run(args, io) {
    const { values } = parseArguments(args, { config: { type: 'string', short: 'c' } }, []);
    const file = values.get('config');
    if (file === undefined) throw new Usage('--config FILE is missing');
    const loaded = await loadMapping(file, { env: io.env });
    if ('mistakes' in loaded)
      return refuse(
        loaded.mistakes.map((mistake) => formatMistake(mistake)),
        io,
      );
    const start = levelNamed(io.env.FIELDGATE_LOG);
    const book = journal(openLog({ level: 'debug' }), start ?? 'info');
    const { log } = book;
    if (io.env.FIELDGATE_LOG && start === undefined)
      log('warn', 'FIELDGATE_LOG is not debug, info, warn or error; the level is info', {
        found: io.env.FIELDGATE_LOG,
      });
    const own: MappingPlace = { file, from: 'file' };
    try {
      const first = await ofTwin(loaded, own, io.env, log);
      const { buffer } = loaded.mapping;
      const reloading = reloader({
        ...first.place,
        loaded: first.loaded,
        env: io.env,
        apply: (next) => gateway.reload(next),
        log,
      });
      const gateway: Gateway = await startGateway({
        ...first.loaded,
        log,
        http: httpAddress(io.env.FIELDGATE_HTTP),
        mappingStatus: reloading.status,
        methods: METHOD_NAMES,
      });
      surviveRejections(log);
      const desk = remoteControl({
        gateway,
        reloader: reloading,
        journal: book,
        own,
        bufferPath: buffer.path,
        drainLimit: buffer.drainLimit,
        image: io.env.FIELDGATE_IMAGE,
      });
      process.on('SIGHUP', () => void reloading.reload('SIGHUP'));
      const ended = new AbortController();
      void reloading.watch(WATCH_INTERVAL, ended.signal);
      const cause = await Promise.race([stopSignal(), gateway.broken.catch((error: Error) => error)]);
      if (cause instanceof Error) log('error', 'the gateway cannot go on', { reason: cause.message });
      else log('info', 'stopping', { signal: cause });
      ended.abort();
      desk.close();
      const { store } = await gateway.close();
      log('info', 'stopped', {
        delivered: store.forwarder.deliveredReadings,
        stillInBuffer: store.buffer.pendingReadings,
        notCommitted: store.uncommitted,
      });
      return cause instanceof Error ? EXIT.failed : EXIT.clean;
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      io.err.write(`fieldgate run: ${lineOf(error)}\n`);
      return EXIT.failed;
    }
  },
};

type Clean = Exclude<Loaded, { mistakes: unknown }>;

/**
 * The mapping to start with: what the module twin named last, kept beside the buffer, so that a gateway without its
 * hub runs what it ran before; else the one of the command.
 */
async function ofTwin(
  loaded: Clean,
  own: MappingPlace,
  env: NodeJS.ProcessEnv,
  log: Log,
): Promise<{ loaded: Clean; place: MappingPlace }> {
  const place = await twinMapping(twinFolder(loaded.mapping.buffer.path)).current();
  if (place === undefined) return { loaded, place: own };
  const other = await loadMapping(place.file, { env });
  if ('mistakes' in other) {
    const mistakes = other.mistakes.slice(0, 5).map((mistake) => formatMistake(mistake));
    log('error', 'the mapping of the twin has mistakes; that of the command runs', { file: place.file, mistakes });
    return { loaded, place: own };
  }
  log('info', 'the mapping of the twin runs', { file: place.file, version: place.version });
  // Hub and buffer are the command's: they are where the copy was found.
  const { hub, buffer } = loaded.mapping;
  return { loaded: { ...other, mapping: { ...other.mapping, hub, buffer } }, place };
}

function refuse(mistakes: readonly string[], io: Io): number {
  for (const mistake of mistakes) io.err.write(`${mistake}\n`);
  io.err.write(
    `fieldgate run: the mapping has ${mistakes.length} mistake${mistakes.length === 1 ? '' : 's'}; nothing was started\n`,
  );
  return EXIT.failed;
}

/** Resolves at the first SIGTERM or SIGINT; from then on a second one ends the process at once. */
export function stopSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.once(signal, () => {
        process.on('SIGTERM', () => process.exit(EXIT.failed));
        process.on('SIGINT', () => process.exit(EXIT.failed));
        resolve(signal);
      });
    }
  });
}

/**
 * A promise that a protocol library forgot must not end the acquisition of all other sources (node-opcua rejects
 * inside its own `then` when an event names an item that is gone). It is logged; whatever waits for it has a deadline.
 */
export function surviveRejections(log: Log): void {
  process.removeAllListeners('unhandledRejection');
  process.on('unhandledRejection', (reason) => {
    log('error', 'a rejection that nobody handled', {
      reason: describe(reason),
      stack: reason instanceof Error ? reason.stack : undefined,
    });
  });
}
