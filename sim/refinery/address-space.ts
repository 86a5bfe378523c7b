// The crude unit's address space: one variable per tag, in one folder per area. Variables hold no value of their
// own; node-opcua asks the unit when somebody reads.

import type { AddressSpace, UAVariable } from 'node-opcua-address-space';
import { makeEUInformation } from 'node-opcua-data-access';
import { addAlarms } from './alarms.ts';
import type { CrudeUnit, LiveTag } from './crude-unit.ts';
import type { Signal } from './signals.ts';

type Namespace = ReturnType<AddressSpace['registerNamespace']>;
type Folder = ReturnType<Namespace['addFolder']>;

export const NAMESPACE = 'urn:lavera:dcs';

/** UNECE codes of our units (OPC 10000-8, section 5.6.3). */
const UNECE: Record<string, string> = { 'm3/h': 'MQH', degC: 'CEL', barg: 'BAR', '%': 'P1' };

/**
 * Adds the tags below /Objects; `byNode` learns which node is which tag. What it returns looks at the alarms, to be
 * called after every update.
 */
export function buildAddressSpace(space: AddressSpace, unit: CrudeUnit, byNode: Map<unknown, LiveTag>): () => void {
  const namespace = space.registerNamespace(NAMESPACE);
  const root = namespace.addFolder(space.rootFolder.objects, { browseName: 'Crude unit 1' });
  const variables = new Map<string, UAVariable>();
  const areas = new Map<string, Folder>();
  for (const tag of unit.tags.values()) {
    let area = areas.get(tag.signal.area);
    if (!area) {
      area = namespace.addFolder(root, { browseName: tag.signal.area });
      areas.set(tag.signal.area, area);
    }
    const variable = addVariable(namespace, area, tag.signal);
    variable.bindVariable({ timestamped_get: () => unit.read(tag) }, true);
    byNode.set(variable, tag);
    variables.set(tag.signal.name, variable);
  }
  return addAlarms(space, namespace, unit, variables);
}

function addVariable(namespace: Namespace, area: Folder, signal: Signal) {
  const common = {
    browseName: signal.name,
    nodeId: `s=${signal.name}`,
    componentOf: area,
    dataType: signal.type,
    valueRank: signal.length === undefined ? -1 : 1,
    minimumSamplingInterval: 50,
  };
  if (!signal.range || !signal.unit) return namespace.addVariable(common);
  return namespace.addAnalogDataItem({
    ...common,
    engineeringUnitsRange: { low: signal.range[0], high: signal.range[1] },
    engineeringUnits: makeEUInformation(UNECE[signal.unit] ?? 'C62', signal.unit, signal.unit),
  });
}
