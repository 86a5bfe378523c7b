// The tag-mapping language, version 1, as one zod schema: the only source of the types, the checks and the JSON
// Schema. Input is what people write (`1s`, `4GB`, `400011`), output is what the gateway uses (ms, bytes, addresses).
// Descriptions are shown by editors to OT engineers; they name the unit and give an example.

import { z } from 'zod';
import { type ModbusAddress, parseAddress } from './address.ts';
import { parseDuration, parseSize } from './units.ts';

const duration = (least = 0) =>
  z
    .string()
    .meta({ examples: ['100ms', '1s', '5m', '2h'], pattern: '^\\d+(\\.\\d+)?(ms|s|m|h|d)$' })
    .transform((text, context) => {
      const ms = parseDuration(text);
      if (ms !== undefined && ms >= least) return ms;
      const message =
        ms === undefined
          ? `"${text}" is no duration; write a number and a unit: 100ms, 1s, 5m, 2h`
          : `"${text}" is too short; the least is ${least}ms`;
      context.addIssue({ code: 'custom', message });
      return z.NEVER;
    });

const size = z
  .string()
  .meta({ examples: ['500MB', '4GB'], pattern: '^\\d+(\\.\\d+)?(kB|MB|GB)$' })
  .transform((text, context) => {
    const bytes = parseSize(text);
    if (bytes !== undefined) return bytes;
    context.addIssue({ code: 'custom', message: `"${text}" is no size; write a number and a unit: 500MB, 4GB` });
    return z.NEVER;
  });

/** A field that cannot break a topic, a file name or a message id. */
const name = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/,
    'use letters, digits, ".", "_" and "-", at most 128, beginning with a letter or digit',
  );

const date = z.iso.date('is no date; write it as 2027-03-31');

// --- tags -------------------------------------------------------------------------------------------------------

const range = z
  .tuple([z.number(), z.number()])
  .refine(([lo, hi]) => lo < hi, 'the first number must be less than the second');

/** An absolute deadband in engineering units, or a share of the range. */
export type Deadband = { readonly kind: 'absolute' | 'percent'; readonly size: number };

const deadband = z
  .union([z.number(), z.string()])
  .meta({
    examples: [0.1, '0.5%'],
    description: 'A change up to this is not sent: engineering units, or "0.5%" of the range.',
  })
  .transform((given, context): Deadband => {
    const percent = typeof given === 'string' ? /^(\d+(?:\.\d+)?)%$/.exec(given) : null;
    const amount = typeof given === 'number' ? given : Number(percent?.[1] ?? Number.NaN);
    if (amount >= 0 && (typeof given === 'number' || amount <= 100)) {
      return { kind: percent ? 'percent' : 'absolute', size: amount };
    }
    context.addIssue({
      code: 'custom',
      message: `"${given}" is no deadband; write 0.1 (engineering units) or "0.5%" (of the range)`,
    });
    return z.NEVER;
  });

const tagCommon = {
  unit: z.string().max(32).optional().describe('Engineering unit, sent with every reading: m3/h, degC, barg.'),
  description: z.string().optional().describe('For people; not sent.'),
  priority: z.enum(['normal', 'high']).optional().describe('high: given up last when the buffer is full.'),
  deadband: deadband.optional(),
  range: range.optional().describe('Range of the signal in engineering units, for a deadband in percent: [0, 250].'),
  heartbeat: duration(100).optional().describe('Send the value at least this often, changed or not: 60s.'),
  swingingDoor: z.number().positive().optional().describe('Compress within this error, in engineering units: 0.2.'),
  scale: z
    .strictObject({ from: range, to: z.tuple([z.number(), z.number()]) })
    .optional()
    .describe('Linear scaling from raw to engineering units: { from: [0, 4095], to: [0, 100] }.'),
};

const opcuaTag = z.strictObject({
  ...tagCommon,
  node: z
    .string()
    .regex(
      /^(nsu=[^;]+;|ns=\d+;)?[isgb]=.+$/,
      'is no node id; write "nsu=urn:vendor:plc;s=FIC101.PV" or "ns=2;s=FIC101.PV"',
    )
    .optional()
    .describe('Node id. With nsu= it survives a change of the namespace index: "nsu=urn:lavera:dcs;s=20FIC101.PV".'),
  path: z
    .string()
    .startsWith('/', 'begins with "/", for example /Objects/Crude unit/FIC101')
    .optional()
    .describe('Browse path, instead of node.'),
  sampling: duration().optional().describe('How often the server looks at the signal: 500ms.'),
});

