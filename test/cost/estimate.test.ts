// The arithmetic of the cost: computed by hand from quotas and measured bytes, and properties that hold for every load.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytesPerReading, COMPRESSIONS, FORMATS } from '../../agent/src/cost/bytes.ts';
import { estimate, type Load } from '../../agent/src/cost/estimate.ts';
import { BadPrices, ownPrices, PRICES } from '../../agent/src/cost/prices.ts';
import { MAX_BODY } from '../../agent/src/delivery/envelope.ts';

const load = (some: Partial<Load> = {}): Load => ({
  rate: 10_000,
  gateways: 1,
  format: 'columns',
  compression: 'gzip',
  maxDelay: 1,
  ...some,
});

describe('the cost of readings', () => {
  it('follows the quotas: 10,000 readings a second in columns by one gateway', () => {
    const result = estimate(load(), PRICES);
    // 10,000 × 2.44 B + 250 B of properties = 24,650 B = 7 pieces of 4,096 B, once a second
    expect(result.piecesPerMessage).toBe(7);
    expect(result.piecesPerDay).toBe(7 * 86_400);
    expect(result.iotHub).toMatchObject({ tier: 'S1', units: 2, hubs: 1, perMonth: 50 });
    expect(result.iotHub.used).toBeCloseTo(604_800 / 800_000);
  });

  it('counts a message that is hardly filled as one of 4 kB', () => {
    const result = estimate(load({ rate: 10, format: 'rows' }), PRICES);
    expect(result).toMatchObject({ readingsPerMessage: 10, piecesPerMessage: 1, piecesPerDay: 86_400 });
    expect(result.iotHub).toMatchObject({ tier: 'S1', units: 1 });
  });

  it('takes the tier that is the cheapest: ten units of S1 cost what one of S2 does, and S2 takes more', () => {
    const crowded = estimate(load({ rate: 20_000, format: 'rows' }), PRICES);
    expect(crowded.iotHub).toMatchObject({ tier: 'S2', units: 1, perMonth: 250 });
  });

  it('looks at sends a second too: a hundred gateways with a message ten times a second', () => {
    const result = estimate(load({ rate: 1_000, gateways: 100, maxDelay: 0.1 }), PRICES);
    expect(result.messagesPerSecond).toBe(1_000);
    const { tier, units } = result.iotHub;
    const sends = PRICES.iotHub.find(({ name }) => name === tier)!.sends;
    expect(Math.max(sends.least, sends.each * units)).toBeGreaterThanOrEqual(1_000);
  });

  it('says how many hubs it takes when one is not enough', () => {
    const result = estimate(load({ rate: 1e9, gateways: 1_000, format: 'opcua-pubsub', compression: 'none' }), PRICES);
    expect(result.iotHub).toMatchObject({ tier: 'S3' });
    expect(result.iotHub.hubs).toBe(Math.ceil(result.iotHub.units / 10));
    expect(result.iotHub.hubs).toBeGreaterThan(1);
  });

  it('counts an event of Event Hubs for every 64 kB', () => {
    // 20,000 rows at 11.06 B are 221 kB: 4 events
    const { eventHubs } = estimate(load({ format: 'rows', maxDelay: 60 }), PRICES);
    expect(eventHubs.eventsPerDay).toBeCloseTo(0.5 * 4 * 86_400);
  });

  it('has properties: enough for every load, never a body that the gateway would not send', () => {
    const loads = fc.record({
      rate: fc.double({ min: 0.01, max: 1e7, noNaN: true }),
      gateways: fc.integer({ min: 1, max: 1_000 }),
      format: fc.constantFrom(...FORMATS),
      compression: fc.constantFrom(...COMPRESSIONS),
      maxDelay: fc.double({ min: 0.05, max: 600, noNaN: true }),
    });
    fc.assert(
      fc.property(loads, (one) => {
        const result = estimate(one, PRICES);
        expect(result.bytesPerMessage).toBeLessThanOrEqual(MAX_BODY * 1.0001);
        expect(result.fill).toBeLessThanOrEqual(1);
        expect(result.iotHub.used).toBeLessThanOrEqual(1);
        expect(result.messagesPerSecond * result.readingsPerMessage).toBeCloseTo(one.rate, 3);
        const tier = PRICES.iotHub.find(({ name }) => name === result.iotHub.tier)!;
        expect(result.messagesPerSecond).toBeLessThanOrEqual(
          Math.max(tier.sends.least, tier.sends.each * result.iotHub.units) + 1e-6,
        );
      }),
    );
  });
});

describe('bytes a reading', () => {
  it('are those of docs/columns.md at the sizes that were measured, and between them in between', () => {
    expect(bytesPerReading('columns', 'gzip', 500)).toBe(3.52);
    expect(bytesPerReading('columns', 'gzip', 5_000)).toBeCloseTo(2.44);
    expect(bytesPerReading('rows', 'none', 20_000)).toBeCloseTo(130.3);
    expect(bytesPerReading('columns', 'gzip', 1_600)).toBeGreaterThan(2.44);
    expect(bytesPerReading('columns', 'gzip', 1_600)).toBeLessThan(3.52);
    expect(bytesPerReading('opcua-pubsub', 'gzip', 1)).toBe(7.29);
  });
});

describe("a user's own prices", () => {
  it('stand in the place of the listed ones', () => {
    const prices = ownPrices({ S1: 20, eventHubsUnitHour: 0.02, adxMonth: 900, asOf: '2027-01-01' });
    expect(prices.asOf).toBe('2027-01-01');
    expect(prices.iotHub.map(({ perMonth }) => perMonth)).toEqual([20, 250, 2_500]);
    expect(prices.eventHubs).toEqual({ perUnitHour: 0.02, perMillionEvents: 0.028 });
    expect(estimate(load(), prices).adx.perMonth).toBe(900);
  });

  it.each([
    [[], /write an object/],
    [{ S4: 1 }, /unknown field "S4"/],
    [{ S1: '25' }, /S1: write a number/],
    [{ S1: -1 }, /S1: write a number/],
    [{ asOf: 2027 }, /asOf: write a date/],
  ])('are refused when they make no sense: %j', (given, message) => {
    expect(() => ownPrices(given)).toThrow(BadPrices);
    expect(() => ownPrices(given)).toThrow(message);
  });
});
