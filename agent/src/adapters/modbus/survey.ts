// What `read`, `plan` and `doctor` ask of a Modbus source, over a line of their own: the plan as the adapter makes it,
// one round of requests with the words as they came, and the chain from the name to the tags. Everything that the
// device refuses is narrowed down to its tags, as the adapter does it; nothing is remembered afterwards.

import { type Batch, BatchBuilder } from '../../model/batch.ts';
import { describe, Fault } from '../../model/fault.ts';
import { isGood, StatusCode } from '../../model/status.ts';
import { now } from '../../model/time.ts';
import { findRoute, resolveName } from '../reach.ts';
import type { Answer, Finding, Survey } from '../survey.ts';
import type { ModbusOptions } from './adapter.ts';
import type { Outcome } from './connection.ts';
import { exception } from './exceptions.ts';
import { Line } from './line.ts';
import { isBits, type ModbusTag, plan, type Request, request } from './plan.ts';
import { planOf } from './planned.ts';
import { Readings } from './readings.ts';
import { silence } from './silence.ts';
import { type Found, findModels, missing, placed } from './sunspec.ts';
import { placeOf, type Transport } from './transport.ts';

export function modbusSurvey(options: ModbusOptions): Survey {
  return {
    plan: () => planOf(options),
    async read(tags, signal) {
      const wanted = new Set(tags);
      const round = new Round(
        options,
        options.tags.filter(({ index }) => wanted.has(index)),
      );
      return within(options, signal, (line) => round.read(line, signal));
    },
    examine: (signal) => examine(options, signal),
  };
}

/** A line for one piece of work; closed at its end, whatever happened. */
async function within<T>(options: ModbusOptions, signal: AbortSignal, work: (line: Line) => Promise<T>): Promise<T> {
  const line = new Line(options);
  const stop = () => void line.close();
  signal.addEventListener('abort', stop, { once: true });
  try {
    await line.open(signal);
    return await work(line);
  } catch (thrown) {
    throw Fault.from(thrown, 'source.unreachable', options.name);
  } finally {
    signal.removeEventListener('abort', stop);
    await line.close();
  }
}

/** One round of requests, and everything that came of it. */
class Round {
  #tags: readonly ModbusTag[];
  readonly #options: ModbusOptions;
  readonly #readings: Readings;
  readonly #batches: Batch[] = [];
  readonly #words = new Map<number, readonly number[]>();
  readonly #details = new Map<number, string>();
  readonly #roundTrips: number[] = [];
  /** Units that did not answer: their other requests are not made, or a dead one would take its timeout for each. */
  readonly #silent = new Map<number, { readonly status: number; readonly words: string }>();

  constructor(options: ModbusOptions, tags: readonly ModbusTag[]) {
    this.#tags = tags;
    this.#options = options;
    const sink = {
      deliver: (batch: Batch) => this.#batches.push(batch),
      ready: () => undefined,
      granted() {},
      describe() {},
      gap() {},
      trouble() {},
    };
    this.#readings = new Readings(tags, sink, options.clock ?? now);
  }

