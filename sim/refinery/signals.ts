// The tags of the simulated crude unit: what each signal is called, its type, unit and range, and which process
// moves it. The list is the same for the same size and share of counters. The tags of the mapping language's
// example (20FIC101.PV, 20TI105.PV, 20P101.RUN) and one tag of every OPC UA type are in every list.

/** Built-in types of OPC UA (OPC 10000-6, section 5.1.2) that a tag of the crude unit can have. */
export type SignalType =
  | 'Boolean'
  | 'SByte'
  | 'Byte'
  | 'Int16'
  | 'UInt16'
  | 'Int32'
  | 'UInt32'
  | 'Int64'
  | 'UInt64'
  | 'Float'
  | 'Double'
  | 'String'
  | 'DateTime'
  | 'Guid'
  | 'ByteString'
  | 'LocalizedText';

/** What moves a signal; plant.ts knows how. */
export type Process =
  | 'controlled'
  | 'setpoint'
  | 'valve'
  | 'drift'
  | 'level'
  | 'netflow'
  | 'state'
  | 'counter'
  | 'mode'
  | 'batch'
  | 'clock'
  | 'ramp';

/** Episodes of bad quality: `sensor` gives BadSensorFailure, `stale` gives UncertainLastUsableValue. */
type Flaw = 'sensor' | 'stale';

export interface Signal {
  readonly name: string;
  /** Folder below "Crude unit 1". */
  readonly area: string;
  readonly type: SignalType;
  readonly process: Process;
  /** Which random sequence it follows: signals of one loop or one tank share it. */
  readonly loop: number;
  /** Elements, when the value is an array. */
  readonly length?: number;
  /** Analog signals only: engineering unit, and lowest and highest value in it (EURange). */
  readonly unit?: string;
  readonly range?: readonly [number, number];
  readonly flaw?: Flaw;
}

interface Family {
  readonly area: string;
  readonly unit: string;
  readonly low: number;
  readonly high: number;
}

const FLOW: Family = { area: 'Flows', unit: 'm3/h', low: 0, high: 250 };
const TEMPERATURE: Family = { area: 'Temperatures', unit: 'degC', low: 0, high: 400 };
const PRESSURE: Family = { area: 'Pressures', unit: 'barg', low: 0, high: 40 };
const LEVEL: Family = { area: 'Levels', unit: '%', low: 0, high: 100 };

const analog = (name: string, process: Process, loop: number, family: Family, flaw?: Flaw): Signal => ({
  name,
  area: family.area,
  type: 'Float',
  process,
  loop,
  unit: family.unit,
  range: [family.low, family.high],
  ...(flaw && { flaw }),
});

const plain = (
  name: string,
  area: string,
  type: SignalType,
  process: Process,
  loop: number,
  length?: number,
): Signal => ({
  name,
  area,
  type,
  process,
  loop,
  ...(length !== undefined && { length }),
});

const TYPES: readonly SignalType[] = [
  'SByte',
  'Byte',
  'Int16',
  'UInt16',
  'Int32',
  'UInt32',
  'Int64',
  'UInt64',
  'Float',
  'Double',
];

/** In every list, however small. */
const ALWAYS: readonly Signal[] = [
  analog('20FIC101.PV', 'controlled', 101, FLOW),
  analog('20FIC101.SP', 'setpoint', 101, FLOW),
  { ...analog('20FIC101.OP', 'valve', 101, FLOW), area: 'Valves', unit: '%', range: [0, 100] },
  analog('20TI105.PV', 'drift', 105, TEMPERATURE),
  plain('20P101.RUN', 'Machines', 'Boolean', 'state', 101),
  analog('20PIC110.PV', 'controlled', 110, PRESSURE),
  analog('20LIC112.PV', 'level', 112, LEVEL),
  { ...analog('20FI112.PV', 'netflow', 112, FLOW), range: [-250, 250] },
  analog('20AI120.PV', 'drift', 120, { ...TEMPERATURE, area: 'Analysers' }, 'sensor'),
  analog('20AI121.PV', 'drift', 121, { ...TEMPERATURE, area: 'Analysers' }, 'stale'),
  plain('20U001.MODE', 'Operation', 'String', 'mode', 1),
  plain('20U001.BATCH', 'Operation', 'String', 'batch', 1),
  plain('20U001.MODETEXT', 'Operation', 'LocalizedText', 'mode', 1),
  plain('20U001.LASTSTART', 'Operation', 'DateTime', 'clock', 1),
  plain('20U001.BATCHID', 'Operation', 'Guid', 'batch', 1),
  plain('20U001.SNAPSHOT', 'Operation', 'ByteString', 'ramp', 1),
  ...TYPES.map((type, i) => plain(`20YT${130 + i}.${type.toUpperCase()}`, 'Types', type, 'ramp', 130 + i)),
  plain('20TI150.PROFILE', 'Profiles', 'Float', 'drift', 150, 12),
  plain('20VI151.SPECTRUM', 'Profiles', 'Double', 'drift', 151, 64),
  plain('20XA152.ALARMS', 'Profiles', 'Boolean', 'state', 152, 16),
  plain('20CI153.CODES', 'Profiles', 'Int32', 'ramp', 153, 4),
];

/**
 * `count` tags, never fewer than the ones that are always there and one counter. `counters` is the share of tags,
 * 0..1, that count updates (20KQ001.COUNT, 20KQ002.COUNT…).
 */
export function signals(count: number, counters = 0.1): Signal[] {
  const list: Signal[] = [...ALWAYS];
  const wanted = Math.max(1, Math.round(count * counters));
  for (let i = 1; i <= wanted; i++) {
    list.push(plain(`20KQ${String(i).padStart(3, '0')}.COUNT`, 'Counters', 'UInt32', 'counter', i));
  }
  for (let loop = 201; list.length < count; loop++) list.push(...loopOf(loop).slice(0, count - list.length));
  return list;
}

/** The instruments around one loop, in the mix of a crude unit: mostly temperatures, flows and their controllers. */
function loopOf(loop: number): Signal[] {
  return [
    analog(`20FIC${loop}.PV`, 'controlled', loop, FLOW, loop % 50 === 0 ? 'sensor' : undefined),
    analog(`20FIC${loop}.SP`, 'setpoint', loop, FLOW),
    { ...analog(`20FIC${loop}.OP`, 'valve', loop, FLOW), area: 'Valves', unit: '%', range: [0, 100] },
    analog(`20TI${loop}.PV`, 'drift', loop, TEMPERATURE),
    analog(`20TI${loop}A.PV`, 'drift', loop + 500_000, TEMPERATURE, loop % 70 === 0 ? 'stale' : undefined),
    analog(`20PI${loop}.PV`, 'controlled', loop + 250_000, PRESSURE),
    analog(`20LI${loop}.PV`, 'level', loop, LEVEL),
    analog(`20TIC${loop}.PV`, 'controlled', loop + 750_000, TEMPERATURE),
    plain(`20P${loop}.RUN`, 'Machines', 'Boolean', 'state', loop),
    plain(`20XV${loop}.OPEN`, 'Valves', 'Boolean', 'state', loop + 250_000),
  ];
}
