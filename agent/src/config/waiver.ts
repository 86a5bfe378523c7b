// Waivers: who accepted an insecure connection, and until when. They end by themselves, so that nothing insecure
// stays because nobody remembered it.

/** Days before its end on which a waiver is warned about. */
import type { Plant } from './plant.ts';

export const NOTICE_DAYS = 30;

/** Whole days from `today` to the last day of the waiver, both in UTC; negative when it has ended. */
export function daysLeft(until: string, today: Date): number {
  const day = 86_400_000;
  return Math.round(Date.parse(until) / day) - Math.floor(today.getTime() / day);
}

/** Who accepts which insecure source until when, besides what the mapping says. */
export type Waivers = Readonly<Record<string, { readonly acceptedBy: string; readonly until: string }>>;

/** The plant with these waivers in the place of its own; `unknown` names those that are for no OPC UA source of it. */
export function withWaivers(plant: Plant, waivers: Waivers): { readonly plant: Plant; readonly unknown: string[] } {
  const unknown = Object.keys(waivers).filter(
    (name) => !plant.sources.some((source) => source.name === name && source.protocol === 'opcua'),
  );
  const sources = plant.sources.map((source) => {
    if (source.protocol !== 'opcua' || !Object.hasOwn(waivers, source.name)) return source;
    return { ...source, config: { ...source.config, insecure: { ...waivers[source.name]! } } };
  });
  return { plant: { ...plant, sources }, unknown };
}
