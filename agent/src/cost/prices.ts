// Quotas and prices of the services that readings pass, as data: what is known, since when, and how surely. Nothing here
// is fetched. A figure that is not from the service's own documentation says so, and a user's own prices go before it.

export interface Tier {
  readonly name: 'S1' | 'S2' | 'S3';
  /** Messages of 4 kB a day and unit. */
  readonly messagesPerDay: number;
  /** Messages a second that all units of a hub take: at least `least`, else `each` for every unit. */
  readonly sends: { readonly least: number; readonly each: number };
  readonly mostUnits: number;
  /** Dollars a unit and month. */
  readonly perMonth: number;
}

export interface Prices {
  readonly asOf: string;
  readonly iotHub: readonly Tier[];
  /** Event Hubs Standard: dollars a throughput unit and hour, and a million events of up to 64 kB. */
  readonly eventHubs: { readonly perUnitHour: number; readonly perMillionEvents: number };
  /** The least that a cluster of Azure Data Explorer costs a month. */
  readonly adx: { readonly leastPerMonth: number };
}

/** Where each figure is from; printed with the result. */
export const SOURCES: readonly string[] = [
  'IoT Hub: quotas and throttles from its documentation (devguide-quotas-throttling); prices are from secondary sources',
  'Event Hubs: units and 64 kB events from its documentation; prices are list prices that were not confirmed',
  'Azure Data Explorer: least cost as the FinOps toolkit states it for a small cluster; more readings need more',
];

export const PRICES: Prices = {
  asOf: '2026-11-22',
  iotHub: [
    { name: 'S1', messagesPerDay: 400_000, sends: { least: 100, each: 12 }, mostUnits: 200, perMonth: 25 },
    { name: 'S2', messagesPerDay: 6_000_000, sends: { least: 120, each: 120 }, mostUnits: 200, perMonth: 250 },
    { name: 'S3', messagesPerDay: 300_000_000, sends: { least: 6_000, each: 6_000 }, mostUnits: 10, perMonth: 2_500 },
  ],
  eventHubs: { perUnitHour: 0.03, perMillionEvents: 0.028 },
  adx: { leastPerMonth: 120 },
};

/** A file of a user's own prices that makes no sense; the message names the field. */
export class BadPrices extends Error {
  override readonly name = 'BadPrices';
}

const FIELDS = ['S1', 'S2', 'S3', 'eventHubsUnitHour', 'eventHubsMillionEvents', 'adxMonth'] as const;

/**
 * The prices with a user's own in their place: an object with some of `S1`, `S2`, `S3` (dollars, or whatever currency, a
 * unit and month), `eventHubsUnitHour`, `eventHubsMillionEvents`, `adxMonth`, and `asOf`. Throws a `BadPrices`.
 */
export function ownPrices(given: unknown, prices: Prices = PRICES): Prices {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new BadPrices(`write an object with some of ${FIELDS.join(', ')}, asOf`);
  }
  const own = given as Readonly<Record<string, unknown>>;
  for (const [field, value] of Object.entries(own)) {
    if (field === 'asOf') {
      if (typeof value !== 'string') throw new BadPrices('asOf: write a date, like "2026-11-22"');
    } else if (!(FIELDS as readonly string[]).includes(field)) {
      throw new BadPrices(`unknown field "${field}"; there are ${FIELDS.join(', ')}, asOf`);
    } else if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) {
      throw new BadPrices(`${field}: write a number of 0 or more`);
    }
  }
  const price = (field: (typeof FIELDS)[number], listed: number) => (own[field] as number | undefined) ?? listed;
  return {
    asOf: (own.asOf as string | undefined) ?? prices.asOf,
    iotHub: prices.iotHub.map((tier) => ({ ...tier, perMonth: price(tier.name, tier.perMonth) })),
    eventHubs: {
      perUnitHour: price('eventHubsUnitHour', prices.eventHubs.perUnitHour),
      perMillionEvents: price('eventHubsMillionEvents', prices.eventHubs.perMillionEvents),
    },
    adx: { leastPerMonth: price('adxMonth', prices.adx.leastPerMonth) },
  };
}