  async read(line: Line, signal: AbortSignal): Promise<Answer> {
    const absent = await this.#find(line);
    const { requests, impossible } = plan(this.#tags, this.#options, (_, slot) => !absent.has(slot));
    for (const [slot, words] of impossible) {
      this.#details.set(this.#tags[slot]!.index, words);
      this.#readings.fail([slot], StatusCode.BadConfigurationError);
    }
    for (const each of requests) {
      if (signal.aborted) throw new Fault('source.closed', `reading ${this.#options.name} was called off`);
      await this.#ask(each, line);
    }
    return {
      batch: merged(this.#batches),
      words: this.#words,
      details: this.#details,
      roundTrips: this.#roundTrips,
    };
  }

  /** Finds the places of SunSpec tags; the positions of those that have none have been told. */
  async #find(line: Line): Promise<ReadonlySet<number>> {
    const absent = new Set<number>();
    const slots = [...this.#tags.keys()].filter((slot) => this.#tags[slot]!.sunspec !== undefined);
    const tags = [...this.#tags];
    for (const [unit, own] of Map.groupBy(slots, (slot) => tags[slot]!.unitId)) {
      const ask = (start: number, quantity: number) => line.read(unit, 'holding', start, quantity);
      const found = await findModels(ask, tags[own[0]!]!.sunspec!.base);
      const why = found.kind === 'silent' ? silence(found.outcome, this.#options.timeout) : undefined;
      for (const slot of own) {
        const tag = tags[slot]!;
        const at = found.kind === 'found' ? placed(tag, found.models) : undefined;
        if (at) {
          tags[slot] = at;
          continue;
        }
        const models = found.kind === 'found' ? found.models : undefined;
        const words = why?.words ?? missing(tag, models) ?? `the device has no SunSpec model ${tag.sunspec!.model}`;
        absent.add(slot);
        this.#details.set(tag.index, words);
        this.#readings.fail([slot], why?.status ?? StatusCode.BadNotSupported);
      }
    }
    this.#tags = tags;
    return absent;
  }

  async #ask(whole: Request, line: Line): Promise<void> {
    const { group, cells, start, quantity } = whole;
    const silent = this.#silent.get(group.unit);
    if (silent) return this.#fail(whole, silent.status, silent.words);
    const begin = performance.now();
    const outcome = await line.read(group.unit, group.table, start, quantity);
    if (outcome.kind === 'data' || outcome.kind === 'exception') this.#roundTrips.push(performance.now() - begin);
    if (outcome.kind === 'data') {
      this.#keep(whole, outcome.data);
      return this.#readings.accept(whole, outcome.data);
    }
    if (outcome.kind !== 'exception') {
      const why = silence(outcome, this.#options.timeout);
      this.#silent.set(group.unit, why);
      return this.#fail(whole, why.status, why.words);
    }
    const { meaning, status, words } = exception(outcome.code);
    if (meaning !== 'address' || cells.length === 1) return this.#fail(whole, status, `the device says: ${words}`);
    const middle = Math.ceil(cells.length / 2);
    await this.#ask(request(group, cells.slice(0, middle)), line);
    await this.#ask(request(group, cells.slice(middle)), line);
  }

  #fail({ slot }: Request, status: number, words: string): void {
    for (const each of slot) this.#details.set(this.#tags[each]!.index, words);
    this.#readings.fail(slot, status);
  }

  /** The words as they came; of a coil or discrete input its bit. */
  #keep({ group, cells, start }: Request, data: DataView): void {
    for (const { slot, at: place, field } of cells.flatMap(({ parts }) => parts)) {
      const words: number[] = [];
      for (let at = place - start; at < place - start + field.width; at++) {
        words.push(isBits(group.table) ? (data.getUint8(at >> 3) >> (at & 7)) & 1 : data.getUint16(at * 2));
      }
      this.#words.set(this.#tags[slot]!.index, words);
    }
  }
}

function merged(batches: readonly Batch[]): Batch {
  const builder = new BatchBuilder();
  for (const batch of batches) for (let i = 0; i < batch.count; i++) builder.copy(batch, i);
  return builder.take();
}

/** Name, port, each unit, tags, and whether the poll can be kept. */
async function* examine(options: ModbusOptions, signal: AbortSignal): AsyncGenerator<Finding> {
  const { name, transport, tags, timeout } = options;
  if (transport.kind !== 'rtu') {
    const { finding, address } = await resolveName(transport.host);
    yield finding;
    if (address === undefined) return;
    const route = await findRoute(address);
    yield route;
    if (route.verdict === 'broken') return;
  }
  const line = new Line(options);
  const stop = () => void line.close();
  signal.addEventListener('abort', stop, { once: true });
  try {
    const begin = performance.now();
    try {
      await line.open(signal);
    } catch (thrown) {
      yield {
        step: 'port',
        verdict: 'broken',
        what: describe(thrown),
        mend: wayOut(transport),
      };
      return;
    }
    yield { step: 'port', verdict: 'good', what: `${placeOf(transport)} open after ${ms(performance.now() - begin)}` };

    const replies: number[] = [];
    const { requests } = plan(tags, options, ({ sunspec }) => sunspec === undefined);
    const described = Map.groupBy(
      tags.filter(({ sunspec }) => sunspec !== undefined),
      ({ unitId }) => unitId,
    );
    for (const unit of new Set(requests.map(({ group }) => group.unit))) {
      const first = requests.find(({ group }) => group.unit === unit)!;
      const { table } = first.group;
      const asked = performance.now();
      const outcome = await line.read(unit, table, first.start, first.quantity);
      if (outcome.kind === 'data' || outcome.kind === 'exception') replies.push(performance.now() - asked);
      yield unitFinding(unit, outcome, performance.now() - asked, timeout);
    }
    for (const [unit, own] of described) {
      const asked = performance.now();
      const found = await findModels((at, count) => line.read(unit, 'holding', at, count), own[0]!.sunspec!.base);
      if (found.kind !== 'silent' || found.outcome.kind === 'exception') replies.push(performance.now() - asked);
      yield modelsFinding(unit, found, own[0]!, timeout);
    }
    if (replies.length === 0) {
      const mend = 'does "unit" of the mapping name the device, and is it Modbus that listens there?';
      yield { step: 'tags', verdict: 'broken', what: `0 of ${tags.length} tags are read: no unit answers`, mend };
      return;
    }

    const round = new Round(options, tags);
    const answer = await round.read(line, signal);
    yield tagsFinding(answer, tags);
    yield pollFinding(requests, average(answer.roundTrips) + options.delayBetweenRequests);
  } catch (thrown) {
    yield { step: 'line', verdict: 'broken', what: `${name}: ${describe(thrown)}` };
  } finally {
    signal.removeEventListener('abort', stop);
    await line.close();
  }
}

/** What to do when the way to the device cannot be opened. */
function wayOut(transport: Transport): string {
  return transport.kind === 'rtu'
    ? 'is the adapter plugged in, is this its name (ls /dev/serial/by-id), and may the gateway use it (docs/operations.md)?'
    : `is the device on, is ${transport.port} its Modbus port, and does a firewall let this host through? Many devices take few connections: is another master connected?`;
}

function unitFinding(unit: number, outcome: Outcome, took: number, timeout: number): Finding {
  const step = `unit ${unit}`;
  if (outcome.kind === 'data') return { step, verdict: 'good', what: `answers in ${ms(took)}` };
  if (outcome.kind === 'exception') {
    const { meaning, words } = exception(outcome.code);
    const what = `answers in ${ms(took)}: ${words}`;
    return meaning === 'absent'
      ? {
          step,
          verdict: 'odd',
          what,
          mend: 'the gateway is there, the device behind it is not: its power, its wiring, its unit number',
        }
      : { step, verdict: meaning === 'answer' ? 'odd' : 'good', what };
  }
  return {
    step,
    verdict: 'odd',
    what: silence(outcome, timeout).words,
    mend: 'is this its unit number? Devices that are reached directly often want 1, 0 or 255; a slow line wants a longer timeout',
  };
}

function modelsFinding(unit: number, found: Found, tag: ModbusTag, timeout: number): Finding {
  const step = `unit ${unit}, SunSpec`;
  if (found.kind === 'silent') return { ...unitFinding(unit, found.outcome, 0, timeout), step };
  if (found.kind === 'none') return { step, verdict: 'odd', what: missing(tag, undefined) ?? 'no SunSpec device' };
  return { step, verdict: 'good', what: `models ${[...found.models.keys()].join(', ')}` };
}

function tagsFinding({ batch, details }: Answer, tags: readonly ModbusTag[]): Finding {
  const names = new Map(tags.map(({ index, name }) => [index, name]));
  const bad: string[] = [];
  for (let i = 0; i < batch.count; i++) {
    if (isGood(batch.status[i]!)) continue;
    const index = batch.tag[i]!;
    bad.push(`${names.get(index)} (${details.get(index) ?? 'what came is no value of its type'})`);
  }
  const all = `${tags.length - bad.length} of ${tags.length} tags are read`;
  if (bad.length === 0) return { step: 'tags', verdict: 'good', what: all };
  const shown = bad.slice(0, 5).join(', ');
  const more = bad.length > 5 ? ` and ${bad.length - 5} more` : '';
  return {
    step: 'tags',
    verdict: bad.length < tags.length ? 'odd' : 'broken',
    what: `${all}; not: ${shown}${more}`,
    mend: 'fieldgate read FILE TAG --orders shows the words of a tag as they come',
  };
}

/** @param each ms that one request takes, pause included */
function pollFinding(requests: readonly Request[], each: number): Finding {
  const busy = requests.reduce((sum, { group }) => sum + each / group.poll, 0);
  const what = `${requests.length} requests of ${ms(each)}: the line is busy ${Math.round(busy * 100)} % of the time`;
  if (busy < 0.7) return { step: 'poll', verdict: 'good', what };
  return {
    step: 'poll',
    verdict: 'odd',
    what,
    mend: 'poll less often, or read with fewer requests: fieldgate plan FILE',
  };
}

function average(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}

function ms(duration: number): string {
  return `${duration < 10 ? duration.toFixed(1) : Math.round(duration)} ms`;
}
