// `fieldgate plan`: what would be asked for, and what it costs, before anything is connected.

import type { Planned } from '../adapters/survey.ts';
import { parseDuration } from '../config/units.ts';
import { addressOf, type Numbered, surveyOf } from '../wiring/survey.ts';
import { parseArguments, Usage } from './arguments.ts';
import { type Command, EXIT, type Io } from './command.ts';
import { cleanMapping, columns, sourcesNamed } from './mapping.ts';

export const command: Command = {
  name: 'plan',
  usage: 'FILE [SOURCE] [--tags] [--round-trip DURATION] [--json]',
  summary:
    'Shows which requests would fetch the tags, how often, and how busy that keeps the line. Connects to nothing.',
  help: `
Every tag is fetched by exactly one request; a value never lies in two. The requests are the fewest that keep to
maxRegisters and maxGap, and of those the ones with the fewest registers.

Options:
  --tags               the names of the tags under each request
  --round-trip 50ms    how long one request takes, for the estimate of the line; default 20ms. What it is really,
                       "fieldgate read FILE" shows. On a serial port the time of its bytes is added
  --json               one JSON object: { sources: [{ name, protocol, address, requests, totals }] }

Examples:
  fieldgate plan lavera.yaml
  fieldgate plan lavera.yaml flare-plc --tags
  fieldgate plan lavera.yaml --json | jq '.sources[].totals'

Exit codes: 0 shown, 1 mistakes in the mapping, or nothing can be shown of the source named, 2 wrong usage.
`,

  async run(args, io) {
    const { flags, values, positionals } = parseArguments(
      args,
      { tags: { type: 'boolean' }, 'round-trip': { type: 'string' }, json: { type: 'boolean' } },
      ['FILE', '[SOURCE]'],
    );
    const given = values.get('round-trip') ?? '20ms';
    const roundTrip = parseDuration(given);
    if (roundTrip === undefined) throw new Usage(`"${given}" is no duration: write --round-trip 20ms`);
    const clean = await cleanMapping('plan', positionals[0]!, io);
    if (clean === undefined) return EXIT.failed;
    const chosen = sourcesNamed(clean, positionals[1]);
    const shown = await Promise.all(chosen.map((one) => shownOf(one, roundTrip)));
    if (flags.has('json')) io.out.write(`${JSON.stringify({ sources: shown.map(asJson) }, null, 2)}\n`);
    else for (const one of shown) write(one, flags.has('tags'), roundTrip, io);
    const nothing = shown.every(({ planned }) => planned === undefined);
    return nothing && positionals[1] !== undefined ? EXIT.failed : EXIT.clean;
  },
};

interface Shown {
  readonly numbered: Numbered;
  /** undefined: the protocol has no plan to show. */
  readonly planned: readonly Planned[] | undefined;
  readonly totals: Totals | undefined;
}

async function shownOf(numbered: Numbered, roundTrip: number): Promise<Shown> {
  const survey = await surveyOf(numbered);
  const planned = survey?.plan();
  const { config } = numbered.source;
  const pause = 'delayBetweenRequests' in config ? config.delayBetweenRequests : 0;
  // Subscriptions are no requests: nothing of a line is kept busy.
  const asked = planned?.every(({ facts }) => facts.requestBytes !== undefined) ? planned : undefined;
  return { numbered, planned, totals: asked && totalsOf(asked, roundTrip + pause) };
}

/** What a plan costs in a second. */
export interface Totals {
  readonly tags: number;
  readonly requests: number;
  readonly requestsPerSecond: number;
  /** If every tag had a request of its own. */
  readonly naivePerSecond: number;
  /** If every request were as long as the standard allows and brought nothing that nobody asked for. */
  readonly leastPerSecond: number;
  /** Bytes of Modbus frames, both ways. */
  readonly bytesPerSecond: number;
  /** Share of the time in which the line is in use, by the estimate; above 1 the poll cannot be kept. */
  readonly busy: number;
}

