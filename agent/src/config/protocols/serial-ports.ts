// A serial port has one owner: two sources that name the same one would take it from each other.

import type { Finding } from '../issues.ts';
import { type Fields, isFields } from './protocol.ts';

/** The sources whose port another source has already. */
export function portsTwice(sources: Fields): Finding[] {
  const owners = new Map<string, string>();
  return Object.entries(sources).flatMap(([name, source]) => {
    if (!isFields(source) || source.protocol !== 'modbus-rtu' || typeof source.device !== 'string') return [];
    const owner = owners.get(source.device);
    owners.set(source.device, owner ?? name);
    if (owner === undefined) return [];
    const message = `device is ${source.device}, which ${owner} has already: put the tags of both into one source, with unitId`;
    return [{ path: ['sources', name, 'device'], part: 'value', message }];
  });
}
