// The small parts of the language: addresses, durations, node ids, cells, suggestions, secrets, what is blanked.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatAddress, parseAddress } from '../../agent/src/config/address.ts';
import { cellsOf } from '../../agent/src/config/cells.ts';
import { readCsv } from '../../agent/src/config/csv.ts';
import { excerpt, formatMistake } from '../../agent/src/config/mistake.ts';
import { distance, nearest } from '../../agent/src/config/nearest.ts';
import { nodeIdProblem } from '../../agent/src/config/nodeid.ts';
import { modbusTag } from '../../agent/src/config/schema/modbus.ts';
import { readSecret } from '../../agent/src/config/secret.ts';
import { parseDuration, parseSize } from '../../agent/src/config/units.ts';
import { scratch } from '../support/scratch.ts';

describe('addresses', () => {
  it('a reference counts from one, an offset from zero', () => {
    expect(parseAddress('40011')).toEqual({ table: 'holding', offset: 10 });
    expect(parseAddress('400011')).toEqual({ table: 'holding', offset: 10 });
    expect(parseAddress('holding:10')).toEqual({ table: 'holding', offset: 10 });
    expect(parseAddress('00001')).toEqual({ table: 'coil', offset: 0 });
    expect(parseAddress('165536')).toEqual({ table: 'discrete', offset: 65_535 });
    expect(parseAddress('365536.15')).toEqual({ table: 'input', offset: 65_535, bit: 15 });
  });

  it('is what it was after writing and reading (property)', () => {
    const address = fc.record(
      {
        table: fc.constantFrom('holding' as const, 'input' as const),
        offset: fc.integer({ min: 0, max: 65_535 }),
        bit: fc.integer({ min: 0, max: 15 }),
      },
      { requiredKeys: ['table', 'offset'] },
    );
    fc.assert(
      fc.property(address, (given) => {
        expect(parseAddress(formatAddress(given))).toEqual({ ...given });
      }),
    );
  });

  it('never throws, and never gives one beyond the table (property)', () => {
    const text = fc.oneof(
      fc.string(),
      fc.integer().map(String),
      fc.stringMatching(/^(holding|coil|input):\d{1,12}(\.\d{1,3})?$/),
    );
    fc.assert(
      fc.property(text, (given) => {
        const parsed = parseAddress(given);
        if (typeof parsed !== 'string') expect(parsed.offset).toBeLessThanOrEqual(65_535);
      }),
    );
  });
});

describe('durations and sizes', () => {
  it('have a unit', () => {
    expect(['100ms', '1s', '1.5m', '2h', '1d'].map(parseDuration)).toEqual([100, 1_000, 90_000, 7_200_000, 86_400_000]);
    expect(['500MB', '4GB', '1.5kB'].map(parseSize)).toEqual([5e8, 4e9, 1_500]);
    for (const wrong of ['1', '1 s', 's', '-1s', '1S', '1e3ms', '']) expect(parseDuration(wrong)).toBeUndefined();
    for (const wrong of ['1', '1 GB', '1gb', '1GiB']) expect(parseSize(wrong)).toBeUndefined();
  });
});

describe('node ids', () => {
  it.each([
    'nsu=urn:lavera:dcs;s=20FIC101.PV',
    'ns=2;s=a;b=c',
    'i=2258',
    'ns=3;g=09087e75-8e5e-499b-954f-f2a9603db28a',
    'ns=1;b=M/RbKBsRVkePCePcx24oRA==',
    'ns=2;s=line one\nline two',
  ])('%s', (text) => expect(nodeIdProblem(text)).toBeUndefined());
});

describe('cells of a tag file', () => {
  it('are what they were after writing and reading, with either decimal sign (property)', () => {
    const number = fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => (Object.is(n, -0) ? 0 : n));
    const pair = fc.tuple(number, number);
    const cases = fc.oneof(
      number.map((value) => ['unitId', value] as const),
      pair.map((value) => ['range', value] as const),
      fc.tuple(pair, pair).map(([from, to]) => ['scale', { from, to }] as const),
      fc
        .oneof(
          number,
          fc.double({ min: 0, max: 100, noNaN: true }).map((n) => `${n}%`),
        )
        .map((value) => ['deadband', value] as const),
    );
    fc.assert(
      fc.property(cases, fc.boolean(), ([column, value], comma) => {
        const cell = cellsOf(modbusTag, column)!.write(value);
        const written = comma ? cell.replace(/(\d)\.(\d)/g, '$1,$2') : cell;
        const expected = typeof value === 'string' ? `${Number(value.slice(0, -1))}%` : value;
        expect(cellsOf(modbusTag, column)!.read(written, comma)).toEqual(expected);
      }),
    );
  });
});

