// Items that stand though their node cannot be read: a server may never look at a node again that was deleted and has come
// back, and a path may lead to another node by now. Which of them are worth to be made anew.

import { type Calls, type Limits, WITHOUT } from '../link/calls.ts';
import type { Item } from '../source/item.ts';
import { isUnreadable } from '../source/unreadable.ts';
import { resolveNodes } from '../space/nodes.ts';

/** By position, those whose node can be read again or is another one. Rejects when the connection fails. */
export async function readableAgain(
  items: readonly Item[],
  namespaces: readonly string[],
  limits: Limits,
  server: Calls,
): Promise<Set<number>> {
  const again = new Set<number>();
  const tags = items.map(({ tag }) => tag);
  for (const [i, resolved] of (await resolveNodes(tags, namespaces, limits, server)).entries()) {
    const { node, position } = items[i] as Item;
    if ('node' in resolved && resolved.node.toString() !== node.toString()) again.add(position);
  }
  const same = items.filter(({ position }) => !again.has(position));
  const read = async (portion: readonly Item[]) => {
    const values = await server.read(
      'trying what cannot be read',
      portion.map(({ node }) => node),
    );
    for (const { position } of portion) {
      values.next();
      if (!isUnreadable(values.status)) again.add(position);
    }
  };
  await server.portions(same, limits.read, read, 1, WITHOUT);
  return again;
}
