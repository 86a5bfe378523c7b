// The crude unit behind the OPC UA server: the current value of every tag, and who watches it. One pass per update
// looks only at watched tags; the others are computed when somebody reads them.
//
// Values reach monitored items by report on exception, not by node-opcua's sampling timers. Its sampler
// (node-opcua-server, node_sampler.ts) queues one immediate per item and period, and runs on a clock of its own: an
// update between two of its beats is lost, so a counter could not prove that the client lost nothing.

import { AttributeIds, type DataValue, MonitoringMode, StatusCode, StatusCodes } from 'node-opcua-client';
import type { MonitoredItem } from 'node-opcua-server';
import type { Plant } from './plant.ts';
import type { Signal } from './signals.ts';
import { dataValueOf, type TagValue } from './variants.ts';

/** One tag while the unit runs. */
export interface LiveTag {
  readonly signal: Signal;
  readonly watchers: Watcher[];
  current: DataValue | undefined;
  /** The update that `current` belongs to. */
  update: number;
}

interface Watcher {
  readonly item: MonitoredItem;
  /** Takes every n-th update: what its sampling interval asks for. */
  every: number;
}

export interface CrudeUnit {
  readonly tags: ReadonlyMap<string, LiveTag>;
  /** Updates made so far: the value of every counter. */
  readonly updates: number;
  /** Values put into the queues of monitored items, first values not counted. */
  readonly recorded: number;
  /** Tags that somebody watches. */
  readonly watched: number;
  /** The value of a tag as a read sees it. */
  read(tag: LiveTag): DataValue;
  /** One update of everything at `time`; monitored items get what changed. */
  update(time: Date): void;
  /** Gives a tag this value until the next update; monitored items get it now. */
  set(tag: LiveTag, value: TagValue, status: StatusCode, time: Date): void;
  /** From its first value on, a monitored item gets every update that its sampling interval asks for. */
  watch(tag: LiveTag, item: MonitoredItem): void;
}

/** `period` (ms) is what a sampling interval is compared with: an item that asks for 5 s gets every fifth update. */
export function crudeUnit(signals: readonly Signal[], plant: Plant, period: number, start: Date): CrudeUnit {
  const tags = new Map<string, LiveTag>();
  for (const signal of signals) {
    tags.set(signal.name, { signal, watchers: [], current: undefined, update: -1 });
  }
  const watched = new Set<LiveTag>();
  let updates = 0;
  let recorded = 0;
  let now = start;

  const read = (tag: LiveTag): DataValue => {
    if (tag.current === undefined || tag.update !== updates) {
      tag.current = measure(plant, tag.signal, now, updates);
      tag.update = updates;
    }
    return tag.current;
  };

  const report = (tag: LiveTag, onlyDue: boolean) => {
    const value = read(tag);
    for (let i = tag.watchers.length - 1; i >= 0; i--) {
      const { item, every } = tag.watchers[i]!;
      // Disposed with its subscription, or deleted.
      if (item.itemToMonitor === null) tag.watchers.splice(i, 1);
      else if (onlyDue && updates % every !== 0) continue;
      else if (item.monitoringMode !== MonitoringMode.Disabled && item.recordValue(value, false)) recorded++;
    }
    if (tag.watchers.length === 0) watched.delete(tag);
  };

  return {
    tags,
    get updates() {
      return updates;
    },
    get recorded() {
      return recorded;
    },
    get watched() {
      return watched.size;
    },
    read,
    update(time) {
      updates++;
      now = time;
      for (const tag of watched) report(tag, true);
    },
    set(tag, value, status, time) {
      tag.current = dataValueOf(tag.signal, value, status, time);
      tag.update = updates;
      report(tag, false);
    },
    watch(tag, item) {
      if (item.itemToMonitor.attributeId !== AttributeIds.Value) return;
      Object.assign(item, {
        // Called at a queue overflow. node-opcua's own (monitored_item.ts) asserts that the value is Good: the first
        // overflow with a Bad or Uncertain value would end the process.
        _setOverflowBit: ({ value }: { value: DataValue }) => {
          value.statusCode = StatusCode.makeStatusCode(value.statusCode, 'Overflow | InfoTypeDataValue');
        },
        // Called when the item has its first value and would be sampled from now on, and again when its sampling
        // interval was modified.
        _set_timer: () => {
          const every = Math.max(1, Math.round(item.samplingInterval / period));
          const known = tag.watchers.find((watcher) => watcher.item === item);
          if (known) known.every = every;
          else {
            tag.watchers.push({ item, every });
            watched.add(tag);
            // An update may have come since the first value was read; when none did, nothing changed.
            if (item.recordValue(read(tag), false)) recorded++;
          }
        },
      });
    },
  };
}

function measure(plant: Plant, signal: Signal, now: Date, updates: number): DataValue {
  const time = now.getTime();
  const since = plant.lastGood(signal, time);
  if (since === time) return dataValueOf(signal, reading(plant, signal, time, updates), StatusCodes.Good, now);
  return signal.flaw === 'sensor'
    ? dataValueOf(signal, null, StatusCodes.BadSensorFailure, now)
    : dataValueOf(signal, reading(plant, signal, since, updates), StatusCodes.UncertainLastUsableValue, now);
}

function reading(plant: Plant, signal: Signal, time: number, updates: number): TagValue {
  if (signal.length === undefined) return plant.value(signal, time, updates);
  return Array.from({ length: signal.length }, (_, i) => plant.value(signal, time, updates, i));
}
