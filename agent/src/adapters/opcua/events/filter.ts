// The filter of an events subscription (OPC 10000-4 section 7.22.3): which fields, and which events. Those that tell of
// the subscription itself (refresh, overflow) pass whatever the mapping wants.

import {
  AttributeIds,
  ContentFilter,
  DataType,
  ElementOperand,
  EventFilter,
  FilterOperator,
  LiteralOperand,
  type NodeId,
  resolveNodeId,
  SimpleAttributeOperand,
} from 'node-opcua-client';

/** Events about the flow of events (OPC 10000-9 section 5.11, OPC 10000-5 section 6.4.34). */
export const FLOW = {
  refreshStart: 2787,
  refreshEnd: 2788,
  refreshRequired: 2789,
  overflow: 3035,
} as const;

export interface Wanted {
  readonly severityFrom: number;
  /** Types and their subtypes; none: all. */
  readonly types: readonly NodeId[];
  /** These and the subtypes, as the server has them now. */
  readonly derived: readonly NodeId[];
}

/** So many subtypes are named one by one: each is an element, and small servers take few. */
const MOST_NAMED = 100;

type Operand = ElementOperand | LiteralOperand | SimpleAttributeOperand;
interface Node {
  readonly operator: FilterOperator;
  readonly operands: readonly (Operand | Node)[];
}

/** @param where undefined: every event, for a server that knows no where clauses */
export function eventFilter(selectClauses: SimpleAttributeOperand[], where: Wanted | undefined): EventFilter {
  const tree = where && wanted(where);
  return new EventFilter({ selectClauses, whereClause: new ContentFilter({ elements: tree ? elements(tree) : [] }) });
}

function wanted({ severityFrom, types, derived }: Wanted): Node | undefined {
  const parts: Node[] = [];
  if (severityFrom > 1)
    parts.push({ operator: FilterOperator.GreaterThanOrEqual, operands: [SEVERITY, literal(severityFrom)] });
  const named = derived.length > MOST_NAMED ? types : derived;
  if (types.length > 0) parts.push(joined(FilterOperator.Or, named.map(ofType)));
  if (parts.length === 0) return undefined;
  const flow = Object.values(FLOW).map((id) => ofType(resolveNodeId(`i=${id}`)));
  return joined(FilterOperator.Or, [joined(FilterOperator.And, parts), ...flow]);
}

const SEVERITY = new SimpleAttributeOperand({
  typeDefinitionId: resolveNodeId('i=2041'),
  browsePath: [{ namespaceIndex: 0, name: 'Severity' }],
  attributeId: AttributeIds.Value,
});

const literal = (severity: number) => new LiteralOperand({ value: { dataType: DataType.UInt16, value: severity } });

const ofType = (type: NodeId): Node => ({
  operator: FilterOperator.OfType,
  operands: [new LiteralOperand({ value: { dataType: DataType.NodeId, value: type } })],
});

/** These with an operator of two operands between them. */
function joined(operator: FilterOperator, [first, ...rest]: readonly Node[]): Node {
  if (first === undefined) throw new RangeError('nothing to join');
  return rest.reduce((before, next) => ({ operator, operands: [before, next] }), first);
}

/** The tree as the standard has it: a list whose elements name each other by their place, the root first. */
function elements(root: Node): { filterOperator: FilterOperator; filterOperands: Operand[] }[] {
  const list: { filterOperator: FilterOperator; filterOperands: Operand[] }[] = [];
  const place = ({ operator, operands }: Node): number => {
    const element = { filterOperator: operator, filterOperands: [] as Operand[] };
    const index = list.push(element) - 1;
    element.filterOperands = operands.map((one) =>
      'operator' in one ? new ElementOperand({ index: place(one) }) : one,
    );
    return index;
  };
  place(root);
  return list;
}
