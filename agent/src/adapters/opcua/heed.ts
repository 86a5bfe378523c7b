// What notifications say beside their values, and what becomes of it: what is missing is to be had from the history, what
// means something else now is asked for again, nodes that are gone are told and tried again.

import type { Timestamp } from '../../model/time.ts';
import type { Lack } from './history/history.ts';
import type { Kept } from './kept.ts';
import { refusal } from './source/unreadable.ts';
import type { Told } from './subscriptions/subscriptions.ts';

export function heed({ roster, history, meaning, unreadable }: Kept): Told {
  const overflow = (positions: readonly number[], from: Timestamp, to: Timestamp): Lack => {
    const tags = positions.flatMap((position) => roster.tags[position]?.name ?? []);
    return { reason: 'source-overflow', tags, from, to };
  };
  return {
    lacking: (lack, positions, { before, after }) => history.want(lack, positions, before, after),
    overflowed(ends, from, to) {
      const positions = [...ends.keys()];
      history.want(
        overflow(positions, from, to),
        positions,
        (position) => ends.get(position)?.from ?? from,
        (position) => ends.get(position)?.to ?? to,
      );
    },
    changed: meaning.changed,
    vanished(statuses, sink) {
      for (const [position, status] of statuses) unreadable.set(position, status, refusal(status), true);
      unreadable.tell(sink);
    },
    back(positions, sink) {
      for (const position of positions) unreadable.clear(position);
      unreadable.tell(sink);
    },
  };
}
