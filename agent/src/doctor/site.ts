// The chains of a site, in the order in which they are told: this machine, the data folder, the clock, the hub, and
// each source.

import type { Mistake } from '../config/mistake.ts';
import type { Plant } from '../config/plant.ts';
import type { Mapping } from '../config/schema.ts';
import { addressOf, numbered, surveyOf } from '../wiring/survey.ts';
import { clock } from './clock.ts';
import { diskSpeed } from './disk.ts';
import { dataFolder } from './folder.ts';
import { hub, placeOfHub } from './hub.ts';
import { broken, good, type Look, odd, type Section } from './look.ts';
import { machine, type Running, runningGateway } from './machine.ts';

export interface Site {
  readonly file: string;
  readonly loaded:
    | { readonly mapping: Mapping; readonly plant: Plant; readonly warnings: readonly Mistake[] }
    | { readonly mistakes: readonly Mistake[] };
  readonly environment: NodeJS.ProcessEnv;
  /** Whose clock is asked; undefined: the IoT Hub's, where there is one. */
  readonly time?: string;
}

/** `alone` are looked along one after the other, `together` beside each other afterwards. */
export interface Sections {
  readonly alone: readonly Section[];
  readonly together: readonly Section[];
}

export function sectionsOf({ file, loaded, environment, time }: Site): Sections {
  let running: Running | undefined;
  const here: Section = {
    title: 'this machine',
    kind: 'machine',
    async *look(signal) {
      yield* machine();
      const found = await runningGateway(environment, signal);
      running = found.running;
      yield found.look;
      yield* mappingLooks(file, loaded);
    },
  };
  const asked = time ?? clockOf(environment, loaded);
  const clocks: Section[] =
    asked === undefined ? [] : [{ title: 'clock', kind: 'clock', look: (signal) => once(clock(asked, signal)) }];
  if ('mistakes' in loaded) return { alone: [here], together: clocks };
  const { mapping, plant } = loaded;
  const { path, maxSize, commitInterval } = mapping.buffer;
  const data: Section = {
    title: `data  ${path}`,
    kind: 'data',
    async *look(signal) {
      const { looks, writable } = await dataFolder(path, maxSize);
      yield* looks;
      if (writable !== undefined) yield await diskSpeed(writable, commitInterval, signal);
    },
  };
  const delivery: Section = {
    title: `hub  ${mapping.hub.type} ${placeOfHub(mapping.hub)}`,
    kind: 'hub',
    look: (signal) => hub({ config: mapping.hub, gateway: plant.gateway, environment, running }, signal),
  };
  const sources = numbered(plant, path).map(
    (one): Section => ({
      title: `${one.source.name}  ${one.source.protocol} ${addressOf(one.source)}`,
      kind: 'source',
      async *look(signal) {
        const survey = await surveyOf(one);
        if (survey !== undefined) yield* survey.examine(signal);
      },
    }),
  );
  return { alone: [here, data], together: [...clocks, delivery, ...sources] };
}

async function* once(look: Promise<Look>): AsyncGenerator<Look> {
  yield await look;
}

/** An OPC UA server tells its time with the rest of its chain; the IoT Hub's is asked for where there is one. */
function clockOf(environment: NodeJS.ProcessEnv, loaded: Site['loaded']): string | undefined {
  const edge = 'mistakes' in loaded || loaded.mapping.hub.type === 'iot-edge';
  const name = environment.IOTEDGE_IOTHUBHOSTNAME;
  return edge && name ? `https://${name}/` : undefined;
}

function* mappingLooks(file: string, loaded: Site['loaded']): Generator<Look> {
  if ('mistakes' in loaded) {
    const [first] = loaded.mistakes;
    const count = loaded.mistakes.length;
    const what = `${plural(count, 'mistake')}, the first at ${first?.file}:${first?.line}: ${first?.message}`;
    yield broken('mapping', `${what}; hub and sources are not known`, `fieldgate check ${file}`);
    return;
  }
  const { plant, warnings } = loaded;
  const tags = plant.sources.reduce((sum, source) => sum + source.tags.length, 0);
  yield good('mapping', `gateway ${plant.gateway}, ${plural(plant.sources.length, 'source')}, ${plural(tags, 'tag')}`);
  for (const { file: where, line, message } of warnings.slice(0, MOST_WARNINGS)) {
    yield odd('mapping', `${where}:${line}: ${message}`, `fieldgate check ${file}`);
  }
}

const MOST_WARNINGS = 5;

const plural = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;
