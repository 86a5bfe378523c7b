// What a clean mapping becomes: defaults filled in, addresses parsed, CSV and YAML alike.

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Loaded, type LoadOptions, loadMapping } from '../../agent/src/config/load.ts';
import { formatMistake } from '../../agent/src/config/mistake.ts';
import type { ResolvedModbusSource, ResolvedOpcUaSource } from '../../agent/src/config/plant.ts';
import { scratch } from '../support/scratch.ts';

const folder = scratch();
const fixed: LoadOptions = { env: {}, hostname: 'edge-01', today: new Date('2026-11-22T12:00:00Z') };
const HEAD = 'version: 1\nsite: lavera\nhub: { type: iot-edge }\n';

async function load(text: string, files: Record<string, string> = {}, options: LoadOptions = {}): Promise<Loaded> {
  for (const [name, content] of Object.entries({ 'mapping.yaml': text, ...files })) {
    mkdirSync(join(folder, name, '..'), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
  return loadMapping(join(folder, 'mapping.yaml'), { ...fixed, ...options });
}

async function clean(text: string, files: Record<string, string> = {}, options: LoadOptions = {}) {
  const loaded = await load(text, files, options);
  if ('mistakes' in loaded) throw new Error(loaded.mistakes.map((mistake) => formatMistake(mistake)).join('\n'));
  return loaded;
}

const opcua = (tags: string, extra = '') =>
  `${HEAD}sources:\n  dcs:\n    protocol: opcua\n    endpoint: opc.tcp://h:4840\n${extra}    tags:\n${tags}`;
const modbus = (tags: string, extra = '') =>
  `${HEAD}sources:\n  plc:\n    protocol: modbus-tcp\n    host: h\n${extra}    tags:\n${tags}`;

describe('a clean mapping', () => {
  it('every way to a Modbus device', async () => {
    const tags = 'tags: { A%: { address: 40001 } }';
    const source = (name: string, words: string) => `  ${name}: { ${words}, ${tags.replace('%', name)} }\n`;
    const text =
      `${HEAD}sources:\n` +
      source('rtu', 'protocol: modbus-rtu, device: /dev/serial/by-id/usb-1') +
      source(
        '8n1',
        'protocol: modbus-rtu, device: /dev/ttyS0, baudRate: 9600, parity: none, stopBits: 1, silence: 20ms',
      ) +
      source('server', 'protocol: modbus-rtu-over-tcp, host: h, port: 10001, unit: 247, connectDelay: 500ms') +
      source('udp', 'protocol: modbus-udp, host: h, retries: 3') +
      source('many', 'protocol: modbus-tcp, host: h, connections: 8') +
      source(
        'tls',
        'protocol: modbus-tcp, host: h, tls: { ca: a.pem, certificate: b.pem, key: c.key, serverName: plc }',
      );
    const { plant } = await clean(text);
    expect(plant.sources.map(({ config }) => config)).toMatchObject([
      { device: '/dev/serial/by-id/usb-1', baudRate: 19_200, parity: 'even', dataBits: 8, unit: 1, retries: 1 },
      { baudRate: 9_600, parity: 'none', stopBits: 1, silence: 20 },
      { host: 'h', port: 10_001, unit: 247, connectDelay: 500, connections: 1, retries: 1 },
      { host: 'h', port: 502, retries: 3, connectDelay: 0 },
      { connections: 8, retries: 0, timeout: 1_000 },
      { tls: { ca: 'a.pem', certificate: 'b.pem', key: 'c.key', serverName: 'plc' } },
    ]);
  });

  it('the sample of the design', async () => {
    const sample = join(import.meta.dirname, '../../deploy/iot-edge/samples/lavera.yaml');
    const loaded = await loadMapping(sample, fixed);
    expect(loaded).not.toHaveProperty('mistakes');
    expect(loaded.warnings).toEqual([]);
    const { mapping, plant } = loaded as Exclude<Loaded, { mistakes: unknown }>;
    expect(mapping.hub).toEqual({
      type: 'iot-edge',
      format: 'rows',
      compression: 'gzip',
      maxDelay: 1_000,
      transport: 'auto',
    });
    expect(mapping.buffer).toEqual({
      path: 'data/buffer.db',
      maxSize: 4_000_000_000,
      commitInterval: 100,
      order: 'live-first',
      keepDelivered: 900_000,
    });
    expect(plant).toMatchObject({ site: 'lavera', gateway: 'gw-cdu1-01' });
    const [dcs, flare] = plant.sources as [ResolvedOpcUaSource, ResolvedModbusSource];
    expect(dcs.config.security).toEqual({ policy: 'Basic256Sha256', mode: 'SignAndEncrypt' });
    const usual = { mode: 'subscribe', history: 'auto' };
    expect(dcs.tags).toEqual([
      {
        ...usual,
        name: '20FIC101.PV',
        node: 'nsu=urn:lavera:dcs;s=20FIC101.PV',
        sampling: 1_000,
        unit: 'm3/h',
        priority: 'normal',
        deadband: { kind: 'percent', size: 0.5 },
      },
      {
        ...usual,
        name: '20TI105.PV',
        node: 'nsu=urn:lavera:dcs;s=20TI105.PV',
        sampling: 500,
        unit: 'degC',
        priority: 'normal',
        deadband: { kind: 'absolute', size: 0.1 },
      },
      { ...usual, name: '20P101.RUN', node: 'nsu=urn:lavera:dcs;s=20P101.RUN', sampling: 1_000, priority: 'high' },
    ]);
    expect(dcs.config.publishing).toBe(500);
    const common = { unitId: 1, poll: 1_000, priority: 'normal' };
    expect(flare.tags.slice(0, 4)).toEqual([
      {
        ...common,
        name: '70PT201',
        address: { table: 'holding', offset: 10 },
        type: 'float32',
        order: 'CDAB',
        unit: 'barg',
      },
      {
        ...common,
        name: '70LT310',
        address: { table: 'holding', offset: 20 },
        type: 'uint16',
        order: 'ABCD',
        unit: '%',
        scale: { from: [0, 4095], to: [0, 100] },
        range: [0, 100],
      },
      { ...common, name: '70XV201.OPEN', address: { table: 'discrete', offset: 4 }, type: 'bool', order: 'ABCD' },
      {
        ...common,
        name: '70HS220.BIT3',
        address: { table: 'holding', offset: 25, bit: 3 },
        type: 'bool',
        order: 'ABCD',
      },
    ]);
    expect(flare.tags.slice(4)).toHaveLength(6);
    expect(flare.tags[4]).toMatchObject({
      name: '70AI401.H2S',
      address: { table: 'input', offset: 100 },
      deadband: { kind: 'percent', size: 0.5 },
      range: [0, 100],
      heartbeat: 60_000,
      priority: 'high',
    });
  });

  it('fills in the defaults of the source, then those of the language', async () => {
    const defaults =
      '    unit: 7\n    defaults: { deadband: 1%, poll: 5s, order: CDAB, priority: high, heartbeat: 1m }\n';
    const tags = `
      A: { address: 40001, range: [0, 10] }
      B: { address: 40002, type: float64, swingingDoor: 2, poll: 100ms, unitId: 3 }
      C: { address: "coil:1", priority: normal }
      D: { address: 40010, type: string(8), order: BADC }
      E: { address: 40020, type: float64, order: HGFEDCBA, deadband: 0.5 }
`;
    const { plant } = await clean(modbus(tags, defaults));
    const common = { heartbeat: 60_000, unitId: 7, poll: 5_000, priority: 'high' };
    expect((plant.sources[0] as ResolvedModbusSource).tags).toEqual([
      {
        ...common,
        name: 'A',
        address: { table: 'holding', offset: 0 },
        type: 'uint16',
        order: 'CDAB',
        range: [0, 10],
        deadband: { kind: 'percent', size: 1 },
      },
      {
        ...common,
        name: 'B',
        address: { table: 'holding', offset: 1 },
        type: 'float64',
        order: 'GHEFCDAB',
        swingingDoor: 2,
        poll: 100,
        unitId: 3,
      },
      {
        ...common,
        name: 'C',
        address: { table: 'coil', offset: 1 },
        type: 'bool',
        order: 'CDAB',
        priority: 'normal',
        deadband: { kind: 'absolute', size: 0 },
      },
      {
        ...common,
        name: 'D',
        address: { table: 'holding', offset: 9 },
        type: 'string(8)',
        order: 'BADC',
        deadband: { kind: 'absolute', size: 0 },
      },
      {
        ...common,
        name: 'E',
        address: { table: 'holding', offset: 19 },
        type: 'float64',
        order: 'HGFEDCBA',
        deadband: { kind: 'absolute', size: 0.5 },
      },
    ]);
  });

  it('reads addresses as they are written, where YAML would read numbers', async () => {
    const { plant } = await clean(
      modbus('      A: { address: 00011 }\n      B: { address: 40025.10 }\n      007: { address: 40001 }\n'),
    );
    expect(plant.sources[0]!.tags).toMatchObject(
      [
        { name: '007', address: { table: 'holding', offset: 0 } },
        { name: 'A', address: { table: 'coil', offset: 10 }, type: 'bool' },
        { name: 'B', address: { table: 'holding', offset: 24, bit: 10 }, type: 'bool' },
      ].toSorted(
        (a, b) =>
          plant.sources[0]!.tags.findIndex((t) => t.name === a.name) -
          plant.sources[0]!.tags.findIndex((t) => t.name === b.name),
      ),
    );
  });

  it('publishes at the fastest sampling, from 250 ms to 1 s, unless told', async () => {
    const publishing = async (sampling: string, extra = '') => {
      const { plant } = await clean(
        opcua(`      A: { node: "i=1", sampling: ${sampling} }\n      B: { node: "i=2", sampling: 1m }\n`, extra),
      );
      return (plant.sources[0] as ResolvedOpcUaSource).config.publishing;
    };
    expect(await publishing('0ms')).toBe(250);
    expect(await publishing('400ms')).toBe(400);
    expect(await publishing('10s')).toBe(1_000);
    expect(await publishing('10s', '    publishing: 5s\n')).toBe(5_000);
  });

  it('takes a byte order mark, CRLF, anchors and aliases', async () => {
    const text = `\ufeff${modbus('      A: &tag { address: 40001, unit: barg }\n      B: { address: 40002, scale: &s { from: [0, 1], to: [0, 2] } }\n      C: { address: 40003, scale: *s }\n')}`;
    const { plant } = await clean(text.replaceAll('\n', '\r\n'));
    expect(plant.sources[0]!.tags).toHaveLength(3);
    expect(plant.sources[0]!.tags[2]).toMatchObject({ name: 'C', scale: { from: [0, 1], to: [0, 2] } });
  });

  it('fills in environment variables in host, endpoint and url', async () => {
    const text = `version: 1
site: s
hub: { type: mqtt, url: "mqtt://\${BROKER}:1883" }
sources:
  a: { protocol: opcua, endpoint: "\${DCS}", tags: { A: { node: "ns=2;s=\${literal}" } } }
  b: { protocol: modbus-tcp, host: "\${PLC}.plant", tags: { B: { address: 40001 } } }
`;
    const env = { BROKER: 'broker', DCS: 'opc.tcp://dcs:4840', PLC: 'plc-7' };
    const { mapping, plant } = await clean(text, {}, { env });
    expect(mapping.hub).toMatchObject({ url: 'mqtt://broker:1883' });
    expect(plant.sources[0]!.config).toMatchObject({ endpoint: 'opc.tcp://dcs:4840' });
    expect(plant.sources[1]!.config).toMatchObject({ host: 'plc-7.plant' });
    expect(plant.sources[0]!.tags[0]).toMatchObject({ node: `ns=2;s=\${literal}` });
  });

  it('names the gateway after the device, else after its host', async () => {
    const text = modbus('      A: { address: 40001 }\n');
    expect((await clean(text)).plant.gateway).toBe('edge-01');
    expect((await clean(text, {}, { env: { IOTEDGE_DEVICEID: 'cdu1' } })).plant.gateway).toBe('cdu1');
    expect((await clean(text, {}, { hostname: '_edge 01/é' })).plant.gateway).toBe('edge-01--');
    expect((await clean(text, {}, { hostname: '' })).plant.gateway).toBe('gateway');
  });
});

describe('tag files', () => {
  it('give the same tags as YAML, with either delimiter', async () => {
    const yaml = `
      A: { address: 400011, type: float32, order: CDAB, unit: "t;h", deadband: 0.5%, range: [-1.5, 250], priority: high }
      B: { address: "holding:25.3", heartbeat: 30s, description: "say \\"hi\\"" }
      C: { address: 40020, scale: { from: [0, 4095], to: [100, 0] }, swingingDoor: 0.25, unitId: 3, poll: 200ms }
`;
    const header =
      'unit,name,address,type,order,deadband,range,priority,heartbeat,description,scale,swingingDoor,unitId,poll';
    const comma = `${header}
t;h,A,400011,float32,CDAB,0.5%,-1.5..250,high
,B,holding:25.3,,,,,,30s,"say ""hi"""
,C,40020,,,,,,,,0..4095 to 100..0,0.25,3,200ms
`;
    const semicolon = `\ufeff${header.replaceAll(',', ';')}\r
"t;h";A;400011;float32;CDAB;0,5%;-1,5..250;high;;;;;;\r
;;;;\r
\r
;B;holding:25.3;;;;;;30s;"say ""hi""";;;;\r
;C;40020;;;;;;;;0..4095 to 100..0;0,25;3;200ms\r
`;
    const wanted = (await clean(modbus(yaml))).plant.sources[0]!.tags;
    expect(wanted).toHaveLength(3);
    for (const file of [comma, semicolon]) {
      const text = `${HEAD}sources:\n  plc: { protocol: modbus-tcp, host: h, tagFiles: [tags/t.csv] }\n`;
      const { plant } = await clean(text, { 'tags/t.csv': file });
      expect(plant.sources[0]!.tags).toEqual(wanted);
    }
  });
});

describe('warnings', () => {
  it('a source without tags', async () => {
    const { warnings } = await clean(`${HEAD}sources:\n  plc: { protocol: modbus-tcp, host: h }\n`);
    expect(warnings).toMatchObject([{ line: 5, column: 3, message: 'plc has no tags: nothing is read from it' }]);
  });

  it('a waiver in its last 30 days', async () => {
    const until = async (date: string) => {
      const extra = `    security: { policy: None, mode: None }\n    insecure: { acceptedBy: me, until: ${date} }\n`;
      const { warnings } = await clean(opcua('      A: { node: "i=1" }\n', extra));
      return warnings.map(({ message }) => message);
    };
    expect(await until('2026-12-23')).toEqual([]);
    expect(await until('2026-12-22')).toEqual(['dcs stops connecting when its waiver ends, in 30 days']);
    expect(await until('2026-11-22')).toEqual(['dcs stops connecting when its waiver ends, today']);
  });
});

describe('a file that cannot be read', () => {
  it('is a mistake, not an exception', async () => {
    expect(await loadMapping(join(folder, 'none.yaml'), fixed)).toMatchObject({
      mistakes: [{ line: 0, message: 'there is no such file' }],
    });
    expect(await loadMapping(folder, fixed)).toMatchObject({ mistakes: [{ line: 0, message: 'is a folder' }] });
    expect(await load('x'.repeat(20_000_001))).toMatchObject({
      mistakes: [{ message: 'is larger than 20 MB' }],
    });
  });
});

describe('how Modbus values are written', () => {
  it('sentinels keep their bits, whatever YAML makes of the number', async () => {
    const { plant } = await clean(
      modbus(
        `      A: { address: "holding:0", type: int16, notImplemented: 0x8000 }
      B: { address: "holding:1", type: int16, notImplemented: [-32768, 0x7FFF] }
      C: { address: "holding:2", type: uint64, notImplemented: 0x8000000000000001 }
      D: { address: "holding:6", type: float32, notImplemented: [-9999, NaN, "0x7FC00000"] }
      E: { address: "holding:8", type: int16, sign: magnitude, notImplemented: -5 }
      F:
        address: "holding:9"
        type: uint64
        notImplemented:
          - 0x8000000000000001
          - 18446744073709551615
      G: { address: "holding:13", type: bcd16, notImplemented: 9999, sensorFailure: 9998 }
      H1: { address: "holding:14", type: uint64, sensorFailure: [0x8000000000000001, 7] }
`,
        '    tagFiles: [more.csv]\n',
      ),
      {
        'more.csv':
          'name,address,type,notImplemented,range,clamp,encoding\nH,holding:20,int16,0x8000 0x7FFF,0..10,true,\nI,holding:21,string(6),,,,utf-8\n',
      },
    );
    const tags = (plant.sources[0] as ResolvedModbusSource).tags;
    expect(tags.map(({ notImplemented }) => notImplemented)).toEqual([
      ['8000'],
      ['8000', '7FFF'],
      ['8000000000000001'],
      ['C61C3C00', 'NaN', '7FC00000'],
      ['8005'],
      ['8000000000000001', 'FFFFFFFFFFFFFFFF'],
      ['9999'],
      undefined,
      ['8000', '7FFF'],
      undefined,
    ]);
    expect(tags[6]).toMatchObject({ sensorFailure: ['9998'] });
    expect(tags[7]).toMatchObject({ sensorFailure: ['8000000000000001', '0000000000000007'] });
    expect(tags[8]).toMatchObject({ clamp: true, range: [0, 10] });
    expect(tags[9]).toMatchObject({ encoding: 'utf-8' });
  });
});

describe('devices that a profile describes', () => {
  const profiles = join(import.meta.dirname, '../../deploy/iot-edge/samples/profiles');

  it('get its tags, at their unit and base', async () => {
    const { plant } = await clean(
      `${HEAD}sources:
  plc:
    protocol: modbus-tcp
    host: h
    unit: 7
    defaults: { poll: 1m, order: BADC, deadband: 0 }
    profiles:
      M1: { profile: meter.yaml }
      M2: { profile: meter.yaml, unit: 9, base: 100, poll: 5s }
`,
      {
        'meter.yaml': `profile: 1
name: A meter
defaults: { order: CDAB }
tags:
  V: { address: 400011, type: float32 }
  RUN: { address: "holding:3.2", poll: 250ms, deadband: 0 }
  LAMP: { address: "coil:5" }
`,
      },
    );
    expect(plant.sources[0]?.tags).toMatchObject([
      { name: 'M1.V', address: { table: 'holding', offset: 10 }, order: 'CDAB', unitId: 7, poll: 60_000 },
      { name: 'M1.RUN', address: { table: 'holding', offset: 3, bit: 2 }, unitId: 7, poll: 250 },
      { name: 'M1.LAMP', address: { table: 'coil', offset: 5 }, unitId: 7, poll: 60_000 },
      { name: 'M2.V', address: { table: 'holding', offset: 110 }, order: 'CDAB', unitId: 9, poll: 5_000 },
      { name: 'M2.RUN', address: { table: 'holding', offset: 103, bit: 2 }, unitId: 9, poll: 250 },
      { name: 'M2.LAMP', address: { table: 'coil', offset: 105 }, unitId: 9, poll: 5_000 },
    ]);
    expect(plant.sources[0]?.tags.every(({ deadband }) => deadband?.size === 0)).toBe(true);
  });

  it.each(readdirSync(profiles))('%s, as it is shipped, names its source and is clean', async (file) => {
    const text = readFileSync(join(profiles, file), 'utf8');
    expect(text).toMatch(/^source: .+/m);
    const { plant, warnings, files } = await clean(
      `${HEAD}sources:\n  plc: { protocol: modbus-tcp, host: h, profiles: { D: { profile: ${join(profiles, file)}, base: 20 } } }\n`,
    );
    expect(warnings).toEqual([]);
    expect(plant.sources[0]!.tags.length).toBeGreaterThan(5);
    expect(files.map(({ path }) => path)).toContain(join(profiles, file));
  });
});
