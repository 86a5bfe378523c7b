// The thread of apart.ts: loads one mapping and hands over what came of it.

import { parentPort, workerData } from 'node:worker_threads';
import { loadMapping } from './load.ts';

const { file, options } = workerData as { file: string; options: Parameters<typeof loadMapping>[1] };
parentPort!.postMessage(await loadMapping(file, options));
