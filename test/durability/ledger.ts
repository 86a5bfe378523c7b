// What a writer said, and whether a buffer opened afterwards agrees. The ledger knows each part (a segment) by the
// number of its first reading:
//
// - promised: its commit returned. It must be there once, every bit of it, under one number for ever.
// - tried: nothing is known. All parts of its commit are there, or none is; then it is promised, or must never come.
// - acked: it may be there again until it has once been seen gone.

import type { Buffer, Segment } from '../../agent/src/buffer/buffer.ts';
import { flawOf, numberOf } from './content.ts';

/** Ranges are of readings as content.ts numbers them; `ack` names an entry's numbers in the buffer. */
export type Line =
  | { readonly open: string }
  | { readonly append: readonly (readonly [number, number])[] }
  | { readonly committed: readonly (readonly [number, number])[] }
  | { readonly ack: readonly [number, number]; readonly number: number }
  | { readonly fault: string; readonly what: string }
  | { readonly end: true };

interface Part {
  readonly last: number;
  /** The first reading of the commit it belongs to. */
  readonly commit: number;
  readonly state: 'tried' | 'promised' | 'acked';
  /** Its number in the buffer, once it was seen. */
  readonly seq?: number;
}

export class Ledger {
  readonly #parts = new Map<number, Part>();
  readonly faults: Record<string, number> = {};
  epoch: string | undefined;
  /** The first number that no writer has used. */
  next = 1;
  /** Readings whose commit returned, and those of them that were checked to be there at least once. */
  promised = 0;
  checked = 0;
  /** Readings found whose commit had not returned. */
  unpromised = 0;
  #highest = 0;
  #highestNow = 0;

  /** Takes what a writer printed; a last line that was torn by the kill is none. */
  read(text: string): void {
    for (const line of text.split('\n').slice(0, -1)) this.say(JSON.parse(line) as Line);
  }

  say(line: Line): void {
    if ('open' in line) {
      if (this.epoch !== undefined && this.epoch !== line.open) throw new Error('the epoch has changed');
      this.epoch = line.open;
    } else if ('append' in line) {
      const commit = line.append[0]?.[0] as number;
      for (const [first, last] of line.append) {
        this.#parts.set(first, { last, commit, state: 'tried' });
        this.next = last + 1;
      }
    } else if ('committed' in line) {
      for (const [first, last] of line.committed) {
        this.#parts.set(first, { ...(this.#parts.get(first) as Part), state: 'promised' });
        this.promised += last - first + 1;
      }
    } else if ('ack' in line) {
      const part = this.#parts.get(line.number);
      if (part === undefined) throw new Error(`${line.number} was handed out and is not in the ledger`);
      const used = part.seq === undefined ? line.ack[0] <= this.#highest : part.seq !== line.ack[0];
      if (used) throw new Error(`${line.number} has the number ${line.ack[0]}, which is another's`);
      this.#parts.set(line.number, { ...part, state: 'acked', seq: line.ack[0] });
      this.#highestNow = Math.max(this.#highestNow, line.ack[1]);
    } else if ('fault' in line) {
      const name = `${line.what}: ${line.fault}`;
      this.faults[name] = (this.faults[name] ?? 0) + 1;
    }
  }

  /** The last reading that was promised, also when it was acknowledged since. */
  highest(): number {
    return Math.max(0, ...[...this.#parts.values()].filter(({ state }) => state !== 'tried').map(({ last }) => last));
  }

  /** What was promised and not acknowledged: first and last reading of each part. */
  owed(): [first: number, last: number][] {
    return [...this.#parts].filter(([, { state }]) => state === 'promised').map(([first, { last }]) => [first, last]);
  }

  /** Everything that is wrong with a buffer that nobody has read from yet. What it holds is remembered. */
  verify(buffer: Buffer): string[] {
    const wrong: string[] = [];
    if (buffer.setAside !== undefined) wrong.push(`the file was set aside: ${buffer.setAside}`);
    if (this.epoch !== undefined && buffer.epoch !== this.epoch) wrong.push(`epoch ${buffer.epoch}, not ${this.epoch}`);
    const found = new Map<number, Segment>();
    let [number, seq] = [0, 0];
    for (const segment of drain(buffer)) {
      const { batch } = segment;
      if (batch.gaps.length > 0) wrong.push(`a gap record: ${JSON.stringify(batch.gaps)}`);
      if (batch.count === 0) continue;
      const first = numberOf(batch, 0);
      const last = first + batch.count - 1;
      if (first <= number || segment.first <= seq)
        wrong.push(`${first} (entry ${segment.first}) comes after ${number}`);
      [number, seq] = [last, segment.last];
      found.set(first, segment);
      const flaw = flawOf(batch, first, buffer.dictionary.get);
      if (flaw !== undefined) wrong.push(flaw);
      const part = this.#parts.get(first);
      if (part === undefined || part.last !== last) wrong.push(`${first} to ${last} must not be there`);
      else if (part.seq !== undefined && part.seq !== segment.first) wrong.push(`${first} has changed its number`);
      else if (part.seq === undefined && segment.first <= this.#highest)
        wrong.push(`${first} has the number ${segment.first}, which was used before`);
    }
    if (Object.keys(buffer.stats().dropped).length > 0) wrong.push('readings were given up');
    this.#settle(found, wrong);
    this.#highest = Math.max(this.#highest, this.#highestNow, seq);
    return wrong;
  }

  #settle(found: ReadonlyMap<number, Segment>, wrong: string[]): void {
    for (const [first, part] of this.#parts) {
      const segment = found.get(first);
      const size = part.last - first + 1;
      const seen = segment !== undefined;
      if (part.state === 'tried' && seen !== found.has(part.commit))
        wrong.push(`of the commit ${part.commit} a part is there`);
      if (!seen && part.state === 'promised') wrong.push(`${first} to ${part.last} is lost`);
      if (!seen) this.#parts.delete(first);
      else {
        if (part.state === 'tried') this.unpromised += size;
        if (part.seq === undefined) this.checked += size;
        const state = part.state === 'tried' ? 'promised' : part.state;
        this.#parts.set(first, { ...part, state, seq: segment.first });
      }
    }
  }
}

/** Everything that waits in a buffer, in the order of its numbers. */
export function drain(buffer: Buffer): Segment[] {
  const found: Segment[] = [];
  for (const lane of ['backfill', 'live'] as const) {
    while (buffer.waiting(lane) > 0) found.push(...buffer.next(lane, 5_000));
  }
  return found.sort((a, b) => a.first - b.first);
}
