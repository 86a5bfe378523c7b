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
