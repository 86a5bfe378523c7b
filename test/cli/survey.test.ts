// `plan` and `read` as an engineer at the cabinet meets them: the process itself, against a simulated flare PLC.

import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ModbusSim, startModbusServer } from '../../sim/refinery/modbus.ts';
import { scratch } from '../support/scratch.ts';

const root = join(import.meta.dirname, '../..');
const folder = scratch();
let sim: ModbusSim;

beforeAll(async () => {
  sim = await startModbusServer({ site: 'flare', ticking: false });
  sim.setRegister(1, 'holding', 3_000, [0x2065, 0x47f1]);
  sim.setRegister(1, 'holding', 3_002, [2_048]);
  sim.setRegister(1, 'holding', 3_003, [0x0102, 0x0304, 0x0506, 0x0708]);
  sim.setRegister(1, 'holding', 3_007, [0x123a]);
  sim.setRegister(1, 'coil', 9, [1]);
  sim.refuse(1, 'holding', 3_010, 3_010);
});
afterAll(() => sim.close());

function mapping(name: string, tags: string, port = sim.port): string {
  const text = `version: 1
site: lavera
hub: { type: jsonl, path: "-" }
sources:
  flare-plc:
    protocol: modbus-tcp
    host: 127.0.0.1
    port: ${port}
    timeout: 300ms
    tags:
${tags}
`;
  writeFileSync(join(folder, name), text);
  return name;
}

const TAGS = `      70PT201: { address: "holding:3000", type: float32, order: CDAB, unit: barg }
      70LT310: { address: "holding:3002", scale: { from: [0, 4096], to: [0, 100] }, unit: "%" }
      70FQ001: { address: "holding:3003", type: uint64 }
      70XX007: { address: "holding:3007", type: bcd16 }
      70XX010: { address: "holding:3010" }
      70XV201.OPEN: { address: "coil:9" }`;

function fieldgate(...args: string[]): Promise<{ code: number | null; out: string; err: string }> {
  const child = spawn(process.execPath, [join(root, 'agent/src/main.ts'), ...args], { cwd: folder });
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, out, err }));
  });
}

describe('fieldgate plan', () => {
  it('shows the requests and what they cost, and connects to nothing', async () => {
    const file = mapping('plan.yaml', TAGS);
    sim.forget();
    const { code, out, err } = await fieldgate('plan', file, '--tags');
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toContain('every 1s  unit 1 holding 3000-3010 (11 registers, 2 of them nobody asked for)  5 tags');
    expect(out).toContain('      70FQ001\n');
    expect(out).toContain('2 requests for 6 tags: 2 a second, against 6 tag by tag and 2 at the very least');
    expect(out).toContain('the line is busy 4.0 % of the time if a request takes 20 ms');
    expect(sim.requests()).toEqual([]);
  });

  it('gives the same to a program, and says when a poll cannot be kept', async () => {
    const file = mapping('plan.yaml', TAGS);
    const { code, out } = await fieldgate('plan', file, 'flare-plc', '--json', '--round-trip', '600ms');
    expect(code).toBe(0);
    const [source] = JSON.parse(out).sources;
    expect(source.requests[0]).toMatchObject({
      every: 1_000, unit: 1, table: 'holding', function: 3, start: 3_000, quantity: 11, unasked: 2, requestBytes: 12, replyBytes: 31,
    }); // biome-ignore format: one line
    expect(source.requests[0].tags).toContain('70PT201');
    expect(source.totals).toMatchObject({ requests: 2, requestsPerSecond: 2, naivePerSecond: 6, leastPerSecond: 2 });
    expect(source.totals.busy).toBeCloseTo(1.2);
    expect((await fieldgate('plan', file, '--round-trip', '600ms')).out).toContain('this poll CANNOT be kept');
  });

  it('knows a source that was nearly named, and mistakes of the mapping', async () => {
    const file = mapping('plan.yaml', TAGS);
    const near = await fieldgate('plan', file, 'flare-pcl');
    expect(near).toMatchObject({ code: 2, out: '' });
    expect(near.err).toContain('there is no source "flare-pcl"; did you mean "flare-plc"?');
    const wrong = await fieldgate('plan', mapping('wrong.yaml', '      A: { adress: 1 }'));
    expect(wrong).toMatchObject({ code: 1, out: '' });
    expect(wrong.err).toContain('wrong.yaml:11:12: unknown key "adress"; did you mean "address"?');
  });
});

