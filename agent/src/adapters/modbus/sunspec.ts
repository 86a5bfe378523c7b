// Where the models of a SunSpec device begin: the marker "SunS" stands at one of three addresses, and behind it comes
// one model after the other, each with its number and its length, up to the end. Source: SunSpec Information Model
// Specification V1.9, section 6 (and the models' own page, github.com/sunspec/models).

import type { Outcome } from './connection.ts';
import { exception } from './exceptions.ts';
import type { ModbusTag } from './plan.ts';

/** The addresses at which the marker may stand, in the order in which they are tried. */
const BASES = [40_000, 50_000, 0];
const MARKER = 0x5375_6e53;
const END = 0xffff;
/** No device has so many models; one that says so is read no further. */
const MOST_MODELS = 100;

export type Found =
  /** Where each model begins; of several alike the first. */
  | { readonly kind: 'found'; readonly models: ReadonlyMap<number, number> }
  /** The device answers, and is no SunSpec device. */
  | { readonly kind: 'none' }
  /** It does not answer, or only that it cannot now: nothing is known of its models. */
  | { readonly kind: 'silent'; readonly outcome: Exclude<Outcome, { kind: 'data' }> };

/** @param ask reads holding registers; @param base where the marker is, when it is known */
export async function findModels(
  ask: (start: number, quantity: number) => Promise<Outcome>,
  base: number | undefined,
): Promise<Found> {
  for (const at of base === undefined ? BASES : [base]) {
    const outcome = await ask(at, 2);
    if (isNothing(outcome)) continue;
    if (outcome.kind !== 'data') return { kind: 'silent', outcome };
    if (outcome.data.getUint32(0) === MARKER) return walk(ask, at + 2);
  }
  return { kind: 'none' };
}

async function walk(ask: (start: number, quantity: number) => Promise<Outcome>, first: number): Promise<Found> {
  const models = new Map<number, number>();
  for (let at = first, count = 0; at + 2 <= 65_536 && count < MOST_MODELS; count++) {
    const outcome = await ask(at, 2);
    // A chain that ends in nothing ends here.
    if (isNothing(outcome)) break;
    if (outcome.kind !== 'data') return { kind: 'silent', outcome };
    const model = outcome.data.getUint16(0);
    if (model === END) break;
    if (!models.has(model)) models.set(model, at);
    at += 2 + outcome.data.getUint16(2);
  }
  return { kind: 'found', models };
}

/** The device says that there is nothing at this address. One that is busy may have it. */
function isNothing(outcome: Outcome): boolean {
  return outcome.kind === 'exception' && ['address', 'table'].includes(exception(outcome.code).meaning);
}

/** The tag at its place in the device; undefined when the device has no such model. */
export function placed(tag: ModbusTag, models: ReadonlyMap<number, number>): ModbusTag | undefined {
  const { sunspec, ...rest } = tag;
  const begin = sunspec && models.get(sunspec.model);
  if (sunspec === undefined || begin === undefined) return undefined;
  const address = { ...tag.address, offset: tag.address.offset + begin };
  return { ...rest, address, ...(sunspec.exponent !== undefined && { exponent: sunspec.exponent + begin }) };
}

/** What is wrong with a tag whose model the device lacks; undefined when nobody asked for that model by its number. */
export function missing({ sunspec }: ModbusTag, models: ReadonlyMap<number, number> | undefined): string | undefined {
  if (sunspec === undefined) return undefined;
  if (models === undefined) return `no SunSpec device: the marker stands at none of ${BASES.join(', ')}`;
  if (!sunspec.wanted) return undefined;
  return `${sunspec.device} has no SunSpec model ${sunspec.model}; it has ${[...models.keys()].join(', ')}`;
}
