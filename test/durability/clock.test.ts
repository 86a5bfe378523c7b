// A clock that jumps: back by an hour and on by a day while readings flow, and back by an hour across a restart. The
// numbers go on as if nothing had happened, and nothing is lost or comes twice under two numbers (B2).

import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { scratch } from '../support/scratch.ts';
import { deliveredTo } from './delivered.ts';
import type { Told } from './storer.ts';
import { absent } from './tools.ts';
import { run, STORER } from './writing.ts';

const LIBRARY = ['x86_64', 'aarch64']
  .map((machine) => `/usr/lib/${machine}-linux-gnu/faketime/libfaketimeMT.so.1`)
  .find((path) => existsSync(path));
if (LIBRARY === undefined) absent('no libfaketime, so no clock can jump; apt-get install faketime');

const BATCHES = 600;
const HOUR = 3_600;
const DAY = 24 * HOUR;

/** Sets the clock so many seconds from the true one, at once: the file is read at any moment. */
function set(clock: string, seconds: number): void {
  writeFileSync(`${clock}.new`, `${seconds < 0 ? '' : '+'}${seconds}s`);
  renameSync(`${clock}.new`, clock);
}

test.skipIf(LIBRARY === undefined)(
  'a clock that jumps changes no number and loses nothing',
  { timeout: 60_000 },
  async () => {
    const folder = join(scratch(), 'data');
    mkdirSync(folder);
    const clock = join(folder, 'clock');
    // The monotonic clock is the timers': no administrator can set it.
    const env = {
      LD_PRELOAD: LIBRARY,
      FAKETIME_TIMESTAMP_FILE: clock,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    };
    const jumps: number[] = [];
    const lives = [
      { start: 0, jumpTo: [-HOUR, DAY, 0] },
      { start: -HOUR, jumpTo: [DAY] },
    ];
    for (const [life, { start, jumpTo }] of lives.entries()) {
      set(clock, start);
      let next = 0;
      const heard = (_: unknown, text: string) => {
        const due = ((next + 1) * BATCHES) / (jumpTo.length + 1);
        if (next === jumpTo.length || text.split('\n').length < due) return;
        set(clock, jumpTo[next++] as number);
      };
      const args = [folder, '--from', String(life * BATCHES * 10 + 1), '--batches', String(BATCHES)];
      const { output, errors, code } = await run(STORER, args, heard, [], env);
      expect([code, errors]).toEqual([0, '']);
      const clocks = output
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line) as Told)
        .flatMap((told) => ('wrote' in told ? [told.clock] : []));
      for (const [i, at] of clocks.slice(1).entries()) {
        const jump = Math.round((at - (clocks[i] as number)) / 60_000);
        if (jump !== 0) jumps.push(jump);
      }
    }
    // Minutes: back by an hour, on by a day and an hour, back by a day; on by a day and an hour.
    expect(jumps).toEqual([-60, 25 * 60, -24 * 60, 25 * 60]);
    const { numbers, wrong, again, gaps, last } = deliveredTo(join(folder, 'readings.jsonl'));
    expect(wrong).toEqual([]);
    expect([numbers.size, last, gaps]).toEqual([2 * BATCHES * 10, 2 * BATCHES * 10, []]);
    console.log(
      `clock: ${numbers.size} readings over ${jumps.length} jumps and a restart, numbered 1 to ${last}, ${again} again`,
    );
  },
);

test.skipIf(LIBRARY === undefined)(
  'a clock that is set while the gateway runs is told by a record that the consumer gets',
  { timeout: 60_000 },
  async () => {
    const folder = join(scratch(), 'data');
    mkdirSync(folder);
    const clock = join(folder, 'clock');
    set(clock, 0);
    let jumped = false;
    const heard = (_: unknown, text: string) => {
      if (jumped || text.split('\n').length < 2_000) return;
      jumped = true;
      set(clock, -HOUR);
    };
    const env = {
      LD_PRELOAD: LIBRARY,
      FAKETIME_TIMESTAMP_FILE: clock,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    };
    // Several seconds: the clock is looked at once a second.
    const { errors, code } = await run(STORER, [folder, '--from', '1', '--batches', '6000'], heard, [], env);
    expect([code, errors]).toEqual([0, '']);
    const { numbers, wrong, gaps } = deliveredTo(join(folder, 'readings.jsonl'));
    expect([numbers.size, wrong]).toEqual([60_000, []]);
    expect(gaps).toEqual(['clock-step']);
  },
);
