// A trial: what happens to the buffer under test and to the model alike, action by action.

import { rmSync, statfsSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { vi } from 'vitest';
import type { Part } from '../../agent/src/buffer/buffer.ts';
import { gapBatch } from '../../agent/src/model/batch.ts';
import { Fault } from '../../agent/src/model/fault.ts';
import { batchOf, bulkyFrom, timeOf } from '../durability/content.ts';
import type { Action, DamagePlan, PartPlan } from './actions.ts';
import { aftermathOf, damage } from './aftermath.ts';
import { Model, must, type Piece, type Tally, type Written } from './model.ts';
import { type Setup, Subject } from './subject.ts';

export interface Score extends Tally {
  actions: Record<string, number>;
  /** Crashes within a commit; commits that a full disk refused. */
  torn: number;
  refused: number;
  damages: number;
  setAside: number;
  /** After damage: entries that came, that gap records named by number, and that one about the file speaks of. */
  came: number;
  named: number;
  covered: number;
}

/** Parts of a reading that does not compress: about 150 kB. */
const BULKY = 12;

export class Trial {
  readonly #setup: Setup;
  readonly #score: Score;
  readonly #subject: Subject;
  readonly #mayFill: boolean;
  #model: Model;
  /** The next reading that nobody has written. */
  #n = 1;

  /** @param root an empty folder; @param mayFill it is on a disk of its own */
  constructor(root: string, setup: Setup, score: Score, mayFill: boolean) {
    this.#setup = setup;
    this.#score = score;
    this.#mayFill = mayFill;
    this.#subject = new Subject(root, setup);
    this.#subject.define();
    this.#subject.watch();
    this.#model = this.#begin();
  }

  #begin(): Model {
    const { buffer, head } = this.#subject;
    return new Model(buffer.epoch, head, this.#score, { keeps: this.#setup.keeps });
  }

  perform(one: Action): void {
    this.#score.actions[one.do] = (this.#score.actions[one.do] ?? 0) + 1;
    vi.advanceTimersByTime(1);
    this.#act(one);
    this.#model.check(this.#subject.buffer.stats());
    for (const lane of ['live', 'backfill'] as const) {
      const waiting = this.#subject.buffer.waiting(lane);
      must(waiting === this.#model.waiting(lane), `${waiting} wait in ${lane}, not ${this.#model.waiting(lane)}`);
    }
  }

  #act(one: Action): void {
    const { buffer } = this.#subject;
    switch (one.do) {
      case 'append':
        this.#append(one.parts);
        break;
      case 'fill': {
        const part = { count: 1, gaps: 0, high: one.high, past: false, bulky: true };
        this.#append(Array.from({ length: BULKY }, (_, i) => (i % 3 === 2 ? { ...part, high: false } : part)));
        break;
      }
      case 'next':
        this.#model.took(one.lane, one.limit, buffer.next(one.lane, one.limit), buffer.dictionary.get);
        break;
      case 'ack':
      case 'giveUp':
        this.#finish(one);
        break;
      case 'ackNothing':
        this.#ackNothing(one.what, one.which);
        break;
      case 'replay':
        this.#replay(timeOf(one.from * this.#n), timeOf((one.from + one.length) * this.#n));
        break;
      case 'tidy':
        buffer.tidy(one.idle);
        this.#tidied();
        break;
      case 'split':
        buffer.split();
        this.#model.split();
        break;
      case 'define':
        this.#subject.define(one.more);
        break;
      case 'pass':
        vi.advanceTimersByTime(one.ms);
        break;
      case 'step':
        vi.setSystemTime(Date.now() + one.ms);
        break;
      case 'restart':
        this.#close();
        if (one.reboot) this.#subject.reboot();
        this.#reopen();
        break;
      case 'crash':
        this.#subject.crash(one);
        this.#reopen();
        break;
      case 'torn':
        this.#torn(one);
        break;
      case 'fullDisk':
        if (this.#mayFill) this.#fullDisk(one.parts);
        break;
      case 'damage':
        this.#damage(one);
    }
  }

  #torn(one: Extract<Action, { do: 'torn' }>): void {
    const [parts, written] = this.#make(one.parts);
    if (this.#subject.tornAppend(parts, one.share, one, () => this.#appended(written))) this.#score.torn++;
    this.#reopen();
  }

  #replay(from: number, to: number): void {
    const { buffer } = this.#subject;
    if (!this.#model.keptKnown) return;
    buffer.tidy(false);
    this.#tidied();
    const readings = buffer.replay(from, to);
    const expected = this.#model.replayed(from, to);
    must(readings === expected, `${readings} readings are replayed, not ${expected}`);
  }

  /** Readings of their own, and gap records. */
  #make(plans: readonly PartPlan[]): [Part[], Written[]] {
    const parts: Part[] = [];
    const written: Written[] = [];
    for (const { count, gaps: many, high, past, bulky } of plans) {
      const n = bulky === true ? bulkyFrom(this.#n) : this.#n;
      this.#n = n + Math.max(1, count);
      const gaps = Array.from({ length: many }, (_, i) => {
        const from = timeOf(n) + i;
        return {
          reason: 'source-down',
          source: `Quelle-${n}-ü`,
          tags: ['流量計'],
          from,
          to: i === 1 ? null : from,
        } as const;
      });
      const [priority, stream] = [high ? 'high' : 'normal', past ? 'backfill' : 'live'] as const;
      const batch = count === 0 ? gapBatch(gaps) : { ...batchOf(n, n + count - 1, this.#subject.ids), gaps };
      parts.push({ priority, batch: past ? { ...batch, stream } : batch });
      written.push({ n, count, gaps, priority, stream });
    }
    return [parts, written];
  }

  #append(plans: readonly PartPlan[]): void {
    const [parts, written] = this.#make(plans);
    this.#subject.append(parts);
    this.#appended(written);
  }

  #appended(written: readonly Written[]): void {
    this.#model.appended(written, this.#subject.head, this.#subject.buffer.stats(), Date.now());
  }

  #tidied(): void {
    this.#subject.watch();
    this.#model.tidied(this.#subject.head, this.#subject.buffer.stats(), Date.now());
  }

  /** Of what is handed out and not acknowledged. */
  #finish(one: Extract<Action, { do: 'ack' | 'giveUp' }>): void {
    const { buffer } = this.#subject;
    const open = this.#model.pieces.filter(
      ({ where, first, last, acked }) => where === 'handed' && acked.size <= last - first,
    );
    const piece = open[one.which % open.length];
    if (piece === undefined) return;
    const free: number[] = [];
    for (let seq = piece.first; seq <= piece.last; seq++) if (!piece.acked.has(seq)) free.push(seq);
    const first = free[one.skip % free.length] as number;
    const spans: { piece: Piece; last: number }[] = [];
    let last = first - 1;
    for (const each of one.do === 'ack' ? open.slice(open.indexOf(piece)) : [piece]) {
      if (spans.length > 0 && each.first !== last + 1) break;
      while (last < each.last && last - first + 1 < one.length && !each.acked.has(last + 1)) last++;
      if (last >= each.first) spans.push({ piece: each, last });
      if (last < each.last) break;
    }
    if (one.do === 'giveUp') {
      this.#model.gaveUp(piece, first, last);
      buffer.giveUp('too-large', first, last, Math.max(0, Math.min(last + 1, piece.first + piece.count) - first));
      return;
    }
    let readings = 0;
    for (const span of spans) readings += this.#model.acked(span.piece, Math.max(first, span.piece.first), span.last);
    for (let times = one.twice ? 2 : 1; times > 0; times--) buffer.ack(first, last, readings);
  }

  /** What was not handed out, or was acknowledged before, cannot be acknowledged. */
  #ackNothing(what: 'waiting' | 'gone' | 'ahead', which: number): void {
    const { buffer } = this.#subject;
    if (what === 'ahead') {
      buffer.ack(this.#subject.head + which, this.#subject.head + which + 9, 10);
      return;
    }
    const found = this.#model.pieces.filter(({ where }) =>
      what === 'gone' ? where === 'gone' : where === 'live' || where === 'backfill',
    );
    const piece = found[which % found.length];
    if (piece !== undefined) buffer.ack(piece.first, piece.last, piece.count);
  }

  #close(): void {
    const { buffer } = this.#subject;
    if (this.#setup.maxAge !== undefined) {
      buffer.tidy(true);
      this.#tidied();
    }
    buffer.close();
    this.#model.closed(this.#subject.head, Date.now());
  }

  #reopen(): void {
    const next = this.#subject.reopen();
    const { epoch, setAside } = this.#subject.buffer;
    must(setAside === undefined, 'a sound file is set aside');
    this.#model.opened(epoch, next, this.#subject.buffer.stats());
    this.#subject.define();
  }

  /** While others have filled the disk commits are refused and nothing changes; when it has room again they are not. */
  #fullDisk(plans: readonly PartPlan[]): void {
    const { buffer, path } = this.#subject;
    buffer.tidy(false);
    this.#tidied();
    // Its room is needed now, and what is delivered cannot be kept.
    this.#model.keptKnown = false;
    const other = join(dirname(dirname(path)), 'other');
    const { bavail, bsize } = statfsSync(dirname(path));
    writeFileSync(other, Buffer.alloc(bavail * bsize));
    for (let i = 0; i < 6; i++) {
      const [parts, written] = this.#make(plans);
      this.#perhaps(
        () => this.#subject.append(parts),
        () => this.#appended(written),
      );
    }
    this.#perhaps(
      () => buffer.tidy(false),
      () => this.#tidied(),
    );
    rmSync(other);
    vi.advanceTimersByTime(6_000);
    buffer.tidy(true);
    this.#tidied();
    this.#append(plans);
  }

  #perhaps(work: () => void, done: () => void): void {
    const before = this.#subject.head;
    try {
      work();
    } catch (error) {
      must(error instanceof Fault && error.code === 'buffer.full', `${error}`);
      must(this.#subject.head === before, 'a commit that failed has given numbers');
      this.#score.refused++;
      return;
    }
    done();
  }

  #damage(plan: DamagePlan): void {
    const stale = plan.end === 'power cut' && plan.bit % 2 === 1;
    if (plan.end === 'closed') this.#close();
    else this.#subject.crash({ power: plan.end === 'power cut', stale });
    const promised = plan.file === 'stamp' ? Number.POSITIVE_INFINITY : this.#subject.head;
    if (!damage(this.#subject.path, plan)) {
      this.#reopen();
      return;
    }
    this.#score.damages++;
    const found = aftermathOf(this.#model, this.#subject, promised, this.#n);
    this.#n += 10;
    this.#score.promised.normal += found.more;
    this.#model.account(found.named.union(new Set(found.covered)));
    this.#score.came += found.came;
    this.#score.named += found.named.size;
    this.#score.covered += found.covered.length;
    if (found.setAside) this.#score.setAside++;
    else this.#subject.renew();
    this.#subject.define();
    this.#subject.watch();
    this.#model = this.#begin();
  }

  /** Takes everything, and sums up. */
  end(): void {
    const { buffer } = this.#subject;
    for (let round = 0; round < 3; round++) {
      for (const lane of ['backfill', 'live'] as const)
        while (buffer.waiting(lane) > 0) {
          const segments = buffer.next(lane, 1_000);
          this.#model.took(lane, 1_000, segments, buffer.dictionary.get);
        }
      for (const piece of this.#model.pieces) {
        if (piece.where !== 'handed') continue;
        const readings = this.#model.acked(piece, piece.first, piece.last);
        buffer.ack(piece.first, piece.last, readings);
      }
      buffer.tidy(true);
      this.#tidied();
      this.#model.check(buffer.stats());
    }
    this.#model.ended();
  }

  remove(): void {
    this.#subject.remove();
  }
}
