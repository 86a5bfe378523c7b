// What the commands ask of the sources of a mapping. A protocol's libraries are loaded when one of its sources is
// asked, so that looking at a Modbus device waits for no OPC UA.

import { dirname, join } from 'node:path';
import { placeOf } from '../adapters/modbus/transport.ts';
import type { Survey } from '../adapters/survey.ts';
import type { Plant, ResolvedSource } from '../config/plant.ts';
import { lineOptionsOf } from './modbus-transport.ts';

/** A source with the index of its first tag, numbered as the gateway does it. */
export interface Numbered {
  readonly source: ResolvedSource;
  readonly first: number;
  /** Who the gateway is, and the folder of its certificates. */
  readonly gateway: Pick<Plant, 'site' | 'gateway'> & { readonly pki: string };
}

/** @param bufferPath the certificates are in `pki` beside the buffer */
export function numbered({ site, gateway, sources }: Plant, bufferPath: string): Numbered[] {
  const who = { site, gateway, pki: join(dirname(bufferPath), 'pki') };
  let first = 0;
  return sources.map((source) => {
    const one = { source, first, gateway: who };
    first += source.tags.length;
    return one;
  });
}

/** Where a source is, for people. */
export function addressOf({ config }: ResolvedSource): string {
  return config.protocol === 'opcua' ? config.endpoints.join(', ') : placeOf(lineOptionsOf(config).transport);
}

/** What can be asked of the source; undefined for a protocol that has no survey yet. */
export async function surveyOf({ source, first, gateway }: Numbered): Promise<Survey | undefined> {
  switch (source.protocol) {
    case 'opcua':
      return (await import('./opcua.ts')).surveyOfOpcUa(source, first, gateway);
    default:
      return (await import('./modbus.ts')).surveyOfModbus(source, first);
  }
}
