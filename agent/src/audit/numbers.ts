// A set of entry numbers, kept as ranges: a billion numbers in a row take one entry, so that memory is that of the
// holes. Numbers that come in order, as they do in a file of one gateway, cost a comparison.

/** `first` to `last`, both included. */
export interface Range {
  readonly first: number;
  readonly last: number;
}

export class Numbers {
  /** Begin and end of each range, in turn: b0 e0 b1 e1…, both included, rising, never adjacent. */
  #ends: number[] = [];
  #size = 0;

  /** How many numbers are in the set. */
  get size(): number {
    return this.#size;
  }

  get ranges(): Range[] {
    const found: Range[] = [];
    for (let i = 0; i < this.#ends.length; i += 2) found.push({ first: this.#ends[i]!, last: this.#ends[i + 1]! });
    return found;
  }

  has(number: number): boolean {
    const at = this.#find(number);
    return at < this.#ends.length && this.#ends[at]! <= number;
  }

  /** Adds `first` to `last` and answers how many of them are new. */
  add(first: number, last: number): number {
    const ends = this.#ends;
    const at = this.#find(first - 1);
    if (at === ends.length) ends.push(first, last);
    else {
      let begin = first;
      let end = last;
      let after = at;
      let known = 0;
      while (after < ends.length && ends[after]! <= last + 1) {
        begin = Math.min(begin, ends[after]!);
        end = Math.max(end, ends[after + 1]!);
        known += Math.max(0, Math.min(last, ends[after + 1]!) - Math.max(first, ends[after]!) + 1);
        after += 2;
      }
      if (after === at + 2) {
        ends[at] = begin;
        ends[at + 1] = end;
      } else ends.splice(at, after - at, begin, end);
      this.#size += last - first + 1 - known;
      return last - first + 1 - known;
    }
    this.#size += last - first + 1;
    return last - first + 1;
  }

  /** The ranges between `from` and the greatest number that are not in the set. */
  holes(from = this.#ends[0] ?? 0): Range[] {
    const found: Range[] = [];
    let next = from;
    for (const { first, last } of this.ranges) {
      if (first > next) found.push({ first: next, last: first - 1 });
      next = Math.max(next, last + 1);
    }
    return found;
  }

  /** Place in `#ends` of the first range that ends at `number` or behind it. The last range is tried first. */
  #find(number: number): number {
    const ends = this.#ends;
    let high = ends.length / 2;
    if (high === 0 || ends[ends.length - 1]! < number) return ends.length;
    if (high === 1 || ends[ends.length - 3]! < number) return ends.length - 2;
    let low = 0;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (ends[2 * middle + 1]! < number) low = middle + 1;
      else high = middle;
    }
    return 2 * low;
  }
}

/** How many numbers the ranges hold. */
export function countOf(ranges: readonly Range[]): number {
  return ranges.reduce((sum, { first, last }) => sum + last - first + 1, 0);
}
