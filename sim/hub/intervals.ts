// A set of whole numbers kept as merged ranges, so that a billion contiguous sequence numbers take one entry.
// Numbers that arrive in order cost O(1); the memory is that of the holes.

/** `first` to `last`, both included. */
export interface Range {
  readonly first: number;
  readonly last: number;
}

export class Intervals {
  /** Sorted, disjoint, never adjacent: #firsts[i] <= #lasts[i] < #firsts[i + 1] - 1. */
  readonly #firsts: number[] = [];
  readonly #lasts: number[] = [];

  /** Adds `first` to `last`; answers how many of them were not in the set before. */
  add(first: number, last: number): number {
    const from = this.#lowest(first - 1);
    let to = from;
    let low = first;
    let high = last;
    let known = 0;
    for (; to < this.#firsts.length && this.#firsts[to]! <= last + 1; to++) {
      known += Math.max(0, Math.min(last, this.#lasts[to]!) - Math.max(first, this.#firsts[to]!) + 1);
      low = Math.min(low, this.#firsts[to]!);
      high = Math.max(high, this.#lasts[to]!);
    }
    if (to === from + 1) {
      this.#firsts[from] = low;
      this.#lasts[from] = high;
    } else {
      this.#firsts.splice(from, to - from, low);
      this.#lasts.splice(from, to - from, high);
    }
    return last - first + 1 - known;
  }

  has(number: number): boolean {
    const at = this.#lowest(number);
    return at < this.#firsts.length && this.#firsts[at]! <= number;
  }

  get ranges(): Range[] {
    return this.#firsts.map((first, i) => ({ first, last: this.#lasts[i]! }));
  }

  /** The ranges between the least and the greatest number that are not in the set. */
  get holes(): Range[] {
    return this.#firsts.slice(1).map((first, i) => ({ first: this.#lasts[i]! + 1, last: first - 1 }));
  }

  /** How many numbers `holes` holds. */
  get missing(): number {
    let missing = 0;
    for (let i = 1; i < this.#firsts.length; i++) missing += this.#firsts[i]! - this.#lasts[i - 1]! - 1;
    return missing;
  }

  /** How many numbers are in the set. */
  get size(): number {
    let size = 0;
    for (let i = 0; i < this.#firsts.length; i++) size += this.#lasts[i]! - this.#firsts[i]! + 1;
    return size;
  }

  /** Index of the first range whose last number is at least `number`. Most often that is the end or its neighbour. */
  #lowest(number: number): number {
    let high = this.#lasts.length;
    if (high === 0 || this.#lasts[high - 1]! < number) return high;
    let low = 0;
    if (high > 1 && this.#lasts[high - 2]! < number) return high - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#lasts[middle]! < number) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