describe('fieldgate read', () => {
  it('shows value, status, raw value, words and exceptions in words; ends with 1 when a tag is not Good', async () => {
    const { code, out, err } = await fieldgate('read', mapping('read.yaml', TAGS));
    expect({ code, err }).toEqual({ code: 1, err: '' });
    expect(out).toMatch(/^flare-plc {2}modbus-tcp 127\.0\.0\.1:\d+ {2}\d+ requests, [\d.]+ ms each/);
    expect(out).toMatch(/^ {2}70PT201 +123456\.789 barg +Good +\S+Z +2065 47F1$/m);
    expect(out).toMatch(/^ {2}70LT310 +50 % +Good +2048 +\S+Z +0800$/m);
    expect(out).toMatch(/^ {2}70FQ001 +72623859790382856 +Good +\S+Z +0102 0304 0506 0708$/m);
    expect(out).toMatch(/^ {2}70XX007 +- +BadDecodingError .* 123A$/m);
    expect(out).toMatch(
      /^ {2}70XX010 +- +BadConfigurationError .*\n {6}the device says: address does not exist \(exception 2\)$/m,
    );
    expect(out).toMatch(/^ {2}70XV201\.OPEN +true +Good .* 0001$/m);
  });

  it('--orders shows every order and marks the one of the mapping', async () => {
    const { code, out } = await fieldgate(
      'read',
      mapping('read.yaml', TAGS),
      '70PT201',
      '70FQ001',
      '70LT310',
      '--orders',
    );
    expect(code).toBe(0);
    expect(out).toMatch(/\n {8}ABCD {6}1\.94\S*e-19\n {6}\* CDAB {6}123456\.789\n {8}BADC {6}\S+\n {8}DCBA {6}\S+\n/);
    expect(out).toMatch(/\* ABCDEFGH {2}72623859790382856\n {8}GHEFCDAB {2}506660481457717506\n/);
    expect(out).toMatch(/\* ABCD {6}2048\n {8}BADC {6}8\n/);
  });

  it('--json gives exact integers, words and round trips', async () => {
    const { code, out } = await fieldgate(
      'read',
      mapping('read.yaml', TAGS),
      '70FQ001',
      '70PT201',
      '--json',
      '--orders',
    );
    expect(code).toBe(0);
    const [source] = JSON.parse(out).sources;
    expect(source.roundTripsMs).toHaveLength(1);
    expect(source.tags).toMatchObject([
      { tag: '70PT201', value: 123_456.789, unit: 'barg', status: 'Good', words: ['2065', '47F1'] },
      { tag: '70FQ001', value: '72623859790382856', status: 'Good', orders: { BADCFEHG: '144401074084972551' } },
    ]);
  });

  it('a unit that does not answer costs one timeout, a device that is off is told, a wrong tag is guessed', async () => {
    sim.kill(1);
    const dead = await fieldgate('read', mapping('read.yaml', TAGS));
    sim.revive(1);
    expect(dead.code).toBe(1);
    expect(dead.out.match(/BadTimeout/g)).toHaveLength(6);
    expect(dead.out).toContain('no reply within 300 ms');
    const off = await fieldgate('read', mapping('off.yaml', TAGS, 1));
    expect(off.code).toBe(1);
    expect(off.out).toContain('127.0.0.1:1 cannot be reached');
    const near = await fieldgate('read', mapping('read.yaml', TAGS), '70PT210');
    expect(near.code).toBe(2);
    expect(near.err).toContain('there is no tag "70PT210"; did you mean "70PT201"?');
  });
});
