// Items that stand though their node cannot be read: a server may never look at a node again that was deleted and has come
// back, and a path may lead to another node by now. Which of them are worth to be made anew.

import { courteously } from '../link/beside.ts';
import type { Calls, Limits } from '../link/calls.ts';
import type { Courtesy } from '../source/courtesy.ts';
import { type Item, nameOf } from '../source/item.ts';
import { isUnreadable } from '../source/unreadable.ts';
import { resolveNodes } from '../space/nodes.ts';

/** By position, those whose node can be read again or is another one. Rejects when the connection fails. */
export async function readableAgain(
  items: readonly Item[],
  namespaces: readonly string[],
  limits: Limits,
  server: Calls,
  courtesy: Courtesy,
): Promise<Set<number>> {
  const service = 'trying what cannot be read';
  const again = new Set<number>();
  const tags = items.map(({ tag }) => tag);
  for (const [i, resolved] of (await resolveNodes(tags, namespaces, limits, server)).entries()) {
    const { node, position } = items[i] as Item;
    if ('node' in resolved && resolved.node.toString() !== node.toString()) again.add(position);
  }
  const same = items.filter(({ position }) => !again.has(position));
  const read = async (portion: readonly Item[]) => {
    const values = await server.read(
      service,
      portion.map(({ node }) => node),
    );
    for (const { position } of portion) {
      values.next();
      if (!isUnreadable(values.status)) again.add(position);
    }
  };
  await courteously(courtesy, server, true, 1)(service, same, nameOf, limits.read, read);
  return again;
}
