// The profile `sunspec`: inverters and meters that describe themselves. Their registers come in models, one behind
// the other; which ones a device has and where they begin is found at the device (adapters/modbus/sunspec.ts). Here
// are the tags of the models, from the definitions of the SunSpec Alliance (sunspec/models.json, Apache-2.0).

import { readFileSync } from 'node:fs';

/** Where a tag of a SunSpec device is. Its address counts from the beginning of the model. */
export interface SunSpecPlace {
  /** The device as the mapping names it. */
  readonly device: string;
  readonly model: number;
  /** Address of the marker "SunS", when the mapping says it. */
  readonly base?: number;
  /** Whether the mapping names the model; one that is not named may be missing. */
  readonly wanted: boolean;
  /** Where the register with the power of ten is, counted from the beginning of the model. */
  readonly exponent?: number;
}

interface Point {
  readonly name: string;
  readonly at: number;
  readonly type: string;
  readonly none?: string;
  readonly unit?: string;
  readonly exponent?: number;
  readonly label?: string;
}

interface Models {
  readonly models: Readonly<Record<string, { readonly points: readonly Point[] }>>;
}

export const SUNSPEC = 'sunspec';

let known: Models['models'] | undefined;

function models(): Models['models'] {
  known ??= (JSON.parse(readFileSync(new URL('sunspec/models.json', import.meta.url), 'utf8')) as Models).models;
  return known;
}

/** Numbers of the models that are known. */
export function knownModels(): number[] {
  return Object.keys(models()).map(Number);
}

/** The tags of one model as YAML would give them, by name within the device: `103.W`. */
export function tagsOfModel(model: number): { name: string; value: Record<string, unknown>; exponent?: number }[] {
  return (models()[model]?.points ?? []).map(({ name, at, type, none, unit, exponent, label }) => ({
    name: `${model}.${name}`,
    value: {
      address: `holding:${at}`,
      type,
      ...(none !== undefined && { notImplemented: none }),
      ...(unit !== undefined && { unit }),
      ...(label !== undefined && { description: label }),
      ...(type.startsWith('string') && { encoding: 'utf-8' }),
    },
    ...(exponent !== undefined && { exponent }),
  }));
}
