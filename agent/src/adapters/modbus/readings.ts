// Readings on their way to the sink: decodes replies into batches, and turns what cannot be read into Bad readings
// without a value. A tag that goes Bad is told once per reason and not again in every cycle; its first good value
// afterwards is a reading like any other, and a gap record says what lies between. Tags come and go while it runs; what
// a request that was under way brings for one that is gone is left out.

import { BatchBuilder, Kind, valueAt } from '../../model/batch.ts';
import { StatusCode } from '../../model/status.ts';
import { TICKS_PER_MS } from '../../model/time.ts';
import type { Clock, Sink } from '../adapter.ts';
import { spansOf } from '../lasted.ts';
import { decode, isSentinel } from './decode.ts';
import type { ModbusTag, Request } from './plan.ts';

/** What tags have that are not in the device. */
const NOWHERE: ReadonlySet<number> = new Set([StatusCode.BadConfigurationError, StatusCode.BadNotSupported]);

export class Readings {
  readonly #sink: Sink;
  /** By slot; one whose tag is gone is never used again, so that nothing under way can mean another tag. */
  readonly #tags: (Pick<ModbusTag, 'index' | 'name' | 'poll'> | undefined)[] = [];
  readonly #clock: Clock;
  readonly #builder = new BatchBuilder();
  /** What was told last of each tag, when it was Bad; 0 otherwise. */
  readonly #told: number[] = [];
  /** When each tag was last read; NaN before. */
  readonly #read: number[] = [];
  /** Since when nothing is known of a tag that could not be read; NaN while it can. */
  readonly #since: number[] = [];
  /** The same by the steady clock, ms. */
  readonly #begun: number[] = [];
  /** When something was delivered last. */
  #latest = Number.NaN;

  constructor(tags: readonly ModbusTag[], sink: Sink, clock: Clock) {
    this.#sink = sink;
    this.#clock = clock;
    this.add(tags);
  }

  /** More tags, in the slots behind those there are. */
  add(tags: readonly ModbusTag[]): void {
    for (const { index, name, poll } of tags) {
      this.#tags.push({ index, name, poll });
      this.#told.push(0);
      this.#read.push(Number.NaN);
      this.#since.push(Number.NaN);
      this.#begun.push(Number.NaN);
    }
  }

  /** These tags are gone: nothing is delivered for them any more, but the gap that one of them is in ends now. */
  drop(slots: Iterable<number>): void {
    const gone = [...slots];
    this.#ended(gone, this.#clock());
    for (const slot of gone) this.#tags[slot] = undefined;
  }

  /** Whether the tag was ever read. */
  wasRead(slot: number): boolean {
    return !Number.isNaN(this.#read[slot]);
  }

  /** A reply has arrived this instant: its readings go out as one batch. */
  accept(request: Request, data: DataView): void {
    const { slot, tag, place, code, argument, sentinels, exponents } = request;
    const time = this.#clock();
    for (let i = 0; i < slot.length; i++) {
      if (this.#tags[slot[i]!] === undefined) continue;
      const none = sentinels?.[i]?.find((each) => isSentinel(data, place[i]!, code[i]!, each));
      if (none !== undefined) {
        this.#bad(slot[i]!, none.status, time);
        continue;
      }
      const power = exponents?.[i];
      const status =
        power === undefined
          ? decode(data, place[i]!, code[i]!, argument[i]!, tag[i]!, time, this.#builder)
          : raised(data, place[i]!, power, code[i]!, tag[i]!, time, this.#builder);
      if (status === 0) this.#told[slot[i]!] = 0;
      else this.#bad(slot[i]!, status, time);
    }
    this.#deliver();
    this.#ended(slot, time);
    for (let i = 0; i < slot.length; i++) this.#read[slot[i]!] = time;
  }

  /** These tags cannot be read now. */
  fail(slots: Iterable<number>, status: number): void {
    const time = this.#clock();
    for (const slot of slots) {
      this.#bad(slot, status, time);
      // What the device never had, or the mapping asks for in vain, is no gap: there is nothing to be known.
      if (this.wasRead(slot) || !NOWHERE.has(status)) this.#begin(slot, time);
    }
    this.#deliver();
  }

  /**
   * Nothing is read any more: what could not be read until now gets its gap record now.
   * @param lost the link is: its own gap reaches back by one poll, which is not enough on a line that left polls out
   */
  end(lost: boolean): void {
    if (lost) this.#behind();
    this.#ended(this.#tags.keys(), this.#clock());
  }

  /** Of tags that have missed a poll nothing is known since they were read. */
  #behind(): void {
    const time = this.#clock();
    const longest = this.#tags.reduce((most, tag) => Math.max(most, tag?.poll ?? 0), 0);
    const reach = this.#latest - 1.5 * longest * TICKS_PER_MS;
    for (const slot of this.#tags.keys()) if (this.#read[slot]! < reach) this.#begin(slot, time);
  }

  #begin(slot: number, time: number): void {
    if (this.#tags[slot] === undefined || !Number.isNaN(this.#since[slot])) return;
    const since = this.wasRead(slot) ? this.#read[slot]! : time;
    this.#since[slot] = since;
    this.#begun[slot] = performance.now() - Math.max(0, time - since) / TICKS_PER_MS;
  }

  /** Gap records, one for all tags that could not be read since the same moment. */
  #ended(slots: Iterable<number>, to: number): void {
    let missed: Map<number, { readonly begun: number; readonly tags: string[] }> | undefined;
    for (const slot of slots) {
      const from = this.#since[slot]!;
      if (Number.isNaN(from)) continue;
      this.#since[slot] = Number.NaN;
      missed ??= new Map();
      const known = missed.get(from);
      const { name } = this.#tags[slot]!;
      if (known) known.tags.push(name);
      else missed.set(from, { begun: this.#begun[slot]!, tags: [name] });
    }
    if (missed === undefined) return;
    for (const [from, { begun, tags }] of missed)
      for (const span of spansOf(from, to, performance.now() - begun))
        this.#sink.gap({ reason: 'source-down', tags, ...span });
  }

  #bad(slot: number, status: number, time: number): void {
    const tag = this.#tags[slot];
    if (tag === undefined || this.#told[slot] === status) return;
    this.#told[slot] = status;
    this.#builder.push(tag.index, time, status, Kind.Null, 0);
  }

  #deliver(): void {
    if (this.#builder.count === 0) return;
    this.#latest = this.#clock();
    this.#sink.deliver(this.#builder.take());
  }
}

/** Powers of ten that SunSpec knows; what is beyond them (0x8000) means that there is none, and so no value. */
const MOST_POWER = 10;

/** A number times a power of ten that stands in a register of its own. Returns what `decode` returns. */
function raised(
  data: DataView,
  place: number,
  power: number,
  code: number,
  tag: number,
  time: number,
  out: BatchBuilder,
): number {
  const exponent = data.getInt16(power);
  if (Math.abs(exponent) > MOST_POWER) return StatusCode.BadNotSupported;
  const scratch = new BatchBuilder(1);
  const status = decode(data, place, code, 0, tag, time, scratch);
  if (status !== StatusCode.Good) return status;
  const value = Number(valueAt(scratch.take(), 0));
  // Dividing by a whole power of ten gives the nearest number to what is meant; multiplying with 0.1 does not.
  const number = exponent < 0 ? value / 10 ** -exponent : value * 10 ** exponent;
  out.push(tag, time, StatusCode.Good, Kind.Number, number);
  return StatusCode.Good;
}
