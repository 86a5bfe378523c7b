// A tag with its node, as the rooms of this adapter hand it to each other.

import type { NodeId } from 'node-opcua-client';
import type { OpcUaTag } from './options.ts';

/** A tag whose node is known. */
export interface Item {
  readonly tag: OpcUaTag;
  readonly node: NodeId;
  /** Where the tag stands in the source. */
  readonly position: number;
}

/** Under which it is told. */
export const nameOf = ({ tag }: Item): string => tag.name;

/** Whether it is read again and again, and not monitored. */
export const isPolled = ({ tag }: Item): boolean => tag.mode === 'poll';

/** Without the deadband of its source's defaults: the numbers of an enumeration are no amounts. */
export function undamped(item: Item): Item {
  const { deadband: _, ...tag } = item.tag;
  return { ...item, tag };
}
