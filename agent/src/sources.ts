// The sources of a gateway: each under its supervisor, its readings through conditioning to whoever keeps them. A change
// of the mapping touches what it names and nothing else: a source whose settings change is connected anew, one whose
// tags change is told of them, all others do not notice.

import type { Source } from './adapters/adapter.ts';
import { type SourceStats, type Supervisor, type SupervisorOptions, supervisor } from './adapters/supervisor.ts';
import { conditioner } from './conditioning/conditioner.ts';
import type { PlantDiff, SourceChange } from './config/diff.ts';
import type { ResolvedSource } from './config/plant.ts';
import { type Batch, BatchBuilder, Kind } from './model/batch.ts';
import type { Log } from './model/log.ts';
import { StatusCode } from './model/status.ts';
import type { Tag } from './model/tag.ts';
import { now, type Timestamp } from './model/time.ts';
import { keepsNumber, type Wired, type Wirer } from './wiring.ts';

export interface SourcesOptions {
  readonly wirer: Wirer;
  /** When this gateway was last known to be alive; null: never before. */
  readonly lastAlive: Timestamp | null;
  /** Comes before the first batch that names these tags. */
  readonly define: (tags: readonly Tag[]) => void;
  readonly keep: (batch: Batch) => void;
  readonly log: Log;
}

export interface Sources {
  start(): void;
  /** Applies what changed; resolves when everything that had to end has ended. Not to be called twice at a time. */
  change(diff: PlantDiff): Promise<void>;
  stats(): SourceStats[];
  /** The sources as the mapping has them now. */
  readonly plant: readonly ResolvedSource[];
  /** Readings that conditioning did not send, since the start. */
  readonly withheld: number;
  /** Closes all of them, and keeps what conditioning still held. */
  stop(): Promise<void>;
}

/** Held points and heartbeats are looked after this often, ms. */
const DUE_INTERVAL = 1_000;

interface Line {
  readonly plan: ResolvedSource;
  readonly wired: Wired;
  readonly supervisor: Supervisor;
}

export function supervised(plant: readonly ResolvedSource[], options: SourcesOptions): Sources {
  const { wirer, define, log, lastAlive } = options;
  const conditioning = conditioner([]);
  const keep = (batch: Batch | undefined) => {
    if (batch !== undefined) options.keep(batch);
  };
  const lines = new Map<string, Line>();
  let due: NodeJS.Timeout | undefined;

  function supervise(source: Source, before: Pick<SupervisorOptions, 'unknown' | 'takenOver'> = {}): Supervisor {
    return supervisor({
      source,
      ...before,
      accept: (batch) => keep(conditioning.apply(batch, now())),
      describe(tag, facts) {
        conditioning.describe(tag, facts);
        const told = facts.unit === undefined ? undefined : wirer.learnUnit(tag, facts.unit);
        if (told !== undefined) define([told]);
      },
      lost: (lost) => keep(conditioning.forget(lost)),
      log,
    });
  }

  /** Numbers the tags of sources that are new and makes their rules known, all in one go. */
  function add(plans: readonly ResolvedSource[], before: Pick<SupervisorOptions, 'unknown'> = {}): Line[] {
    const all = plans.map((plan) => ({ plan, wired: wirer.wire(plan) }));
    define(all.flatMap(({ wired }) => wired.fresh));
    keep(
      conditioning.change(
        all.flatMap(({ wired }) => wired.fresh.map(({ name }) => wired.ruleOf(name))),
        [],
      ),
    );
    return all.map(({ plan, wired }) => {
      const line = { plan, wired, supervisor: supervise(wired.source, before) };
      lines.set(plan.name, line);
      return line;
    });
  }

  /** @param moved tags that another source has from now on: theirs is the last word */
  async function remove({ plan, wired, supervisor }: Line, moved: ReadonlySet<string>): Promise<void> {
    await supervisor.stop();
    lines.delete(plan.name);
    const gone = [...wired.indices.values()];
    keep(conditioning.change([], gone));
    keep(marks([...wired.indices].flatMap(([name, index]) => (moved.has(name) ? [] : [index]))));
  }

  async function alter(change: SourceChange, moved: ReadonlySet<string>): Promise<void> {
    const { name, after, settings, removed, changed } = change;
    const line = lines.get(name)!;
    // What `publishing` follows from are the tags: it takes effect with the next connection.
    const anew = settings.some(({ key }) => key !== 'publishing');
    const since = now();
    const takenOver = anew ? await line.supervisor.handOver() : undefined;

    const kept = new Map(line.wired.indices);
    const gone: number[] = [];
    const drop = (tag: string) => {
      gone.push(kept.get(tag)!);
      kept.delete(tag);
    };
    for (const tag of removed) drop(tag.name);
    const marked = marks(removed.flatMap((tag) => (moved.has(tag.name) ? [] : [line.wired.indices.get(tag.name)!])));
    const reruled = changed.filter((change) => keepsNumber(change)).map((change) => change.name);
    for (const change of changed) if (!keepsNumber(change)) drop(change.name);

    const wired = wirer.wire(after, kept, anew ? undefined : line.wired.source);
    define(wired.fresh);
    const fresh = wired.fresh.map(({ index }) => index);
    keep(conditioning.change([...wired.fresh.map((tag) => tag.name), ...reruled].map(wired.ruleOf), gone));
    if (anew) {
      keep(conditioning.forget(kept.values()));
      const before = takenOver === undefined ? { unknown: { since, reason: 'reload' as const } } : { takenOver };
      const next = { plan: after, wired, supervisor: supervise(wired.source, before) };
      lines.set(name, next);
      next.supervisor.start();
    } else {
      lines.set(name, { plan: after, wired, supervisor: line.supervisor });
      if (fresh.length + gone.length > 0) line.supervisor.retag(wired.source, { added: fresh, gone });
    }
    keep(marked);
  }

  add(plant, lastAlive === null ? {} : { unknown: { since: lastAlive, reason: 'gateway-down' } });

  return {
    start() {
      due = setInterval(() => keep(conditioning.due(now())), DUE_INTERVAL);
      for (const { supervisor } of lines.values()) supervisor.start();
    },
    async change({ added, removed, changed }) {
      const moved = new Set(
        [...added.map(({ tags }) => tags), ...changed.map((change) => change.added)].flat().map(({ name }) => name),
      );
      await Promise.all(removed.map(({ name }) => remove(lines.get(name)!, moved)));
      await Promise.all(changed.map((change) => alter(change, moved)));
      for (const { supervisor } of add(added)) supervisor.start();
    },
    stats: () => [...lines.values()].map(({ supervisor }) => supervisor.stats()),
    get plant() {
      return [...lines.values()].map(({ plan }) => plan);
    },
    get withheld() {
      return conditioning.withheld;
    },
    async stop() {
      clearInterval(due);
      await Promise.all([...lines.values()].map(({ supervisor }) => supervisor.stop()));
      keep(conditioning.flush());
    },
  };
}

/** The last readings of tags that the mapping does not have any more: BadOutOfService (OPC UA Part 4, table 177). */
function marks(tags: readonly number[]): Batch | undefined {
  if (tags.length === 0) return undefined;
  const builder = new BatchBuilder(tags.length);
  const time = now();
  for (const tag of tags) builder.push(tag, time, StatusCode.BadOutOfService, Kind.Null, 0);
  return builder.take();
}
