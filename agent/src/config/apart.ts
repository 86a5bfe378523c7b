// Loads a mapping in a thread of its own: checking 50,000 tags takes a second of CPU, and the sources of a gateway that
// runs must not wait for it.

import { Worker } from 'node:worker_threads';
import { describe, Fault } from '../model/fault.ts';
import type { Loaded, LoadOptions } from './load.ts';

/** Longest that a mapping may take to be checked, ms. One of 100,000 tags takes a few seconds on a small machine. */
const DEADLINE = 120_000;

/** As `loadMapping`. Rejects with a Fault when the thread fails or takes longer than two minutes. */
export function loadMappingApart(file: string, options: LoadOptions = {}): Promise<Loaded> {
  const { promise, resolve, reject } = Promise.withResolvers<Loaded>();
  const worker = new Worker(new URL('./apart-worker.ts', import.meta.url), {
    workerData: { file, options: { ...options, ...(options.env && { env: { ...options.env } }) } },
    name: 'fieldgate-check',
  });
  const fail = (why: string) => reject(new Fault('internal.unexpected', `${file} could not be checked: ${why}`));
  const timer = setTimeout(() => fail(`it took longer than ${DEADLINE / 1_000} s`), DEADLINE);
  worker.once('message', resolve);
  worker.once('error', (error) => fail(describe(error)));
  worker.once('exit', () => fail('its thread ended'));
  return promise.finally(() => {
    clearTimeout(timer);
    void worker.terminate();
  });
}
