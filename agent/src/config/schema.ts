// The tag-mapping language, version 1, as one zod schema: the only source of the types, the checks and the JSON
// Schema. Input is what people write (`1s`, `4GB`, `400011`), output is what the gateway uses (ms, bytes, addresses).
// Descriptions are shown by editors to OT engineers; they name the unit and give an example. Messages follow
// "KEY is VALUE: ", so they say what to write instead.

import { z } from 'zod';
import { type ModbusAddress, parseAddress } from './address.ts';
import {
  address,
  date,
  deadband,
  duration,
  name,
  number,
  range,
  size,
  tagName,
  text,
  VARIABLES,
  whole,
} from './fields.ts';
import { nodeIdProblem } from './nodeid.ts';

// --- tags -------------------------------------------------------------------------------------------------------

const tagCommon = {
  unit: text('m3/h')
    .max(32, 'at most 32 characters')
    .optional()
    .describe('Engineering unit, sent with every reading: m3/h, degC, barg.'),
  description: z.string({ error: 'write text' }).optional().describe('For people; not sent.'),
  priority: z
    .enum(['normal', 'high'])
    .optional()
    .describe('high: given up last when the buffer is full. Default: normal.'),
  deadband: deadband.optional(),
  range: range
    .optional()
    .describe('Lowest and highest value in engineering units, for a deadband in percent: [0, 250].'),
  heartbeat: duration(100, '60s').optional().describe('Send the value at least this often, changed or not: 60s.'),
  swingingDoor: z
    .number({ error: 'write a number above 0, in engineering units' })
    .positive()
    .optional()
    .describe('Compress within this error, in engineering units: 0.2.'),
  scale: z
    .strictObject(
      {
        from: range.describe('Two raw values: [0, 4095].'),
        to: z
          .tuple([number, number], { error: 'write two values in engineering units, like [0, 100]' })
          .refine(([a, b]) => a !== b, 'write two numbers that differ')
          .describe('What they mean in engineering units: [0, 100].'),
      },
      { error: 'write { from: [0, 4095], to: [0, 100] }' },
    )
    .optional()
    .describe('Linear scaling from raw to engineering units: { from: [0, 4095], to: [0, 100] }.'),
};

const opcuaTag = z.strictObject(
  {
    ...tagCommon,
    node: z
      .string({ error: 'write a node id, like "nsu=urn:vendor:plc;s=FIC101.PV"' })
      .superRefine((given, context) => {
        const message = nodeIdProblem(given);
        if (message !== undefined) context.addIssue({ code: 'custom', message });
      })
      .meta({ pattern: '^(nsu=[^;]+;|ns=\\d+;)?[isgb]=.+$' })
      .optional()
      .describe('Node id. With nsu= it survives a change of the namespace index: "nsu=urn:lavera:dcs;s=20FIC101.PV".'),
    path: z
      .string({ error: 'write a browse path that begins with "/", like /Objects/Crude unit/FIC101' })
      .regex(/^\/[^/]/)
      .optional()
      .describe('Browse path, instead of node: /Objects/Crude unit/FIC101.'),
    sampling: duration(0, '500ms').optional().describe('How often the server looks at the signal. Default: 1s.'),
  },
  { error: 'write { node: "nsu=urn:vendor:plc;s=FIC101.PV" }' },
);

const MODBUS_TYPES = [
  'bool',
  'int16',
  'uint16',
  'int32',
  'uint32',
  'int64',
  'uint64',
  'float32',
  'float64',
  'bcd16',
  'bcd32',
] as const;

const TYPE = `write one of ${MODBUS_TYPES.join(', ')}, string(n)`;

const modbusType = z.union(
  [
    z.enum(MODBUS_TYPES),
    z
      .string({ error: TYPE })
      .regex(/^string\([1-9]\d{0,2}\)$/)
      .meta({ examples: ['string(16)'] }),
  ],
  {
    error: TYPE,
  },
);

const ORDERS = ['ABCD', 'CDAB', 'BADC', 'DCBA', 'ABCDEFGH', 'GHEFCDAB', 'BADCFEHG', 'HGFEDCBA'] as const;

const modbusTag = z.strictObject(
  {
    ...tagCommon,
    address: z
      .union([z.number().int().min(0), z.string()], {
        error: 'write a reference like 400011, or table and offset like "holding:10"',
      })
      .meta({ examples: [400011, 'holding:20', 'holding:25.3', 'discrete:4'] })
      .describe(
        'Modicon reference, one-based (40011, 400011), or table and offset, zero-based ("holding:10"); ".3" for one bit.',
      )
      .transform((given, context): ModbusAddress => {
        const parsed = parseAddress(String(given));
        if (typeof parsed !== 'string') return parsed;
        context.addIssue({ code: 'custom', message: parsed });
        return z.NEVER;
      }),
    type: modbusType
      .optional()
      .describe('How the registers are read; string(n) is n bytes. Default: uint16, bool for bits.'),
    order: z
      .enum(ORDERS)
      .optional()
      .describe('Order of the bytes of a value: ABCD (default), CDAB, BADC, DCBA; alike for eight bytes.'),
    unitId: whole(0, 255).optional().describe("Modbus unit of this tag, when it differs from the source's."),
    poll: duration(10).optional().describe('How often it is read. Default: 1s.'),
  },
  { error: 'write { address: 400011, type: float32 }' },
);

