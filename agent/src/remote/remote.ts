// What may be done to a running gateway from afar, as the desk in control/ has it done: with the gateway, its mapping, its
// log, and surveys of its sources beside it. Nothing here writes to a plant.

import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Browsed } from '../adapters/survey.ts';
import { engineering } from '../conditioning/scaling.ts';
import { type Control, control } from '../control/control.ts';
import type { Desired } from '../control/desired.ts';
import type { Powers } from '../control/methods.ts';
import { pages } from '../control/pages.ts';
import { reportedOf } from '../control/reported.ts';
import type { Json, JsonObject } from '../delivery/control.ts';
import type { Gateway } from '../gateway.ts';
import { type Value, valueAt } from '../model/batch.ts';
import { describe, Fault } from '../model/fault.ts';
import { statusName } from '../model/status.ts';
import { formatTime, fromMillis } from '../model/time.ts';
import type { Journal } from '../observe/journal.ts';
import { redactText } from '../observe/redact.ts';
import type { MappingPlace, Reloaded, Reloader } from '../reload.ts';
import { type Numbered, numbered, surveyOf } from '../wiring/survey.ts';
import { writeBundle } from './bundle.ts';
import { twinMapping } from './twin-mapping.ts';

export interface RemoteOptions {
  readonly gateway: Gateway;
  readonly reloader: Reloader;
  readonly journal: Journal;
  /** The mapping that runs when the twin names none. */
  readonly own: MappingPlace;
  /** `buffer.path`: the data folder is the one that holds it. */
  readonly bufferPath: string;
  /** `buffer.drainLimit` of the mapping. */
  readonly drainLimit: number | undefined;
  /** What says which image runs. */
  readonly image: string | undefined;
  /** How often it reports at most, ms; default 30 s. */
  readonly interval?: number;
}

/** Folder of the mapping that the twin names, beside the buffer. */
export function twinFolder(bufferPath: string): string {
  return join(dirname(bufferPath), 'mapping-of-twin');
}

/** Serves twin and direct methods until it is closed. */
export function remoteControl(options: RemoteOptions): Control {
  const { gateway, journal, interval, image } = options;
  const facts = () => {
    const { lastError } = journal;
    return {
      status: gateway.status(),
      ...(lastError !== undefined && { lastError: { at: lastError.at, text: lastError.text } }),
      ...(image !== undefined && { image }),
    };
  };
  const desk = control({
    powers: powersOf(options, () => reportedOf(facts())),
    apply: (desired) => apply(desired, options),
    facts,
    log: journal.log,
    ...(interval !== undefined && { interval }),
  });
  gateway.control(desk);
  return desk;
}

/** Makes the gateway as it is wished. The mapping comes first: it alone can be refused. */
async function apply(desired: Desired, options: RemoteOptions): Promise<readonly string[]> {
  const { gateway, reloader, journal, own, bufferPath, drainLimit } = options;
  const copies = twinMapping(twinFolder(bufferPath));
  try {
    const running = reloader.status().from;
    if (desired.mapping !== undefined) {
      const place = await copies.fetch(desired.mapping);
      const mistakes = mistakesOf(await reloader.reload('twin', place));
      if (mistakes.length > 0) {
        await copies.drop(place);
        return mistakes.map((line) => `mapping: ${line}`);
      }
      await copies.keep(place);
    } else if (running === 'twin') {
      const mistakes = mistakesOf(await reloader.reload('the twin names no mapping', own));
      if (mistakes.length > 0) return mistakes.map((line) => `mapping: without it that of the start: ${line}`);
      await copies.forget();
    }
  } catch (error) {
    return [`mapping: ${describe(error)}`];
  }
  await reloader.waive(desired.waivers ?? {});
  gateway.limitDrain(desired.drainLimit ?? drainLimit);
  journal.setLevel(desired.logLevel);
  return [];
}

function mistakesOf(reloaded: Reloaded): readonly string[] {
  return reloaded.outcome === 'refused' ? reloaded.mistakes : [];
}