/** @param each ms that one request takes, pause included */
export function totalsOf(planned: readonly Planned[], each: number): Totals {
  const perSecond = (of: (one: Planned) => number) =>
    planned.reduce((sum, one) => sum + (of(one) * 1_000) / one.every, 0);
  const fact = (one: Planned, name: string) => Number(one.facts[name] ?? 0);
  // Values of one unit, table and poll could share requests at best.
  const groups = Map.groupBy(planned, ({ facts, every }) => `${facts.unit} ${facts.table} ${every}`);
  let least = 0;
  for (const group of groups.values()) {
    const asked = group.reduce((sum, one) => sum + fact(one, 'quantity') - fact(one, 'unasked'), 0);
    least += (Math.ceil(asked / Math.max(1, fact(group[0]!, 'most'))) * 1_000) / group[0]!.every;
  }
  const requestsPerSecond = perSecond(() => 1);
  return {
    tags: planned.reduce((sum, { tags }) => sum + tags.length, 0),
    requests: planned.length,
    requestsPerSecond,
    naivePerSecond: perSecond(({ tags }) => tags.length),
    leastPerSecond: least,
    bytesPerSecond: perSecond((one) => fact(one, 'requestBytes') + fact(one, 'replyBytes')),
    busy: perSecond((one) => each + fact(one, 'lineTime')) / 1_000,
  };
}

function asJson({ numbered, planned, totals }: Shown) {
  const { source, first } = numbered;
  return {
    name: source.name,
    protocol: source.protocol,
    address: addressOf(source),
    requests: planned?.map(({ every, text, tags, facts }) => ({
      every,
      text,
      ...facts,
      tags: tags.map((index) => source.tags[index - first]!.name),
    })),
    totals,
  };
}

function write({ numbered, planned, totals }: Shown, withTags: boolean, roundTrip: number, io: Io): void {
  const { source, first } = numbered;
  io.out.write(`${source.name}  ${source.protocol} ${addressOf(source)}\n`);
  if (planned === undefined) {
    io.out.write(`  what is asked of an ${source.protocol} source cannot be shown yet\n\n`);
    return;
  }
  const rows = planned.map(({ every, text, tags }) => [
    `every ${interval(every)}`,
    text,
    `${tags.length} tag${tags.length === 1 ? '' : 's'}`,
  ]);
  const lines = columns(rows).split('\n');
  planned.forEach(({ tags }, i) => {
    io.out.write(`${lines[i]}\n`);
    if (withTags) for (const index of tags) io.out.write(`      ${source.tags[index - first]!.name}\n`);
  });
  if (totals === undefined) {
    io.out.write('\n');
    return;
  }
  const { requests, requestsPerSecond, naivePerSecond, leastPerSecond, bytesPerSecond, busy } = totals;
  io.out.write(
    `  ${requests} request${requests === 1 ? '' : 's'} for ${totals.tags} tag${totals.tags === 1 ? '' : 's'}: ` +
      `${rate(requestsPerSecond)} a second, against ${rate(naivePerSecond)} tag by tag ` +
      `and ${rate(leastPerSecond)} at the very least; ${rate(bytesPerSecond)} bytes a second\n`,
  );
  io.out.write(
    `  the line is busy ${(busy * 100).toFixed(busy < 0.1 ? 1 : 0)} % of the time if a request takes ${roundTrip} ms` +
      `${busy > 1 ? ': this poll CANNOT be kept; poll less often, or read fewer registers' : ''}\n\n`,
  );
}

function interval(ms: number): string {
  if (ms % 60_000 === 0) return `${ms / 60_000}m`;
  return ms % 1_000 === 0 ? `${ms / 1_000}s` : `${ms}ms`;
}

function rate(value: number): string {
  return value >= 100 || Number.isInteger(value) ? Math.round(value).toLocaleString('en') : value.toPrecision(2);
}