describe('the place of a cell', () => {
  it('is where the cell begins, whatever stands before it (property)', () => {
    const cell = fc.string({ unit: fc.constantFrom('a', 'é', ',', ';', '"', '\n', '\r\n', ' '), maxLength: 6 });
    const table = fc.array(fc.array(cell, { minLength: 3, maxLength: 3 }), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(table, fc.constantFrom('\n', '\r\n'), (rows, end) => {
        // A mark in front of each cell finds it again in the text.
        const quoted = rows.map((row, r) =>
          row.map((text, c) => `"<${r}.${c}>${text.replaceAll('"', '""')}"`).join(','),
        );
        const text = `x,y,z${end}${quoted.join(end)}${end}`;
        const csv = readCsv('t.csv', text);
        expect(csv.mistakes).toEqual([]);
        const lines = text.split(/\r\n|\n/);
        rows.forEach((row, r) => {
          row.forEach((_, c) => {
            const { line, column } = csv.mistake(r + 1, c, [], '');
            expect(lines[line - 1]!.slice(column - 1)).toMatch(new RegExp(`^"<${r}.${c}>`));
          });
        });
      }),
    );
  });
});

describe('suggestions', () => {
  it('are for slips of the keyboard, not for other words', () => {
    expect(nearest('samplng', ['sampling', 'scale'])).toBe('sampling');
    expect(nearest('hihg', ['normal', 'high'])).toBe('high');
    expect(nearest('basic256sha256', ['Basic256Sha256', 'None'])).toBe('Basic256Sha256');
    expect(nearest('modbus', ['opcua', 'modbus-tcp'])).toBe('modbus-tcp');
    expect(nearest('profinet', ['opcua', 'modbus-tcp'])).toBeUndefined();
    expect(nearest('', ['a', 'unit'])).toBeUndefined();
  });

  it('counts letters added, left out, replaced and swapped', () => {
    expect(distance('ab', 'ba')).toBe(1);
    expect(distance('abc', 'abxc')).toBe(1);
    expect(distance('kitten', 'sitting')).toBe(3);
    fc.assert(
      fc.property(fc.string({ maxLength: 12 }), fc.string({ maxLength: 12 }), (a, b) => {
        expect(distance(a, b)).toBe(distance(b, a));
        expect(distance(a, b)).toBeLessThanOrEqual(Math.max(a.length, b.length));
        expect(distance(a, b) === 0).toBe(a === b);
      }),
    );
  });
});

describe('what is shown of a line', () => {
  it('never has a secret', () => {
    const lines = [
      'password: s3cret',
      '  password:   s3cret, and more s3cret',
      '- "password": "s3cret"',
      "user: { name: x, password: 's3cret', passwordFile: /run/x }",
      'user: { name: x, password: s3cret s3cret }',
      'url: mqtt://user:s3cret@host:1883',
      'Password = s3cret',
    ];
    for (const line of lines) {
      expect(excerpt(line)).not.toContain('s3cret');
      expect(excerpt(line)).toHaveLength(line.length);
    }
    expect(excerpt(lines[3]!)).toContain('passwordFile: /run/x');
  });

  it('has the caret under the place, in long lines and behind tabs', () => {
    const line = `${'x'.repeat(500)}HERE${'y'.repeat(500)}`;
    const text = formatMistake({ file: 'f', line: 1, column: 501, path: [], message: 'm', excerpt: line });
    const [, shown = '', caret = ''] = text.split('\n');
    expect(shown.length).toBeLessThan(160);
    expect(shown.slice(caret.indexOf('^')).startsWith('HERE')).toBe(true);
    const tabbed = formatMistake({ file: 'f', line: 1, column: 3, path: [], message: 'm', excerpt: '\t\tkey' });
    expect(tabbed.split('\n')[2]).toBe('    \t\t^');
  });
});

describe('secrets', () => {
  const folder = scratch();
  const put = (text: string) => {
    const file = join(folder, 'secret');
    writeFileSync(file, text);
    return file;
  };

  it('come from a file, without its line end, or from a variable', async () => {
    expect(await readSecret({ passwordFile: put('p w\n') })).toBe('p w');
    expect(await readSecret({ passwordFile: put('p\n\r\n') })).toBe('p\n');
    expect(await readSecret({ passwordEnv: 'PW' }, 'source.credentials', { PW: 'x\n' })).toBe('x\n');
  });

  it('that are missing or empty are a fault that names the place, not the content', async () => {
    await expect(readSecret({ passwordFile: join(folder, 'none') })).rejects.toMatchObject({
      code: 'source.credentials',
      message: expect.stringContaining(join(folder, 'none')),
    });
    await expect(readSecret({ passwordFile: put('\n') })).rejects.toMatchObject({ code: 'source.credentials' });
    await expect(readSecret({ passwordFile: put('x'.repeat(10_001)) })).rejects.toThrow('too long');
    await expect(readSecret({ passwordEnv: 'PW' }, 'hub.configuration', {})).rejects.toMatchObject({
      code: 'hub.configuration',
    });
    await expect(readSecret({})).rejects.toMatchObject({ code: 'source.credentials' });
  });
});