/** The keys of a tag that `defaults` may give for the whole source. */
const common = { deadband: true, heartbeat: true, swingingDoor: true, priority: true } as const;

// --- sources ----------------------------------------------------------------------------------------------------

const secret = {
  passwordFile: text('/run/secrets/cdu1-dcs')
    .optional()
    .describe('File that holds the password: /run/secrets/cdu1-dcs.'),
  passwordEnv: text('CDU1_PASSWORD').optional().describe('Environment variable that holds the password.'),
};

const oneSecret = (user: { passwordFile?: string | undefined; passwordEnv?: string | undefined }) =>
  (user.passwordFile === undefined) !== (user.passwordEnv === undefined);
const ONE_SECRET = 'needs passwordFile or passwordEnv, one of them';

const USER = 'write { name: fieldgate, passwordFile: /run/secrets/cdu1-dcs }';

const passwordUser = z
  .strictObject({ name: text('fieldgate').describe('User name.'), ...secret }, { error: USER })
  .refine(oneSecret, ONE_SECRET);

const user = z
  .union(
    [
      passwordUser,
      z.strictObject({
        certificate: text('/run/secrets/user.pem').describe("File with the user's certificate (PEM or DER)."),
        key: text('/run/secrets/user.key').describe('File with its private key (PEM).'),
      }),
    ],
    { error: USER },
  )
  .describe(
    'User name with passwordFile or passwordEnv, or certificate and key. Secrets are references, never literals.',
  );

const tagFiles = z
  .array(text('tags/flare-analysers.csv'), { error: 'write a list of files, like [tags/flare-analysers.csv]' })
  .default([])
  .describe('CSV files of tags: the same columns, and "name". Relative to this file.');

const NAMES = 'write tags under it, like 20FIC101.PV: { … }';

const opcuaSource = z.strictObject({
  protocol: z.literal('opcua').describe('OPC UA, opc.tcp.'),
  endpoint: address('opc.tcp', 'opc.tcp://10.20.1.15:4840').describe(
    `The server's endpoint: opc.tcp://10.20.1.15:4840. ${VARIABLES}`,
  ),
  security: z
    .strictObject(
      {
        policy: z
          .enum(['Basic256Sha256', 'Aes128_Sha256_RsaOaep', 'Aes256_Sha256_RsaPss', 'None'])
          .default('Basic256Sha256')
          .describe('Security policy; None needs "insecure".'),
        mode: z
          .enum(['Sign', 'SignAndEncrypt', 'None'])
          .default('SignAndEncrypt')
          .describe('Message security mode; None with policy None.'),
      },
      { error: 'write { policy: Basic256Sha256, mode: SignAndEncrypt }' },
    )
    .refine(
      (s) => (s.policy === 'None') === (s.mode === 'None'),
      'needs policy None and mode None together, or neither',
    )
    .prefault({})
    .describe('How the connection is secured.'),
  insecure: z
    .strictObject(
      {
        acceptedBy: text('"OT security officer"').describe('Who accepted it.'),
        until: date.describe('Last day on which it is accepted: 2027-03-31.'),
      },
      { error: 'write { acceptedBy: "OT security officer", until: 2027-03-31 }' },
    )
    .optional()
    .describe('Who accepted a connection without encryption or with an untrusted certificate, and until when.'),
  user: user.optional(),
  publishing: duration(50, '500ms')
    .optional()
    .describe('How often the server sends what it sampled; default: the fastest sampling, from 250ms to 1s.'),
  defaults: opcuaTag
    .pick({ ...common, sampling: true })
    .prefault({})
    .describe('What holds for every tag of the source that says nothing else.'),
  tags: z.record(tagName, opcuaTag, { error: NAMES }).default({}).describe('Tags by name.'),
  tagFiles,
});

const modbusTcpSource = z.strictObject({
  protocol: z.literal('modbus-tcp').describe('Modbus TCP.'),
  host: text('10.20.4.7')
    .regex(/^[^\s/:@]+$|^[0-9A-Fa-f:]+$/, 'write a name or an address without a port, like 10.20.4.7')
    .describe(`Name or address: 10.20.4.7. ${VARIABLES}`),
  port: whole(1, 65_535).default(502).describe('TCP port.'),
  unit: whole(0, 255).default(1).describe('Modbus unit (slave address) of tags that name none.'),
  timeout: duration(10).prefault('1s').describe('How long to wait for a reply.'),
  delayBetweenRequests: duration(0, '20ms')
    .prefault('0ms')
    .describe('Pause between two requests, for slow serial gateways: 20ms.'),
  maxRegisters: whole(4, 125).default(125).describe('Most registers in one request.'),
  maxGap: whole(0, 120).default(16).describe('Registers nobody asked for that may be read to save a request.'),
  defaults: modbusTag
    .pick({ ...common, poll: true, order: true, unitId: true })
    .prefault({})
    .describe('What holds for every tag of the source that says nothing else.'),
  tags: z.record(tagName, modbusTag, { error: NAMES }).default({}).describe('Tags by name.'),
  tagFiles,
});

