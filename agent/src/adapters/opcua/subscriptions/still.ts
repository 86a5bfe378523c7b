// Tags of which nothing has come since the link is new: their values are read once.

import { BatchBuilder } from '../../../model/batch.ts';
import type { Sink } from '../../adapter.ts';
import { courteously } from '../link/beside.ts';
import type { Calls, Limits } from '../link/calls.ts';
import type { Courtesy } from '../source/courtesy.ts';
import type { Known } from '../source/failover.ts';
import { type Item, nameOf } from '../source/item.ts';
import type { Roster } from '../source/roster.ts';
import type { Receiver } from './notifications.ts';

const SERVICE = 'reading what stands still';

interface Among {
  readonly server: Calls;
  readonly limits: Limits;
  readonly sink: Sink;
  readonly roster: Roster;
  readonly courtesy: Courtesy;
  /** Told of what is delivered. */
  readonly answered: (item: Item, status: number) => void;
}

/**
 * Rejects with a Fault when the server does not answer.
 * @param known given: only what may have changed since is delivered, or was Bad at the server before
 */
export async function readStill(
  items: readonly Item[],
  { server, limits, sink, roster, courtesy, answered }: Among,
  receive: Receiver,
  known: Known | undefined,
): Promise<void> {
  const isStill = ({ position }: Item) => receive.first(position) === Number.POSITIVE_INFINITY;
  const isDue = (position: number, time: number) => {
    if (known === undefined || known.bad[position] === 1) return true;
    const latest = receive.latest(position);
    return time !== latest && time > latest - known.behind;
  };
  const read = async (portion: readonly Item[]) => {
    const nodes = portion.map(({ node }) => node);
    const values = await server.read(SERVICE, nodes);
    const builder = new BatchBuilder(portion.length);
    for (const item of portion) {
      values.next();
      const { tag, position } = item;
      if (!isStill(item) || roster.tags[position] === undefined || !isDue(position, values.time)) continue;
      answered(item, values.status);
      values.push(builder, tag.index);
      receive.saw(position, values.time, values.status);
    }
    if (builder.count > 0) sink.deliver(builder.take());
  };
  await courteously(courtesy, server, true, 1)(SERVICE, items.filter(isStill), nameOf, limits.read, read);
}
