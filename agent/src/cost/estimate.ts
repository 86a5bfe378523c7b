// What a rate of readings costs in Azure, computed: how full messages become, how many of 4 kB that is, and which tier is
// the cheapest that takes them. A pure function over data; the command prints it.

import { bytesPerReading, type Compression, type Format } from './bytes.ts';
import type { Prices, Tier } from './prices.ts';

/** IoT Hub counts messages in pieces of 4 kB, Event Hubs events in pieces of 64 kB. */
const PIECE = 4_096;
const EVENT = 65_536;
/** The gateway's own limits: bytes of a body, and readings of a message (delivery/). */
const MOST_BODY = 250_000;
const MOST_READINGS = 20_000;
/** System and user properties that IoT Hub counts beside the body: names and values of docs/messages.md. */
const PROPERTIES = 250;
const DAY = 86_400;
const DAYS = 30;

export interface Load {
  /** Readings a second of all gateways together, more than 0. */
  readonly rate: number;
  /** Gateways that share them evenly, 1 or more. */
  readonly gateways: number;
  readonly format: Format;
  readonly compression: Compression;
  /** Longest that a reading waits for its message to fill, in seconds. */
  readonly maxDelay: number;
}

export interface Estimate {
  readonly readingsPerMessage: number;
  /** Of the body. */
  readonly bytesPerReading: number;
  readonly bytesPerMessage: number;
  /** Pieces of 4 kB that IoT Hub counts for a message, and how much of them is used. */
  readonly piecesPerMessage: number;
  readonly fill: number;
  readonly messagesPerSecond: number;
  readonly piecesPerDay: number;
  readonly iotHub: {
    readonly tier: Tier['name'];
    readonly units: number;
    /** Hubs that the units are spread over; more than 1 when a tier's most is not enough. */
    readonly hubs: number;
    /** Share of the day's quota that is used. */
    readonly used: number;
    readonly perMonth: number;
  };
  readonly eventHubs: { readonly units: number; readonly eventsPerDay: number; readonly perMonth: number };
  readonly adx: { readonly gigabytesPerDay: number; readonly perMonth: number };
  readonly perMonth: number;
  readonly perMillionReadings: number;
}

/** The cost of a load at these prices, by month of 30 days. */
export function estimate(load: Load, prices: Prices): Estimate {
  const { format, compression } = load;
  const perGateway = load.rate / load.gateways;
  // what is due when maxDelay is over, or fewer when the body is full before
  const due = Math.min(MOST_READINGS, Math.max(1, perGateway * load.maxDelay));
  // fewer readings cost more bytes each, so it is looked at again until it does not matter
  let readings = due;
  for (let i = 0; i < 4; i++) readings = Math.min(due, MOST_BODY / bytesPerReading(format, compression, readings));
  const each = bytesPerReading(format, compression, readings);
  const body = readings * each;
  const pieces = Math.max(1, Math.ceil((body + PROPERTIES) / PIECE));
  const messages = load.rate / readings;
  const piecesPerDay = messages * pieces * DAY;

  const iotHub = cheapest(piecesPerDay, messages, prices.iotHub);
  const events = messages * Math.ceil((body + PROPERTIES) / EVENT);
  const throughput = Math.max(1, Math.ceil((messages * (body + PROPERTIES)) / 1e6), Math.ceil(events / 1_000));
  const eventHubs =
    throughput * prices.eventHubs.perUnitHour * 24 * DAYS +
    ((events * DAY * DAYS) / 1e6) * prices.eventHubs.perMillionEvents;
  const perMonth = iotHub.perMonth + eventHubs + prices.adx.leastPerMonth;
  return {
    readingsPerMessage: readings,
    bytesPerReading: each,
    bytesPerMessage: body,
    piecesPerMessage: pieces,
    fill: (body + PROPERTIES) / (pieces * PIECE),
    messagesPerSecond: messages,
    piecesPerDay,
    iotHub,
    eventHubs: { units: throughput, eventsPerDay: events * DAY, perMonth: eventHubs },
    // a table takes what the body was before it was compressed
    adx: {
      gigabytesPerDay: (load.rate * DAY * bytesPerReading(format, 'none', readings)) / 1e9,
      perMonth: prices.adx.leastPerMonth,
    },
    perMonth,
    perMillionReadings: perMonth / ((load.rate * DAY * DAYS) / 1e6),
  };
}

/** The cheapest tier that takes the day's pieces and the second's messages; of two that cost the same, the larger. */
function cheapest(piecesPerDay: number, messages: number, tiers: readonly Tier[]): Estimate['iotHub'] {
  const choices = tiers.map((tier) => {
    const forSends = messages <= tier.sends.least ? 1 : Math.ceil(messages / tier.sends.each);
    const units = Math.max(1, Math.ceil(piecesPerDay / tier.messagesPerDay), forSends);
    return {
      tier: tier.name,
      units,
      hubs: Math.ceil(units / tier.mostUnits),
      used: piecesPerDay / (units * tier.messagesPerDay),
      perMonth: units * tier.perMonth,
    };
  });
  return choices.reduce((best, one) =>
    one.hubs < best.hubs || (one.hubs === best.hubs && one.perMonth <= best.perMonth) ? one : best,
  );
}
