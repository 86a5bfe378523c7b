// The mapping of a gateway that runs: which one it is, and how another takes its place. Promises: a file with a mistake
// changes nothing, and /status, the log and a metric say so; what was applied is told as a diff and kept; two changes
// never run at a time; the sources do not wait while a file is checked.

import { createHash } from 'node:crypto';
import { dirname, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { loadMappingApart } from './config/apart.ts';
import { isEmpty, printDiff } from './config/diff.ts';
import { keepMapping } from './config/kept.ts';
import type { Loaded, LoadedFile } from './config/load.ts';
import { formatMistake } from './config/mistake.ts';
import { readText } from './config/text.ts';
import { type Waivers, withWaivers } from './config/waiver.ts';
import { watchFiles } from './config/watch.ts';
import type { Applied, Checked } from './gateway.ts';
import { describe } from './model/fault.ts';
import type { Log } from './model/log.ts';
import type { MappingStatus } from './observe/status.ts';

export interface ReloaderOptions extends MappingPlace {
  /** The mapping that the gateway was started with. */
  readonly loaded: Extract<Loaded, Checked>;
  readonly env: NodeJS.ProcessEnv;
  readonly apply: (next: Checked) => Promise<Applied>;
  readonly log: Log;
}

/** Where a mapping is read from. */
export interface MappingPlace {
  readonly file: string;
  /** Who says so; `twin`: the file is a copy of what the twin names. */
  readonly from: 'file' | 'twin';
  /** As the twin has it. */
  readonly version?: string | undefined;
}

export type Reloaded =
  | { readonly outcome: 'applied'; readonly diff: readonly string[]; readonly restart: readonly string[] }
  /** The files are those that run. */
  | { readonly outcome: 'unchanged' }
  | { readonly outcome: 'refused'; readonly mistakes: readonly string[] };

export interface Reloader {
  /**
   * Reads the files anew, and applies them if they differ and are clean; with `place` those of another mapping, which
   * takes the place of the one before if it is clean. `why` is for the log. Never rejects.
   */
  reload(why: string, place?: MappingPlace): Promise<Reloaded>;
  /** Waivers beside those of the mapping, from now on; those for sources that there are not wait for them. */
  waive(waivers: Waivers): Promise<void>;
  /** Reloads by itself when the files have changed, until the signal aborts; looks every `interval` ms. */
  watch(interval: number, signal: AbortSignal): Promise<void>;
  status(): MappingStatus;
}

/** Mistakes that /status and the log show; the others are counted. */
const SHOWN = 20;
/** Lines of a diff that the log shows. */
const LINES = 40;

export function reloader({ loaded, env, apply, log, ...start }: ReloaderOptions): Reloader {
  const folder = join(dirname(loaded.mapping.buffer.path), 'mappings');
  let paths = loaded.files.map(({ path }) => path);
  let place: MappingPlace = start;
  /** As read, without the waivers beside it. */
  let current: Checked = loaded;
  let waivers: Waivers = {};
  let status: MappingStatus = {
    ...place,
    hash: hashOf(loaded.files),
    appliedAt: Date.now(),
    reloads: 0,
    refused: null,
    restart: [],
  };
  let last: Promise<unknown> = keep(loaded.files, ['the mapping of the start']);

  async function keep(files: readonly LoadedFile[], diff: readonly string[]): Promise<void> {
    try {
      await keepMapping(folder, { files, hash: status.hash, at: status.appliedAt, diff });
    } catch (error) {
      log('warn', 'the mapping runs, and no copy of it could be kept', { folder, reason: describe(error) });
    }
  }

  function refuse(mistakes: readonly string[], why: string): Reloaded {
    const count = mistakes.length;
    log('error', 'the mapping has mistakes and is not applied; the last good one stays', {
      why,
      count,
      mistakes: mistakes.slice(0, SHOWN),
    });
    status = { ...status, refused: { at: Date.now(), count, mistakes: mistakes.slice(0, SHOWN) } };
    return { outcome: 'refused', mistakes };
  }

  async function take(next: Extract<Loaded, Checked>, from: MappingPlace, why: string): Promise<Reloaded> {
    const hash = hashOf(next.files);
    place = from;
    paths = next.files.map(({ path }) => path);
    if (hash === status.hash) {
      if (status.refused !== null) log('info', 'the mapping is again the one that runs', { why });
      status = { ...status, ...place, refused: null };
      return { outcome: 'unchanged' };
    }
    current = next;
    const { lines, restart } = await put(why, hash);
    status = { ...status, ...place, hash, reloads: status.reloads + 1, refused: null, restart };
    await keep(next.files, lines);
    return { outcome: 'applied', diff: lines, restart };
  }

  /** Applies the mapping that is current, with the waivers beside it. */
  async function put(why: string, hash: string): Promise<{ lines: readonly string[]; restart: readonly string[] }> {
    const { plant, unknown } = withWaivers(current.plant, waivers);
    if (unknown.length > 0) log('warn', 'waivers for sources that there are not', { sources: unknown });
    const { diff, restart } = await apply({ mapping: current.mapping, plant });
    const lines = isEmpty(diff) ? ['nothing that is read changes'] : printDiff(diff);
    status = { ...status, appliedAt: Date.now() };
    log('info', 'mapping applied', { why, hash, diff: lines.slice(0, LINES), lines: lines.length });
    if (restart.length > 0) log('warn', 'the mapping has changes that take effect with the next start', { restart });
    return { lines, restart };
  }

  async function reload(why: string, from: MappingPlace): Promise<Reloaded> {
    let next: Loaded;
    try {
      next = await loadMappingApart(from.file, { env });
    } catch (error) {
      return refuse([describe(error)], why);
    }
    for (const warning of next.warnings) log('warn', 'mapping', { warning: formatMistake(warning) });
    if ('mistakes' in next) {
      // Those of the mapping that runs are watched too: the mistake may be that one of them is gone.
      if (from.file === place.file) paths = [...new Set([...next.files.map(({ path }) => path), ...paths])];
      return refuse(
        next.mistakes.map((mistake) => formatMistake(mistake)),
        why,
      );
    }
    return take(next, from, why);
  }

  /** Whether the files are others than those that were read: they may change while a gateway starts. */
  async function stale(): Promise<boolean> {
    const files = paths.map(async (path) => {
      const found = await readText(path);
      return { path, text: 'text' in found ? found.text : undefined };
    });
    return hashOf(await Promise.all(files)) !== status.hash;
  }

  async function waive(next: Waivers): Promise<void> {
    if (isDeepStrictEqual(next, waivers)) return;
    waivers = next;
    await put('waivers of the twin', status.hash);
  }

  /** One after the other. */
  function queued<T>(work: () => Promise<T>): Promise<T> {
    const done = last.then(work);
    last = done.catch(() => {});
    return done;
  }

  return {
    reload: (why, other) => queued(() => reload(why, other ?? place)),
    waive: (next) => queued(() => waive(next)),
    watch: (interval, signal) =>
      watchFiles({
        files: () => paths,
        interval,
        stale,
        changed: () => queued(() => reload('file', place)),
        signal,
      }),
    status: () => status,
  };
}

function hashOf(files: readonly LoadedFile[]): string {
  const hash = createHash('sha256');
  for (const { path, text } of files) hash.update(`${path}\0${text ?? ''}\0`);
  return hash.digest('hex');
}