const source = z.discriminatedUnion('protocol', [opcuaSource, modbusTcpSource]);

// --- hub, buffer, file --------------------------------------------------------------------------------------------

const hubCommon = {
  format: z
    .enum(['rows', 'columns', 'opcua-pubsub'])
    .default('rows')
    .describe(
      'rows: JSON Lines, one object per reading. columns: the same facts in columns, the cheapest. opcua-pubsub: OPC UA Part 14 JSON.',
    ),
  compression: z.enum(['gzip', 'none']).default('gzip').describe('Compression of the message body.'),
  maxDelay: duration().prefault('1s').describe('Longest that a reading waits for its message to fill.'),
};

const hub = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('iot-edge').describe("edgeHub, next to the gateway's own container."),
    ...hubCommon,
  }),
  z.strictObject({
    type: z.literal('mqtt').describe('An MQTT broker.'),
    ...hubCommon,
    url: address('mqtt|mqtts', 'mqtt://host:1883').describe(
      `The broker: mqtt://host:1883 or mqtts://host:8883. ${VARIABLES}`,
    ),
    topic: text('site/{site}/{gateway}')
      .regex(/^[^#+\0]+$/, 'a topic to publish to has no "#" and no "+"')
      .default('site/{site}/{gateway}')
      .describe('Topic; {site} and {gateway} are filled in.'),
    user: passwordUser.optional().describe('User name with passwordFile or passwordEnv.'),
    ca: text('/etc/ssl/broker-ca.pem').optional().describe('File with the CA certificates of the broker.'),
  }),
  z.strictObject({
    type: z.literal('jsonl').describe('A file of JSON Lines.'),
    ...hubCommon,
    path: text('readings.jsonl').describe('File to append to; "-" is standard output.'),
  }),
]);

const buffer = z.strictObject(
  {
    path: text('data/buffer.db').default('data/buffer.db').describe('The buffer file, on a local disk.'),
    maxSize: size
      .prefault('4GB')
      .describe('Most bytes on disk; beyond it the oldest readings are given up, and counted.'),
    commitInterval: duration(1, '100ms').prefault('100ms').describe('A reading is on disk within this time.'),
    order: z
      .enum(['live-first', 'oldest-first'])
      .default('live-first')
      .describe('What goes first while a backlog drains.'),
    maxAge: duration(60_000, '7d')
      .optional()
      .describe('Give up what waited longer than this, and count it: 7d. Default: kept until maxSize.'),
    keepDelivered: duration(0, '15m')
      .prefault('15m')
      .describe('Keep what was delivered this long, for a hub that loses it in a power cut: 15m. 0s: not at all.'),
    drainLimit: z
      .number({ error: 'write messages per second, like 20' })
      .positive()
      .optional()
      .describe('Most messages per second while a backlog drains; live readings are not held back. Default: no limit.'),
  },
  { error: 'write keys under it, like maxSize: 4GB' },
);

export const mappingSchema = z.strictObject({
  version: z
    .literal(1, { error: 'write 1, the version of the mapping language' })
    .describe('Version of the language: 1.'),
  site: name.describe('The site, part of every message: lavera.'),
  gateway: name.optional().describe("The gateway's own name; default: IOTEDGE_DEVICEID, else the host's name."),
  hub: hub.describe('Where readings go.'),
  buffer: buffer.prefault({}).describe("The gateway's own disk, where every reading stays until the hub has it."),
  sources: z
    .record(name, source, { error: 'write sources under it, like cdu1-dcs: { protocol: opcua, … }' })
    .refine((all) => Object.keys(all).length > 0, 'needs at least one source')
    .describe('Devices and servers by name.'),
});

/** A mapping as checked and resolved: durations in ms, sizes in bytes, addresses parsed. */
export type Mapping = z.output<typeof mappingSchema>;
export type HubConfig = Mapping['hub'];
export type BufferConfig = Mapping['buffer'];
export type OpcUaSource = z.output<typeof opcuaSource>;
export type ModbusSource = z.output<typeof modbusTcpSource>;
export type OpcUaTag = z.output<typeof opcuaTag>;
export type ModbusTag = z.output<typeof modbusTag>;
export type { Deadband } from './fields.ts';
export type ByteOrder = (typeof ORDERS)[number];

/** The mapping without its sources, which are checked one by one so that a mistake in one hides none in another. */
export const mappingFrame = mappingSchema.omit({ sources: true });
export const sourceSchema = source;
export const opcuaSourceSchema = opcuaSource;
export const modbusSourceSchema = modbusTcpSource;
export const opcuaTagSchema = opcuaTag;
export const modbusTagSchema = modbusTag;