function powersOf(options: RemoteOptions, reported: () => JsonObject): Powers {
  const { gateway, reloader, journal, bufferPath } = options;
  const walks = pages<Browsed>();
  const data = dirname(bufferPath);
  const pki = async () => (await import('../adapters/opcua/security/pki.ts')).openPki(join(data, 'pki'));

  return {
    status() {
      const { store } = gateway.status();
      const { deliveredReadings, deliveredMessages, resentMessages, inFlight } = store.forwarder;
      return {
        ...reported(),
        delivery: { readings: deliveredReadings, messages: deliveredMessages, resent: resentMessages, inFlight },
        committed: store.buffer.committedReadings,
        waiting: store.buffer.pendingReadings,
        lost: { ...store.buffer.dropped },
      };
    },
    reload: async () => ({ ...(await reloader.reload('direct method')) }) as JsonObject,
    async read(names, signal) {
      const found = new Map<Numbered, number[]>();
      const missing = new Set(names);
      for (const one of numbered(gateway.plant(), bufferPath)) {
        one.source.tags.forEach(({ name }, i) => {
          if (missing.delete(name)) found.set(one, [...(found.get(one) ?? []), one.first + i]);
        });
      }
      const read = await Promise.all([...found].map(([one, indices]) => readFrom(one, indices, signal)));
      const unknown = [...missing].map((tag) => ({ tag, error: 'there is no such tag' }));
      return { tags: [...read.flat(), ...unknown] };
    },
    async browse({ source, under, limit, cursor }, signal) {
      const survey = await surveyNamed(gateway, bufferPath, source);
      const { browse } = survey;
      if (browse === undefined)
        throw new Fault('control.refused', `${source} cannot be walked: it has no address space`);
      const wish = { ...(under !== undefined && { under }), progress: () => {}, patience: PATIENCE_MS };
      const page =
        cursor === undefined ? await walks.begin((stop) => browse(wish, stop), limit) : await walks.next(cursor, limit);
      signal.throwIfAborted();
      return { ...page, items: page.items.map(({ texts: _, ...item }) => item as JsonObject) };
    },
    replay: async (from, to) => ({ ...(await gateway.replay(fromMillis(from), fromMillis(to))) }),
    logs: (count, level) => ({
      lines: journal.lines(count, level).map(({ at, level, text, fields }) => ({
        at: new Date(at).toISOString(),
        level,
        text,
        ...(fields as JsonObject),
      })),
    }),
    async trust(thumbprint) {
      const entry = await (await pki()).trust(thumbprint);
      if (entry === undefined) {
        throw new Fault('control.refused', `no certificate with the thumbprint ${thumbprint} was refused here`);
      }
      return { trusted: entry.thumbprint, subject: entry.subject, applicationUri: entry.applicationUri ?? null };
    },
    async diagnostics() {
      const status = gateway.status();
      const mapping = new Map<string, string>();
      const { file } = reloader.status();
      mapping.set(file, await readFile(file, 'utf8').catch(describe));
      const bundle = await writeBundle(join(data, 'diagnostics'), {
        status,
        metrics: await gateway.metrics(),
        log: journal.lines(1_000, 'debug'),
        mapping,
        certificates: await (await pki()).list(),
      });
      return bundle;
    },
  };
}

/** How long a server may be gone in the middle of a walk: the caller of a method waits 25 s. */
const PATIENCE_MS = 10_000;

async function surveyNamed(gateway: Gateway, bufferPath: string, name: string) {
  const one = numbered(gateway.plant(), bufferPath).find(({ source }) => source.name === name);
  if (one === undefined) throw new Fault('control.refused', `there is no source "${name}"`);
  const survey = await surveyOf(one);
  if (survey === undefined) throw new Fault('control.refused', `${one.source.protocol} sources cannot be asked`);
  return survey;
}

/** The readings of one source as they are sent, or for each tag why there is none. */
async function readFrom(one: Numbered, indices: readonly number[], signal: AbortSignal): Promise<JsonObject[]> {
  const nameOf = (index: number) => one.source.tags[index - one.first]!.name;
  try {
    const survey = await surveyOf(one);
    if (survey === undefined) throw new Fault('control.refused', `${one.source.protocol} sources cannot be asked`);
    const { batch, details } = await survey.read(indices, signal);
    return Array.from({ length: batch.count }, (_, i) => {
      const index = batch.tag[i]!;
      const tag = one.source.tags[index - one.first]!;
      const detail = details.get(index);
      return {
        tag: tag.name,
        value: jsonOf(engineering(tag, valueAt(batch, i))),
        status: statusName(batch.status[i]!),
        ts: formatTime(batch.time[i]!),
        ...(tag.unit !== undefined && { unit: tag.unit }),
        ...(detail !== undefined && { detail }),
      };
    });
  } catch (error) {
    return indices.map((index) => ({ tag: nameOf(index), error: redactText(describe(error)) }));
  }
}

function jsonOf(value: Value): Json {
  const plain = (_: string, each: unknown) =>
    typeof each === 'bigint'
      ? String(each)
      : typeof each === 'number' && !Number.isFinite(each)
        ? null
        : each instanceof Uint8Array
          ? Buffer.from(each).toString('base64')
          : each;
  return JSON.parse(JSON.stringify(value, plain) ?? 'null') as Json;
}
