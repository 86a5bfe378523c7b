// `fieldgate cost`: what a rate of readings costs in Azure, before anybody has bought anything.

import { readFileSync } from 'node:fs';
import { COMPRESSIONS, FORMATS } from '../cost/bytes.ts';
import { type Estimate, estimate, type Load } from '../cost/estimate.ts';
import { BadPrices, ownPrices, PRICES, type Prices, SOURCES } from '../cost/prices.ts';
import { describe } from '../model/fault.ts';
import { parseArguments, Usage } from './arguments.ts';
import { type Command, EXIT } from './command.ts';

/** Above this share of a day's quota a backlog of some hours would not fit any more. */
const CROWDED = 0.8;

const OPTIONS = {
  rate: { type: 'string' },
  format: { type: 'string' },
  compression: { type: 'string' },
  'max-delay': { type: 'string' },
  gateways: { type: 'string' },
  prices: { type: 'string' },
  json: { type: 'boolean' },
} as const;

export const command: Command = {
  name: 'cost',
  usage: '--rate N/s [--format FORMAT] [--compression C] [--max-delay D] [--gateways N] [--prices FILE] [--json]',
  summary: 'What a rate of readings costs in Azure: IoT Hub, Event Hubs, Azure Data Explorer.',
  help: `
Options:
  --rate N/s          readings of all gateways: 10k/s, 250000/min, 1.5M/h
  --format FORMAT     ${FORMATS.join(', ')}; default rows, as in a mapping
  --compression C     ${COMPRESSIONS.join(', ')}; default gzip
  --max-delay D       longest that a reading waits for its message to fill; default 1s
  --gateways N        gateways that share the readings evenly; default 1
  --prices FILE       your own prices in JSON, in the place of the listed ones: { "S1": 23.5, "asOf": "2027-01-01" };
                      fields: S1, S2, S3, eventHubsUnitHour, eventHubsMillionEvents, adxMonth
  --json              the result as one JSON object

Bytes a reading are those of docs/columns.md. IoT Hub counts messages in pieces of 4 kB: a longer --max-delay fills
them better. Prices are dated and rough; the arithmetic is exact.

Examples:
  fieldgate cost --rate 10k/s --format columns
  fieldgate cost --rate 10k/s --format rows --gateways 6 --max-delay 5s --json

Exit codes: 0 computed, 1 the file of prices cannot be used, 2 wrong usage.
`,

  async run(args, io) {
    const { flags, values } = parseArguments(args, OPTIONS, []);
    const load: Load = {
      rate: rateOf(values.get('rate')),
      format: oneOf('format', values.get('format') ?? 'rows', FORMATS),
      compression: oneOf('compression', values.get('compression') ?? 'gzip', COMPRESSIONS),
      maxDelay: secondsOf(values.get('max-delay') ?? '1s'),
      gateways: countOf(values.get('gateways') ?? '1'),
    };
    let prices: Prices = PRICES;
    const file = values.get('prices');
    if (file !== undefined) {
      try {
        prices = ownPrices(JSON.parse(readFileSync(file, 'utf8')));
      } catch (error) {
        const why = error instanceof BadPrices ? error.message : `cannot be read: ${describe(error)}`;
        io.err.write(`fieldgate cost: ${file}: ${why}\n`);
        return EXIT.failed;
      }
    }
    const result = estimate(load, prices);
    const { asOf } = prices;
    io.out.write(
      flags.has('json')
        ? `${JSON.stringify({ load, ...result, asOf, sources: SOURCES }, null, 2)}\n`
        : textOf(load, result, asOf),
    );
    return EXIT.clean;
  },
};

const MULTIPLE: Readonly<Record<string, number>> = { '': 1, k: 1e3, M: 1e6 };
const PER: Readonly<Record<string, number>> = { s: 1, min: 60, h: 3_600 };

