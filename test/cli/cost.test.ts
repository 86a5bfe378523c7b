// `fieldgate cost` as it is called: what it prints, as a table and as JSON, and what it says of options that make no sense.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { dispatch } from '../../agent/src/cli/commands.ts';
import { scratch } from '../support/scratch.ts';

const folder = scratch();

async function cost(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const texts = { out: '', err: '' };
  const into = (name: 'out' | 'err') =>
    new Writable({
      write(chunk, _encoding, done) {
        texts[name] += String(chunk);
        done();
      },
    });
  const code = await dispatch(['cost', ...args], { out: into('out'), err: into('err'), env: {} });
  return { code, ...texts };
}

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

describe('fieldgate cost', () => {
  it('prints messages, tiers and dollars, with the date of the prices', async () => {
    const { code, out } = await cost('--rate', '10k/s', '--format', 'columns');
    expect(code).toBe(0);
    expect(out).toContain('10,000 readings/s in columns with gzip, one gateway');
    expect(out).toContain('7 × 4 kB');
    expect(out).toMatch(/IoT Hub +2 × S1, 76 % of the day's quota +50\.00/);
    expect(out).toMatch(/Prices of \d{4}-\d\d-\d\d/);
  });

  it('warns when a backlog would not fit', async () => {
    expect((await cost('--rate', '10k/s', '--format', 'columns', '--gateways', '6')).out).toContain(
      'Take one unit more',
    );
    expect((await cost('--rate', '10k/s', '--format', 'columns')).out).not.toContain('Take one unit more');
  });

  it('prints the same as JSON', async () => {
    const { code, out } = await cost('--rate', '600k/min', '--format', 'columns', '--max-delay', '1000ms', '--json');
    expect(code).toBe(0);
    const result = JSON.parse(out) as {
      load: { rate: number };
      iotHub: { tier: string; units: number };
      sources: string[];
    };
    expect(result.load.rate).toBe(10_000);
    expect(result.iotHub).toMatchObject({ tier: 'S1', units: 2 });
    expect(result.sources).not.toHaveLength(0);
  });

  it('takes prices of a file', async () => {
    const prices = file('prices.json', '{ "S1": 100, "asOf": "2027-01-01" }');
    const { out } = await cost('--rate', '10k/s', '--format', 'columns', '--prices', prices);
    expect(out).toContain('Prices of 2027-01-01');
    expect(out).toMatch(/IoT Hub +2 × S1.* 200\.00/);
  });

  it('says what is wrong with a file of prices', async () => {
    const bad = file('bad.json', '{ "S1": "cheap" }');
    const { code, err } = await cost('--rate', '1/s', '--prices', bad);
    expect(code).toBe(1);
    expect(err).toContain('bad.json: S1: write a number of 0 or more');
    const missing = await cost('--rate', '1/s', '--prices', join(folder, 'none.json'));
    expect(missing.code).toBe(1);
    expect(missing.err).toContain('none.json: cannot be read');
    expect((await cost('--rate', '1/s', '--prices', file('torn.json', '{'))).code).toBe(1);
  });

  it.each([
    [[], '--rate is missing'],
    [['--rate', '10k'], '--rate "10k": write readings a time'],
    [['--rate', '0/s'], '--rate "0/s"'],
    [['--rate', 'ten/s'], '--rate "ten/s"'],
    [['--rate', '1/s', '--format', 'avro'], '--format "avro": there are rows, columns, opcua-pubsub'],
    [['--rate', '1/s', '--compression', 'zip'], '--compression "zip": there are gzip, none'],
    [['--rate', '1/s', '--max-delay', '10'], '--max-delay "10": write a duration with its unit'],
    [['--rate', '1/s', '--max-delay', '0s'], '--max-delay "0s"'],
    [['--rate', '1/s', '--gateways', '0'], '--gateways "0": write a whole number'],
    [['--rate', '1/s', '--formt', 'rows'], 'did you mean "--format"?'],
    [['--rate', '1/s', 'columns'], 'one argument too many'],
  ])('refuses %j in words', async (args, message) => {
    const { code, err } = await cost(...args);
    expect(code).toBe(2);
    expect(err).toContain(message);
    expect(err).toContain('usage: fieldgate cost --rate');
  });
});
