// A Modbus adapter at work in a test: connected, running, recorded, and closed when the test ends.

import { onTestFinished } from 'vitest';
import { type ModbusOptions, modbusAdapter } from '../../../agent/src/adapters/modbus/adapter.ts';
import type { Transport } from '../../../agent/src/adapters/modbus/transport.ts';
import { type Recorder, recorder } from '../recorder.ts';

export interface Polled {
  readonly sink: Recorder;
  /** How run ended: 'resolved', or what it threw; undefined while it runs. */
  readonly ended: unknown;
  /** These tags from now on; an index never means another tag. */
  retag(next: ModbusOptions['tags']): void;
  close(): Promise<void>;
}

export async function polled(
  to: number | Transport,
  tags: ModbusOptions['tags'],
  more: Partial<ModbusOptions> & { readonly finished?: typeof onTestFinished } = {},
): Promise<Polled> {
  const adapter = modbusAdapter({
    name: 'plc',
    transport: typeof to === 'number' ? { kind: 'tcp', host: '127.0.0.1', port: to } : to,
    timeout: 150,
    delayBetweenRequests: 0,
    maxRegisters: 125,
    maxGap: 16,
    tags,
    patience: { firstProbe: 100, lastProbe: 1_000, refusal: 500 },
    ...more,
  });
  const sink = recorder();
  let ended: unknown;
  (more.finished ?? onTestFinished)(() => adapter.close());
  await adapter.connect(new AbortController().signal);
  adapter.run(sink, new AbortController().signal).then(
    () => {
      ended = 'resolved';
    },
    (thrown: unknown) => {
      ended = thrown;
    },
  );
  return {
    sink,
    get ended() {
      return ended;
    },
    retag(next) {
      const had = new Set(tags.map(({ index }) => index));
      const has = new Set(next.map(({ index }) => index));
      tags = next;
      adapter.retag(next, { added: [...has.difference(had)], gone: [...had.difference(has)] });
    },
    close: () => adapter.close(),
  };
}
