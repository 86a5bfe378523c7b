// The process that is killed, starved and cut off in these tests: it fills a buffer with readings whose content is
// known, and says on standard output what it is about to do and what was promised to it. Whatever it says is written
// before the next call begins.
//
//   node writer.ts FILE --from N --seed S [--steps N] [--keep]
//
// `--from` is the number of its first reading (content.ts); without `--steps` it goes on until it is killed; with
// `--keep` nothing is acknowledged. Lines: ledger.ts.

import { writeSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { openBuffer, type Part, type Segment } from '../../agent/src/buffer/buffer.ts';
import { Fault } from '../../agent/src/model/fault.ts';
import { type Chance, chance } from './chance.ts';
import { batchOf, numberOf, TAGS } from './content.ts';
import type { Line } from './ledger.ts';

const { values, positionals } = parseArgs({
  options: {
    from: { type: 'string', default: '1' },
    seed: { type: 'string', default: '1' },
    steps: { type: 'string', default: 'Infinity' },
    size: { type: 'string', default: String(1024 ** 3) },
    keep: { type: 'boolean', default: false },
  },
  allowPositionals: true,
});
const path = positionals[0] as string;
const random: Chance = chance(Number(values.seed));

const say = (line: Line) => writeSync(1, `${JSON.stringify(line)}\n`);
/** What the disk refuses is said, and tried again: as the gateway does, only sooner. */
function insist(what: string, action: () => void): void {
  for (;;) {
    try {
      action();
      return;
    } catch (error) {
      if (!(error instanceof Fault) || error.code === 'buffer.damaged') throw error;
      say({ fault: error.code, what });
      // As in the gateway: tidying goes on meanwhile, and finds out that a full disk has room again.
      if (what === 'append') lookAround();
    }
  }
}

function lookAround(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
  try {
    buffer.tidy(false);
  } catch (error) {
    if (!(error instanceof Fault) || error.code === 'buffer.damaged') throw error;
    say({ fault: error.code, what: 'tidy' });
  }
}

let next = Number(values.from);
let buffer = openBuffer(path, Number(values.size), { keepDelivered: random.happens(0.5) ? 60_000 : 0 });
let ids: number[] = [];
insist('intern', () => {
  ids = buffer.dictionary.intern(TAGS);
});
say({ open: buffer.epoch });
let taken: Segment[] = [];

function append(): void {
  const parts: Part[] = [];
  const ranges: [number, number][] = [];
  for (let i = random.within(1, 3); i > 0; i--) {
    const last = next + random.within(0, 150);
    parts.push({ priority: random.happens(0.3) ? 'high' : 'normal', batch: batchOf(next, last, ids) });
    ranges.push([next, last]);
    next = last + 1;
  }
  say({ append: ranges });
  insist('append', () => buffer.append(parts));
  say({ committed: ranges });
}

function take(): void {
  const lane = random.happens(0.5) ? 'live' : 'backfill';
  insist('next', () => {
    taken.push(...buffer.next(lane, random.within(1, 2_000)));
  });
}

/** Mostly the oldest: that is the order in which hubs acknowledge. */
function acknowledge(): void {
  for (let i = random.within(1, 12); i > 0 && taken.length > 0; i--) {
    const at = random.happens(0.8) ? 0 : random.within(0, taken.length - 1);
    const [{ first, last, batch }] = taken.splice(at, 1) as [Segment];
    say({ ack: [first, last], number: numberOf(batch, 0) });
    buffer.ack(first, last, batch.count);
  }
}

/** Acknowledgements that the disk does not take now come again later: that is B4. */
function close(): void {
  try {
    buffer.close();
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    say({ fault: error.code, what: 'close' });
  }
}

function reopen(): void {
  close();
  taken = [];
  insist('open', () => {
    buffer = openBuffer(path, Number(values.size), { keepDelivered: random.happens(0.5) ? 60_000 : 0 });
  });
  say({ open: buffer.epoch });
}

for (let step = 0; step < Number(values.steps); step++) {
  append();
  if (!values.keep && random.happens(0.5)) take();
  if (!values.keep && random.happens(0.5)) acknowledge();
  if (random.happens(0.2)) insist('tidy', () => buffer.tidy(random.happens(0.5)));
  if (random.happens(0.1)) buffer.split();
  if (random.happens(0.02)) reopen();
}
reopen();
close();
say({ end: true });