function rateOf(text: string | undefined): number {
  if (text === undefined) throw new Usage('--rate is missing: write readings a second, like 10k/s');
  const match = text.match(/^(\d+(?:\.\d+)?)([kM]?)\/(s|min|h)$/);
  const rate = match === null ? 0 : (Number(match[1]) * MULTIPLE[match[2]!]!) / PER[match[3]!]!;
  if (!(rate > 0 && rate <= 1e9))
    throw new Usage(`--rate "${text}": write readings a time, like 10k/s, 250000/min or 1.5M/h`);
  return rate;
}

function secondsOf(text: string): number {
  const match = text.match(/^(\d+(?:\.\d+)?)(ms|s|m)$/);
  const seconds = match === null ? 0 : Number(match[1]) * { ms: 0.001, s: 1, m: 60 }[match[2] as 'ms' | 's' | 'm'];
  if (!(seconds > 0 && seconds <= 3_600)) {
    throw new Usage(`--max-delay "${text}": write a duration with its unit of at most an hour, like 500ms, 1s or 1m`);
  }
  return seconds;
}

function countOf(text: string): number {
  const count = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (count < 1) throw new Usage(`--gateways "${text}": write a whole number of 1 or more`);
  return count;
}

function oneOf<T extends string>(option: string, text: string, known: readonly T[]): T {
  const found = known.find((one) => one === text);
  if (found === undefined) throw new Usage(`--${option} "${text}": there are ${known.join(', ')}`);
  return found;
}

function textOf(load: Load, result: Estimate, asOf: string): string {
  const { iotHub, eventHubs, adx } = result;
  const readings = load.rate * 86_400 * 30;
  const line = (service: string, what: string, perMonth: number) =>
    `${service.padEnd(20)}${what.padEnd(58)}${money(perMonth).padStart(10)}${perMillion(perMonth / (readings / 1e6)).padStart(14)}\n`;
  const hubs = iotHub.hubs > 1 ? `, on ${iotHub.hubs} hubs` : '';
  return (
    `${count(load.rate)} readings/s in ${load.format}${load.compression === 'gzip' ? ' with gzip' : ''}, ` +
    `${load.gateways === 1 ? 'one gateway' : `${load.gateways} gateways`}, maxDelay ${load.maxDelay} s\n\n` +
    `a message           ${count(result.readingsPerMessage)} readings of ${result.bytesPerReading.toFixed(2)} B: ` +
    `${result.piecesPerMessage} × 4 kB, ${percent(result.fill)} full\n` +
    `a second            ${count(result.messagesPerSecond)} messages\n` +
    `a day               ${count(result.piecesPerDay)} messages of 4 kB\n\n` +
    `${''.padEnd(20)}${''.padEnd(58)}${'$/month'.padStart(10)}${'$/M readings'.padStart(14)}\n` +
    line(
      'IoT Hub',
      `${iotHub.units} × ${iotHub.tier}${hubs}, ${percent(iotHub.used)} of the day's quota`,
      iotHub.perMonth,
    ) +
    line(
      'Event Hubs',
      `${eventHubs.units} × throughput unit, ${count(eventHubs.eventsPerDay)} events a day`,
      eventHubs.perMonth,
    ) +
    line(
      'Azure Data Explorer',
      `at least; takes ${adx.gigabytesPerDay.toFixed(1)} GB a day before compression`,
      adx.perMonth,
    ) +
    line('together', '', result.perMonth) +
    (iotHub.used > CROWDED
      ? `\nMore than ${percent(CROWDED)} of the day's quota: a backlog would not fit on the same day. Take one unit more.\n`
      : '') +
    `\nPrices of ${asOf}, rough (--prices FILE for your own):\n${SOURCES.map((source) => `  ${source}\n`).join('')}`
  );
}

const count = (value: number) =>
  value.toLocaleString('en-GB', { maximumFractionDigits: value < 10 ? 2 : 0, useGrouping: true });
const percent = (share: number) => `${Math.round(share * 100)} %`;
const money = (value: number) => value.toLocaleString('en-GB', { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const perMillion = (value: number) => value.toPrecision(3);
