// Pages of a walk: every item once and in order, and a walk that nobody goes on with ends.

import { afterEach, expect, it, vi } from 'vitest';
import { pages } from '../../agent/src/control/pages.ts';

const ended: string[] = [];
async function* count(to: number, signal: AbortSignal): AsyncGenerator<number> {
  signal.addEventListener('abort', () => ended.push('aborted'));
  for (let i = 0; i < to; i++) yield i;
}
const all = pages<number>(1_000);
afterEach(() => {
  all.close();
  ended.length = 0;
  vi.useRealTimers();
});

it('gives every item once, and no cursor after the last', async () => {
  const first = await all.begin((signal) => count(5, signal), 2);
  const second = await all.next(first.cursor!, 2);
  const third = await all.next(first.cursor!, 2);
  expect([first.items, second.items, third.items]).toEqual([[0, 1], [2, 3], [4]]);
  expect(third.cursor).toBeUndefined();
  await expect(all.next(first.cursor!, 2)).rejects.toThrow('begin anew');
});

it('ends a walk that stands too long', async () => {
  vi.useFakeTimers();
  const { cursor } = await all.begin((signal) => count(5, signal), 2);
  await vi.advanceTimersByTimeAsync(1_001);
  expect(ended).toEqual(['aborted']);
  await expect(all.next(cursor!, 2)).rejects.toThrow('no such walk');
});

it('lets two stand at a time', async () => {
  await all.begin((signal) => count(5, signal), 2);
  await all.begin((signal) => count(5, signal), 2);
  await expect(all.begin((signal) => count(5, signal), 2)).rejects.toThrow('2 walks stand');
});

it('ends a walk that fails', async () => {
  const failing = async function* () {
    yield 1;
    throw new Error('gone');
  };
  const { cursor } = await all.begin(failing, 1);
  await expect(all.next(cursor!, 1)).rejects.toThrow('gone');
  await expect(all.next(cursor!, 1)).rejects.toThrow('no such walk');
});
