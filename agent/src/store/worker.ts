// The storage thread: buffer, group commit and forwarder. It may wait for the disk as long as the disk takes;
// acquisition does not notice.

import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { type Buffer, openBuffer } from '../buffer/buffer.ts';
import { type Committer, committer } from '../buffer/committer.ts';
import type { ControlDesk } from '../delivery/control.ts';
import { formatOf } from '../delivery/formats/formats.ts';
import { type Forwarder, forwarder } from '../delivery/forwarder.ts';
import { hubFactory } from '../delivery/hubs/hubs.ts';
import { gapBatch } from '../model/batch.ts';
import { describe, Fault } from '../model/fault.ts';
import type { Log } from '../model/log.ts';
import { giveBackMemory, SETTLED } from '../model/memory.ts';
import type { Timestamp } from '../model/time.ts';
import { clockWatch } from './clock-watch.ts';
import { controlInWorker } from './control.ts';
import type { FromWorker, ReplayResult, StoreOptions, StoreStats, ToWorker } from './port.ts';
import { openSalvages, type Salvages } from './salvages.ts';

/** How often counters cross the wall, and how long an acknowledgement may wait to be written, ms. */
const TICK = 1_000;

const port = parentPort;
if (port === null) throw new Error('store/worker.ts runs as a worker thread only');

const tell = (message: FromWorker) => port.postMessage(message);
const log: Log = (level, text, fields = {}) => tell({ type: 'log', level, text, fields });

// A promise that a library forgot must not end the storage of all others' readings; whatever waits has a deadline.
process.on('unhandledRejection', (reason) =>
  log('error', 'a rejection that nobody handled', { reason: describe(reason) }),
);

interface Opened {
  readonly buffer: Buffer;
  readonly commits: Committer;
  readonly delivery: Forwarder;
  readonly salvages: Salvages;
}

async function open(options: StoreOptions, desk: ControlDesk): Promise<Opened> {
  const { site, gateway, hub } = options;
  const buffer = openBuffer(options.buffer.path, options.buffer.maxSize, options.buffer);
  const salvages = openSalvages(options.buffer.path, log);
  const delivery = forwarder({
    site,
    gateway,
    buffer,
    older: salvages.all.map((queue) => ({
      queue,
      format: formatOf(hub, { gateway, epoch: queue.epoch, tagOf: queue.tag }),
    })),
    hub: await hubFactory(hub, { site, gateway }, { control: desk, log }),
    format: formatOf(hub, { gateway, epoch: buffer.epoch, tagOf: buffer.dictionary.get }),
    compression: hub.type === 'jsonl' ? 'none' : hub.compression,
    maxDelay: hub.maxDelay,
    order: options.buffer.order,
    drainLimit: options.buffer.drainLimit,
    log,
  });
  const commits = committer({
    buffer,
    interval: options.buffer.commitInterval,
    committed(batches) {
      tell({ type: 'committed', batches });
      delivery.wake();
    },
    log,
  });
  return { buffer, commits, delivery, salvages };
}

/** Ends the thread, and with it the process, by an error that nobody catches: the next start begins a new file. */
function endThread(error: unknown): void {
  setImmediate(() => {
    throw error;
  });
}

async function start(): Promise<void> {
  const options = workerData as StoreOptions;
  const control = controlInWorker(options.methods ?? [], tell);
  const { buffer, commits, delivery, salvages } = await open(options, control.desk);
  const stats = (): StoreStats => ({ buffer: buffer.stats(), forwarder: delivery.stats(), salvage: salvages.stats() });

  setTimeout(giveBackMemory, SETTLED).unref();
  const clock = clockWatch();
  const tick = setInterval(() => {
    const step = clock.look(Date.now(), performance.now());
    if (step !== undefined) {
      log('warn', 'the clock of this machine was set', { byMs: step.by });
      commits.add(gapBatch([{ reason: 'clock-step', from: step.from, to: step.to }]));
    }
    try {
      // Nothing waits only when nothing was handed over either: a slow disk may have held this thread up.
      hearAll();
      buffer.tidy(commits.idle);
      salvages.tidy(buffer);
      tell({ type: 'stats', stats: stats() });
    } catch (error) {
      const fault = Fault.from(error, 'buffer.disk', 'tidy');
      if (fault.code === 'buffer.damaged') throw fault;
      // The next tick tries again; until then acknowledged segments stay, which costs duplicates after a crash at most.
      log('warn', 'the buffer cannot write its acknowledgements, or be counted', { reason: fault.message });
    }
  }, TICK);

  function replay(from: Timestamp, to: Timestamp): ReplayResult {
    try {
      const readings = buffer.replay(from, to);
      delivery.wake();
      return { readings };
    } catch (error) {
      const fault = Fault.from(error, 'buffer.disk', 'replay');
      if (fault.code === 'buffer.damaged') throw fault;
      return { code: fault.code, message: fault.message };
    }
  }

  /** Why the disk does not take what waits. */
  function flush(): Fault | undefined {
    try {
      commits.flush();
      return undefined;
    } catch (error) {
      return Fault.from(error, 'buffer.disk', 'commit');
    }
  }

  function tidied(): boolean {
    try {
      buffer.tidy(false);
      return true;
    } catch {
      return false;
    }
  }

  async function close(deadline: number): Promise<void> {
    clearInterval(tick);
    let refused = flush();
    commits.close();
    await delivery.stop(deadline);
    // What was delivered meanwhile may have made room.
    if (refused !== undefined && tidied()) refused = flush();
    const uncommitted = commits.waitingReadings;
    if (refused !== undefined)
      log('error', 'the last readings could not be committed and are lost; the next start tells it by a gap record', {
        readings: uncommitted,
        reason: refused.message,
      });
    const last = stats();
    try {
      salvages.tidy(buffer);
      buffer.close(commits.idle);
    } catch (error) {
      // What is committed is safe; acknowledgements that could not be written cost duplicates after the next start.
      log('warn', 'the buffer could not be closed in order', {
        reason: Fault.from(error, 'buffer.disk', 'close').message,
      });
    }
    tell({ type: 'closed', stats: last, uncommitted });
    port?.close();
  }

  const hear = (message: ToWorker) => {
    switch (message.type) {
      case 'define':
        return commits.define(message.tags);
      case 'append':
        return commits.add(message.batch, message.at);
      case 'replay':
        return tell({ type: 'replayed', id: message.id, result: replay(message.from, message.to) });
      case 'drain-limit':
        return delivery.limitDrain(message.perSecond ?? undefined);
      case 'answer':
      case 'report':
        return control.heard(message);
      case 'close':
        return void close(message.deadline);
    }
  };

  /** What was handed over while this thread was busy. */
  function hearAll(): void {
    for (let next = receiveMessageOnPort(port!); next !== undefined; next = receiveMessageOnPort(port!))
      hear(next.message);
  }

  port?.on('message', hear);
  tell({ type: 'ready', epoch: buffer.epoch, lastAlive: buffer.lastAlive, setAside: buffer.setAside, stats: stats() });
  delivery.start().catch(endThread);
}

try {
  await start();
} catch (error) {
  const { code, message } = Fault.from(error, 'internal.unexpected', 'the storage thread cannot start');
  tell({ type: 'failed', code, message });
}
