// What is asked of an event, and how it becomes a value: an object with the names of OPC UA (docs/messages.md), without
// the fields that it does not have. Servers send what they like: a field of another type than the standard's is left
// out where the gateway relies on it, and passed on as it is where it does not. Nothing here throws.

import {
  AttributeIds,
  DataType,
  NodeId,
  ObjectTypeIds,
  resolveNodeId,
  SimpleAttributeOperand,
  type Variant,
} from 'node-opcua-client';
import type { Value } from '../../../model/batch.ts';
import { now, type Timestamp } from '../../../model/time.ts';
import { parsePath } from '../space/nodes.ts';
import { nodeText } from '../space/variables.ts';
import { timeIn, valueIn } from '../values/values.ts';

interface Field {
  /** Its name in what is sent. */
  readonly name: string;
  readonly clause: SimpleAttributeOperand;
  /** Named by the mapping: the server is expected to know it. */
  readonly wanted: boolean;
}

/** How much is asked for: servers without conditions may refuse a filter that names them. */
export type Extent = 'all' | 'base';

const BASE = resolveNodeId('i=2041');
const CONDITION = resolveNodeId('i=2782');
const ACKNOWLEDGEABLE = resolveNodeId('i=2881');
const ALARM = resolveNodeId('i=2915');

const field = (name: string, type: NodeId, path: string, wanted = false): Field => {
  const browsePath = (parsePath(`/${path}`) ?? []).map(({ namespace = 0, name }) => ({
    namespaceIndex: namespace,
    name,
  }));
  const clause = new SimpleAttributeOperand({ typeDefinitionId: type, browsePath, attributeId: AttributeIds.Value });
  return { name, clause, wanted };
};

/** The NodeId of the condition itself (OPC 10000-9 section 5.5.2). */
const CONDITION_ID: Field = {
  name: 'ConditionId',
  clause: new SimpleAttributeOperand({ typeDefinitionId: CONDITION, browsePath: [], attributeId: AttributeIds.NodeId }),
  wanted: false,
};

const ALWAYS = [
  ...['EventId', 'EventType', 'SourceNode', 'SourceName', 'Time', 'Message', 'Severity'].map((name) =>
    field(name, BASE, name),
  ),
];

const OF_CONDITIONS = [
  CONDITION_ID,
  ...['ConditionName', 'BranchId', 'Retain', 'Quality'].map((name) => field(name, CONDITION, name)),
  field('Acked', ACKNOWLEDGEABLE, 'AckedState/Id'),
  field('Confirmed', ACKNOWLEDGEABLE, 'ConfirmedState/Id'),
  field('Active', ALARM, 'ActiveState/Id'),
];

/** @param named fields of the mapping: browse paths from the event, like `HighLimit` or `2:Batch/2:Number` */
export function fieldsOf(named: readonly string[], conditions: boolean, extent: Extent): Field[] {
  if (extent === 'base') return ALWAYS;
  const own = named.map((name) => field(name, BASE, name, true));
  return [...ALWAYS, ...(conditions ? OF_CONDITIONS : []), ...own];
}

export interface EventRead {
  readonly time: Timestamp;
  readonly type: NodeId | undefined;
  /** 0 when the event has none. */
  readonly severity: number;
  readonly value: Readonly<Record<string, Value>>;
}

const NAMES = new Map(
  Object.entries(ObjectTypeIds).flatMap(([name, id]) => (typeof id === 'number' ? [[id, name]] : [])) as [
    number,
    string,
  ][],
);

/** An event of which these fields were asked, in their order. */
export function readEvent(
  fields: readonly Field[],
  sent: readonly Variant[] | null,
  namespaces: readonly string[],
): EventRead {
  const value: Record<string, Value> = {};
  let time: Timestamp | undefined;
  let type: NodeId | undefined;
  let severity = 0;
  for (const [i, { name }] of fields.entries()) {
    const variant = sent?.[i];
    if (variant === undefined || variant === null) continue;
    const id: unknown = variant.value;
    // A null NodeId is none: the BranchId of a condition that has no branches.
    if (id instanceof NodeId && id.isEmpty()) continue;
    const plain = id instanceof NodeId ? nodeText(id, namespaces) : valueIn(variant);
    if (plain === null) continue;
    if (name === 'Time') {
      time = timeIn(variant);
      if (time === undefined) continue;
    } else if (name === 'EventType') {
      if (!(id instanceof NodeId)) continue;
      type = id;
    } else if (name === 'Severity') {
      if (typeof plain !== 'number' || variant.dataType === DataType.Variant) continue;
      severity = plain;
    }
    // A name like __proto__ is a name like any other.
    Object.defineProperty(value, name, { value: plain, enumerable: true, configurable: true, writable: true });
    const known = name === 'EventType' && type?.namespace === 0 ? NAMES.get(Number(type.value)) : undefined;
    if (known !== undefined) value.EventTypeName = known;
  }
  return { time: time ?? now(), type, severity, value };
}
