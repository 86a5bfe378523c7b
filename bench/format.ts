// Message formats: bytes and nanoseconds a reading, before and after gzip, on readings of the simulated plant. The
// figures choose the compression level (delivery/envelope.ts) and stand in docs/columns.md. Prints figures; never
// passes or fails on time.
//
//   npm run bench:format                     500 and 5,000 readings a message
//   npm run bench:format -- 500 20000

import { gzipSync } from 'node:zlib';
import { columns } from '../agent/src/delivery/formats/columns.ts';
import type { Format } from '../agent/src/delivery/formats/format.ts';
import { opcuaPubsub } from '../agent/src/delivery/formats/opcua-pubsub.ts';
import { rows } from '../agent/src/delivery/formats/rows.ts';
import { type PlantReadings, plantReadings } from '../test/support/plant-readings.ts';
import { quantile } from './processes.ts';

const LEVELS = [1, 3, 6] as const;
/** How long one figure is measured, ms. */
const MEASURE = 300;
const GATEWAY = 'gw-cdu1-01';
const EPOCH = '20261122T100000-3fa2c1';

interface Load {
  readonly what: string;
  /** Tags of the plant for a message of so many readings. */
  readonly tags: (readings: number) => number;
  /** Timestamps differ by parts of a millisecond. */
  readonly jitter?: boolean;
}

const LOADS: readonly Load[] = [
  { what: 'a tag about ten times a message', tags: (readings) => readings / 10 },
  { what: 'every reading of another tag', tags: (readings) => readings * 2 },
  { what: 'the same, each with a timestamp of its own', tags: (readings) => readings * 2, jitter: true },
];

const formatsOf = ({ tagOf }: PlantReadings): Format[] => [
  rows(GATEWAY, tagOf),
  columns(GATEWAY, EPOCH, tagOf),
  opcuaPubsub(GATEWAY, EPOCH, tagOf),
];

/** Nanoseconds that one call takes, when it is warm: that of the fastest tenth, which other programs hardly move. */
function nanoseconds(call: () => void): number {
  const times: number[] = [];
  const end = performance.now() + MEASURE;
  for (let begin = performance.now(); begin < end; begin = performance.now()) {
    call();
    times.push(performance.now() - begin);
  }
  return (
    quantile(
      times.slice(times.length >> 2).sort((a, b) => a - b),
      0.1,
    ) * 1e6
  );
}

const right = (value: number, digits: number, width: number) => value.toFixed(digits).padStart(width);

const sizes = process.argv.length > 2 ? process.argv.slice(2).map(Number) : [500, 5_000];
const heads = LEVELS.map((level) => `gzip ${level}`.padStart(9)).join('');
for (const readings of sizes) {
  for (const { what, tags, jitter } of LOADS) {
    const load = plantReadings(tags(readings), readings, jitter);
    console.log(`\n${readings} readings a message, ${what}`);
    console.log(`${''.padEnd(14)}bytes a reading:  plain${heads}   ns a reading: encode${heads}`);
    for (const format of formatsOf(load)) {
      const body = format.encode(load.parts);
      const bytes = LEVELS.map((level) => right(gzipSync(body, { level }).length / readings, 2, 9));
      const encode = nanoseconds(() => format.encode(load.parts)) / readings;
      const zip = LEVELS.map((level) => right(nanoseconds(() => gzipSync(body, { level })) / readings, 0, 9));
      console.log(
        `${format.name.padEnd(14)}${right(body.length / readings, 1, 23)}${bytes.join('')}${right(encode, 0, 23)}${zip.join('')}`,
      );
    }
  }
}
