// What a reading costs in bytes of body, as `npm run bench:format` measured it (docs/columns.md): readings of another tag
// each, at gzip level 3. Between the two sizes of message that were measured it goes by the logarithm of the size.

export const FORMATS = ['rows', 'columns', 'opcua-pubsub'] as const;
export type Format = (typeof FORMATS)[number];

export const COMPRESSIONS = ['gzip', 'none'] as const;
export type Compression = (typeof COMPRESSIONS)[number];

const SMALL = 500;
const LARGE = 5_000;

/** Bytes a reading in messages of 500 and of 5,000 readings. */
const MEASURED: Readonly<Record<Format, Readonly<Record<Compression, readonly [small: number, large: number]>>>> = {
  rows: { gzip: [11.5, 11.06], none: [130.2, 130.3] },
  columns: { gzip: [3.52, 2.44], none: [13.9, 10] },
  'opcua-pubsub': { gzip: [7.29, 6.52], none: [75.2, 74.6] },
};

/**
 * Bytes a reading in a message of `readings`. Below 500 and above 5,000 readings nothing was measured: the nearer figure
 * holds. Small messages cost more than that, and most of them are one message of 4 kB all the same.
 */
export function bytesPerReading(format: Format, compression: Compression, readings: number): number {
  const [small, large] = MEASURED[format][compression];
  const share = Math.log(readings / SMALL) / Math.log(LARGE / SMALL);
  return small + (large - small) * Math.min(1, Math.max(0, share));
}
