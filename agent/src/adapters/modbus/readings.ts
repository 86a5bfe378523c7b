// Readings on their way to the sink: decodes replies into batches, and turns what cannot be read into Bad readings
// without a value. A tag that goes Bad is told once per reason and not again in every cycle; its first good value
// afterwards is a reading like any other.

import { BatchBuilder, Kind } from '../../model/batch.ts';
import type { Clock, Sink } from '../adapter.ts';
import { decode } from './decode.ts';
import type { ModbusTag, Request } from './plan.ts';

export class Readings {
  readonly #sink: Sink;
  readonly #tags: readonly ModbusTag[];
  readonly #clock: Clock;
  readonly #builder = new BatchBuilder();
  /** What was told last of each tag, when it was Bad; 0 otherwise. */
  readonly #told: Uint32Array;

  constructor(tags: readonly ModbusTag[], sink: Sink, clock: Clock) {
    this.#sink = sink;
    this.#tags = tags;
    this.#clock = clock;
    this.#told = new Uint32Array(tags.length);
  }

  /** A reply has arrived this instant: its readings go out as one batch. */
  accept(request: Request, data: DataView): void {
    const { slot, tag, place, code, argument } = request;
    const time = this.#clock();
    for (let i = 0; i < slot.length; i++) {
      const status = decode(data, place[i]!, code[i]!, argument[i]!, tag[i]!, time, this.#builder);
      if (status === 0) this.#told[slot[i]!] = 0;
      else this.#bad(slot[i]!, status, time);
    }
    this.#deliver();
  }

  /** These tags cannot be read now. */
  fail(slots: Iterable<number>, status: number): void {
    const time = this.#clock();
    for (const slot of slots) this.#bad(slot, status, time);
    this.#deliver();
  }

  #bad(slot: number, status: number, time: number): void {
    if (this.#told[slot] === status) return;
    this.#told[slot] = status;
    this.#builder.push(this.#tags[slot]!.index, time, status, Kind.Null, 0);
  }

  #deliver(): void {
    if (this.#builder.count > 0) this.#sink.deliver(this.#builder.take());
  }
}