const modbusType = z.union([
  z.enum(['bool', 'int16', 'uint16', 'int32', 'uint32', 'int64', 'uint64', 'float32', 'float64', 'bcd16', 'bcd32']),
  z
    .string()
    .regex(
      /^string\([1-9]\d{0,2}\)$/,
      'is no type; one of bool, int16, uint16, int32, uint32, int64, uint64, float32, float64, bcd16, bcd32, string(n)',
    ),
]);

const ORDERS = ['ABCD', 'CDAB', 'BADC', 'DCBA', 'ABCDEFGH', 'GHEFCDAB', 'BADCFEHG', 'HGFEDCBA'] as const;

const modbusTag = z.strictObject({
  ...tagCommon,
  address: z
    .union([z.number().int(), z.string()])
    .meta({ examples: [400011, 'holding:20', 'holding:25.3', 'discrete:4'] })
    .describe(
      'Modicon reference, one-based (40011, 400011), or table and offset, zero-based ("holding:10"); ".3" for one bit.',
    )
    .transform((given, context): ModbusAddress => {
      // YAML reads 00011 as the number 11: a coil's reference keeps its zeros only between quotes.
      const address = parseAddress(String(given));
      if (typeof address !== 'string') return address;
      context.addIssue({ code: 'custom', message: address });
      return z.NEVER;
    }),
  type: modbusType
    .optional()
    .describe('How the registers are read; string(n) is n bytes. Default: uint16, bool for bits.'),
  order: z.enum(ORDERS).optional().describe('Order of the bytes of a value: ABCD (default), CDAB, BADC, DCBA.'),
  unitId: z
    .number()
    .int()
    .min(0)
    .max(255)
    .optional()
    .describe("Modbus unit of this tag, when it differs from the source's."),
  poll: duration(10).optional().describe('How often it is read: 1s.'),
});

/** The keys of a tag that `defaults` may give for the whole source. */
const common = { deadband: true, heartbeat: true, swingingDoor: true, priority: true } as const;

// --- sources ----------------------------------------------------------------------------------------------------

const secret = {
  passwordFile: z.string().optional().describe('File that holds the password: /run/secrets/cdu1-dcs.'),
  passwordEnv: z.string().optional().describe('Environment variable that holds the password.'),
};

const user = z
  .union([
    z
      .strictObject({ name: z.string().min(1), ...secret })
      .refine(
        (u) => (u.passwordFile === undefined) !== (u.passwordEnv === undefined),
        'needs passwordFile or passwordEnv, one of them',
      ),
    z.strictObject({ certificate: z.string(), key: z.string() }),
  ])
  .describe(
    'User name with passwordFile or passwordEnv, or certificate and key. Secrets are references, never literals.',
  );

const opcuaSource = z.strictObject({
  protocol: z.literal('opcua'),
  endpoint: z
    .string()
    .regex(/^opc\.tcp:\/\/.+/, 'is no OPC UA endpoint; write opc.tcp://host:4840')
    .describe('opc.tcp://10.20.1.15:4840'),
  security: z
    .strictObject({
      policy: z
        .enum(['Basic256Sha256', 'Aes128_Sha256_RsaOaep', 'Aes256_Sha256_RsaPss', 'None'])
        .default('Basic256Sha256'),
      mode: z.enum(['Sign', 'SignAndEncrypt', 'None']).default('SignAndEncrypt'),
    })
    .refine((s) => (s.policy === 'None') === (s.mode === 'None'), 'policy None and mode None go together')
    .prefault({}),
  insecure: z
    .strictObject({ acceptedBy: z.string().min(1), until: date })
    .optional()
    .describe('Who accepted a connection without encryption or with an untrusted certificate, and until when.'),
  user: user.optional(),
  publishing: duration(50)
    .optional()
    .describe('How often the server sends what it sampled; default: the fastest sampling, from 250ms to 1s.'),
  defaults: opcuaTag.pick({ ...common, sampling: true }).prefault({}),
  tags: z.record(z.string(), opcuaTag).default({}),
  tagFiles: z.array(z.string()).default([]).describe('CSV files with the same columns, and "name".'),
});

