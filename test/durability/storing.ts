// A store as the gateway opens one, its thread included, with a load that goes on whatever happens to the hub.

import { join } from 'node:path';
import type { HubConfig } from '../../agent/src/config/schema/hub.ts';
import { openStore, type Store } from '../../agent/src/store/store.ts';
import { batchOf, TAGS } from './content.ts';

const INDEXES = TAGS.map(({ index }) => index);

/** Opens the store in `folder`. @param told every line it logs */
export async function storeIn(
  folder: string,
  hub: HubConfig,
  told: (line: string) => void = () => {},
  maxSize = 1024 ** 3,
): Promise<Store> {
  const store = await openStore(
    {
      site: 'lavera',
      gateway: 'gw',
      buffer: {
        path: join(folder, 'buffer.db'),
        maxSize,
        commitInterval: 100,
        order: 'live-first',
        keepDelivered: 60_000,
      },
      hub,
    },
    (level, text, fields) => told(`${level}: ${text} ${JSON.stringify(fields ?? {})}`),
  );
  store.define(TAGS);
  return store;
}

export interface Load {
  /** The number of the next reading: those before it were appended. */
  readonly next: number;
  stop(): void;
}

/** Appends `size` readings every `every` ms, beginning with reading `from`. @param wrote called after each append */
export function load(
  store: Store,
  size: number,
  every: number,
  from = 1,
  wrote: (first: number, last: number) => void = () => {},
): Load {
  let next = from;
  const timer = setInterval(() => {
    const first = next;
    next += size;
    store.append(batchOf(first, next - 1, INDEXES));
    wrote(first, next - 1);
  }, every);
  return {
    get next() {
      return next;
    },
    stop: () => clearInterval(timer),
  };
}
