// A few alarms of the crude unit, so that a gateway has events to tell: a pump that stops, a level that is high, an
// analyser that fails. They are looked at after every update; each is raised and cleared as its tag says.

import type { AddressSpace, UAVariable } from 'node-opcua-address-space';
import type { DataValue } from 'node-opcua-client';
import type { CrudeUnit } from './crude-unit.ts';

type Namespace = ReturnType<AddressSpace['registerNamespace']>;

interface Wish {
  readonly tag: string;
  readonly name: string;
  readonly message: string;
  readonly severity: number;
  /** Whether the alarm stands, by the tag's value and by whether it stood. */
  readonly active: (value: DataValue, stood: boolean) => boolean;
}

const WISHES: readonly Wish[] = [
  {
    tag: '20P101.RUN',
    name: '20P101 STOPPED',
    message: 'feed pump has stopped',
    severity: 800,
    active: ({ value }) => value.value === false,
  },
  {
    tag: '20LIC112.PV',
    name: '20LIC112 HIGH',
    message: 'level is high',
    severity: 600,
    active: ({ value }, stood) => value.value > (stood ? 70 : 75),
  },
  {
    tag: '20AI120.PV',
    name: '20AI120 FAILED',
    message: 'analyser has failed',
    severity: 300,
    active: ({ statusCode }) => statusCode.isBad(),
  },
];

/** Adds the alarms of those tags that are there; the function it returns looks at all of them. */
export function addAlarms(
  space: AddressSpace,
  namespace: Namespace,
  unit: CrudeUnit,
  variables: ReadonlyMap<string, UAVariable>,
): () => void {
  space.installAlarmsAndConditionsService();
  const server = space.rootFolder.objects.server;
  const looks = WISHES.flatMap(({ tag, name, message, severity, active }) => {
    const variable = variables.get(tag);
    const live = unit.tags.get(tag);
    if (variable === undefined || live === undefined) return [];
    variable.addReference({ referenceType: 'HasEventSource', isForward: false, nodeId: server.nodeId });
    const alarm = namespace.instantiateAlarmCondition('AlarmConditionType', {
      browseName: name,
      nodeId: `s=${name}`,
      conditionName: name,
      conditionSource: variable,
      inputNode: variable.nodeId,
    });
    let stood = false;
    return () => {
      const stands = active(unit.read(live), stood);
      if (stands === stood) return;
      stood = stands;
      if (stands) alarm.activateAlarm();
      else alarm.deactivateAlarm(false);
      alarm.raiseNewCondition({ message: stands ? message : `${message}: no more`, severity, retain: stands });
    };
  });
  return () => {
    for (const look of looks) look();
  };
}