const modbusTcpSource = z.strictObject({
  protocol: z.literal('modbus-tcp'),
  host: z.string().min(1).describe('Name or address: 10.20.4.7.'),
  port: z.number().int().min(1).max(65_535).default(502),
  unit: z.number().int().min(0).max(255).default(1).describe('Modbus unit (slave address) of tags that name none.'),
  timeout: duration(10).default(1_000).describe('How long to wait for a reply.'),
  delayBetweenRequests: duration().default(0).describe('Pause between two requests, for slow serial gateways: 20ms.'),
  maxRegisters: z.number().int().min(4).max(125).default(125).describe('Most registers in one request.'),
  maxGap: z
    .number()
    .int()
    .min(0)
    .max(120)
    .default(16)
    .describe('Registers nobody asked for that may be read to save a request.'),
  defaults: modbusTag.pick({ ...common, poll: true, order: true, unitId: true }).prefault({}),
  tags: z.record(z.string(), modbusTag).default({}),
  tagFiles: z.array(z.string()).default([]).describe('CSV files with the same columns, and "name".'),
});

const source = z.discriminatedUnion('protocol', [opcuaSource, modbusTcpSource]);

// --- hub, buffer, file --------------------------------------------------------------------------------------------

const hubCommon = {
  format: z.enum(['rows']).default('rows').describe('rows: JSON Lines, one object per reading.'),
  compression: z.enum(['gzip', 'none']).default('gzip'),
  maxDelay: duration().default(1_000).describe('Longest that a reading waits for its message to fill.'),
};

const hub = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('iot-edge'), ...hubCommon }),
  z.strictObject({
    type: z.literal('mqtt'),
    ...hubCommon,
    url: z.string().regex(/^mqtts?:\/\/.+/, 'is no broker; write mqtt://host:1883 or mqtts://host:8883'),
    topic: z.string().min(1).default('site/{site}/{gateway}').describe('Topic; {site} and {gateway} are filled in.'),
    user: z.strictObject({ name: z.string().min(1), ...secret }).optional(),
    ca: z.string().optional().describe('File with the CA certificates of the broker.'),
  }),
  z.strictObject({
    type: z.literal('jsonl'),
    ...hubCommon,
    path: z.string().min(1).describe('File to append to; "-" is standard output.'),
  }),
]);

const buffer = z.strictObject({
  path: z.string().min(1).default('data/buffer.db'),
  maxSize: size
    .default(4_000_000_000)
    .describe('Most bytes on disk; beyond it the oldest readings are given up, and counted.'),
  commitInterval: duration(1).default(100).describe('A reading is on disk within this time.'),
  order: z
    .enum(['live-first', 'oldest-first'])
    .default('live-first')
    .describe('What goes first while a backlog drains.'),
});

export const mappingSchema = z.strictObject({
  version: z.literal(1),
  site: name.describe('The site, part of every message: lavera.'),
  gateway: name.optional().describe("The gateway's own name; default: IOTEDGE_DEVICEID, else the host's name."),
  hub,
  buffer: buffer.prefault({}),
  sources: z.record(name, source).refine((all) => Object.keys(all).length > 0, 'needs at least one source'),
});

/** A mapping as checked and resolved: durations in ms, sizes in bytes, addresses parsed. */
export type Mapping = z.output<typeof mappingSchema>;
export type HubConfig = Mapping['hub'];
export type BufferConfig = Mapping['buffer'];
export type OpcUaSource = z.output<typeof opcuaSource>;
export type ModbusSource = z.output<typeof modbusTcpSource>;
export type OpcUaTag = z.output<typeof opcuaTag>;
export type ModbusTag = z.output<typeof modbusTag>;
export type ByteOrder = (typeof ORDERS)[number];
export const opcuaTagSchema = opcuaTag;
export const modbusTagSchema = modbusTag;
