// The mapping language of Modbus: sources and their tags.

import { z } from 'zod';
import { type ModbusAddress, parseAddress } from '../address.ts';
import { duration, tagName, text, VARIABLES, whole } from '../fields.ts';
import { SENTINEL } from '../sentinel.ts';
import { common, NAMES, tagCommon, tagFiles, uses } from './tag.ts';

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

const SIGNS = ['twos-complement', 'magnitude'] as const;
const ENCODINGS = ['latin-1', 'ascii', 'utf-8', 'utf-16'] as const;

const SENTINELS = 'write bits like 0x8000, a value like -9999, NaN, or a list of them';
const oneSentinel = z.union([z.number(), z.string()], { error: SENTINELS });

/** One or several, each as it is written; in a cell of CSV several stand behind each other. */
const sentinels = z
  .union([oneSentinel, z.array(oneSentinel)], { error: SENTINELS })
  .meta({ examples: [0x8000, '0x8000', -9999] })
  .transform((given, context): readonly string[] => {
    const words = [given].flat().flatMap((one) =>
      String(one)
        .trim()
        .split(/[\s;]+/),
    );
    if (words.length > 0 && words.length <= 8 && words.every((word) => SENTINEL.test(word))) return words;
    context.addIssue({ code: 'custom', message: words.length > 8 ? 'at most 8' : SENTINELS });
    return z.NEVER;
  });

const FRACTION = 'as a number 40025.10 is 40025.1: make the parameter text';

export const modbusTag = z.strictObject(
  {
    ...tagCommon,
    address: z
      .union([z.number().min(0), z.string()], {
        error: 'write a reference like 400011, or table and offset like "holding:10"',
      })
      .meta({ examples: [400011, 'holding:20', 'holding:25.3', 'discrete:4'] })
      .describe(
        'Modicon reference, one-based (40011, 400011), or table and offset, zero-based ("holding:10"); ".3" for one bit.',
      )
      .transform((given, context): ModbusAddress => {
        // What files say comes as it is written; this is a parameter of a template, and its last 0 is gone.
        const parsed = Number.isInteger(given) || typeof given === 'string' ? parseAddress(String(given)) : FRACTION;
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
    notImplemented: sentinels
      .optional()
      .describe(
        'What the device sends where it has no such value: 0x8000 (bits), -9999 (value), NaN, or several. The reading is BadNotSupported then.',
      ),
    sensorFailure: sentinels
      .optional()
      .describe(
        'What the device sends when the sensor is broken (wire break): 0x7FFF (bits), -9999 (value), NaN, or several. The reading is BadSensorFailure then.',
      ),
    sign: z
      .enum(SIGNS)
      .optional()
      .describe("How a negative int is written: two's complement (default), or a bit for the sign and the magnitude."),
    encoding: z
      .enum(ENCODINGS)
      .optional()
      .describe('Of string(n): latin-1 (default), ascii, utf-8, or utf-16 with one character to a register.'),
    unitId: whole(0, 255).optional().describe("Modbus unit of this tag, when it differs from the source's."),
    poll: duration(10).optional().describe('How often it is read. Default: 1s.'),
  },
  { error: 'write { address: 400011, type: float32 }' },
);

const PROFILE = 'write { profile: profiles/meter.yaml, unit: 3 }';

export const profileUse = z.strictObject(
  {
    profile: text('profiles/meter.yaml').describe(
      'The profile: a file, relative to this one; or sunspec, for devices that describe themselves.',
    ),
    models: z
      .array(whole(1, 65_535), { error: 'write numbers of models, like [1, 103]' })
      .optional()
      .describe(
        'With sunspec: the models to read, like [1, 103]. Default: of all that are known, those the device has.',
      ),
    unit: whole(0, 255).optional().describe("Modbus unit of the device, when it is not the source's."),
    base: whole(0, 65_535)
      .default(0)
      .describe("Where the device's registers begin: added to every address of the profile."),
    poll: duration(10).optional().describe('How often the device is read, for tags of the profile that do not say it.'),
  },
  { error: PROFILE },
);

export type ProfileUse = z.output<typeof profileUse>;

/** A file that describes one kind of device. */
export const profileFile = z.strictObject({
  profile: z
    .literal(1, { error: 'write 1, the version of the form of profiles' })
    .describe('Version of the form of profiles: 1.'),
  name: text('Siemens SENTRON PAC3200').describe('The device, for people.'),
  source: z.string({ error: 'write text' }).optional().describe('Where its register map is published.'),
  defaults: z
    .strictObject({
      poll: duration(10).optional().describe('How often tags are read that do not say it.'),
      order: z.enum(ORDERS).optional().describe('Order of the bytes of tags that do not say it.'),
    })
    .prefault({})
    .describe('What holds for every tag that says nothing else.'),
  tags: z.record(tagName, modbusTag, { error: NAMES }).describe('Tags by name; addresses count from the base.'),
});

/** Keys of a source of any Modbus protocol, besides unit and retries, which differ in what they may be. */
const anyModbus = {
  timeout: duration(10).prefault('1s').describe('How long to wait for a reply.'),
  delayBetweenRequests: duration(0, '20ms')
    .prefault('0ms')
    .describe('Pause between two requests, for slow devices and gateways: 20ms.'),
  maxRegisters: whole(4, 125).default(125).describe('Most registers in one request.'),
  maxGap: whole(0, 120).default(16).describe('Registers nobody asked for that may be read to save a request.'),
  defaults: modbusTag
    .pick({ ...common, poll: true, order: true, unitId: true })
    .prefault({})
    .describe('What holds for every tag of the source that says nothing else.'),
  tags: z.record(tagName, modbusTag, { error: NAMES }).default({}).describe('Tags by name.'),
  tagFiles,
  profiles: z
    .record(tagName, profileUse, {
      error: 'write devices under it, like METER1: { profile: profiles/meter.yaml, unit: 3 }',
    })
    .default({})
    .describe(
      'Devices that a profile describes, by name: METER1: { profile: profiles/meter.yaml, unit: 3 } makes METER1.V1N and so on.',
    ),
  ...uses,
};

const retries = (usual: number) =>
  whole(0, 10)
    .default(usual)
    .describe(
      'How often a request is made again at once when no usable reply comes; not to a unit that was silent before.',
    );

const unit = (least: number, most: number) =>
  whole(least, most).default(1).describe('Modbus unit (slave address) of tags that name none.');

const network = {
  host: text('10.20.4.7')
    .regex(/^[^\s/:@]+$|^[0-9A-Fa-f:]+$/, 'write a name or an address without a port, like 10.20.4.7')
    .describe(`Name or address: 10.20.4.7. ${VARIABLES}`),
  connections: whole(1, 8)
    .default(1)
    .describe('Most connections side by side, for devices that allow several; requests are shared out.'),
  connectDelay: duration(0, '500ms')
    .prefault('0ms')
    .describe('Pause between connecting and the first request, for devices that need it: 500ms.'),
};

const port = (usual: number, what: string) => whole(1, 65_535).default(usual).describe(what);

const TLS =
  'write { ca: /run/secrets/ot-ca.pem, certificate: /run/secrets/fieldgate.pem, key: /run/secrets/fieldgate.key }';

const tls = z
  .strictObject(
    {
      ca: text('/run/secrets/ot-ca.pem').describe("File with the CA certificates that may sign the device's (PEM)."),
      certificate: text('/run/secrets/fieldgate.pem')
        .optional()
        .describe(
          "File with the gateway's certificate and what leads to its CA (PEM); the role in it is the device's business.",
        ),
      key: text('/run/secrets/fieldgate.key').optional().describe('File with its private key (PEM).'),
      serverName: text('flare-plc.lavera.example')
        .optional()
        .describe("Name in the device's certificate, when it is not the host."),
    },
    { error: TLS },
  )
  .refine(
    (t) => (t.certificate === undefined) === (t.key === undefined),
    'needs certificate and key together, or neither',
  );

export const modbusTcpSource = z.strictObject({
  protocol: z.literal('modbus-tcp').describe('Modbus TCP.'),
  ...network,
  port: whole(1, 65_535).optional().describe('TCP port. Default: 502, with tls 802.'),
  tls: tls
    .optional()
    .describe('Modbus/TCP Security: TLS with certificates. Without it everybody on the way can read and forge.'),
  unit: unit(0, 255),
  retries: retries(0),
  ...anyModbus,
});

export const modbusUdpSource = z.strictObject({
  protocol: z.literal('modbus-udp').describe('Modbus TCP frames in UDP datagrams.'),
  ...network,
  port: port(502, 'UDP port.'),
  unit: unit(0, 255),
  retries: retries(1),
  ...anyModbus,
});

export const modbusRtuOverTcpSource = z.strictObject({
  protocol: z.literal('modbus-rtu-over-tcp').describe('Serial frames (RTU) through a transparent serial server.'),
  ...network,
  port: port(4_001, 'TCP port of the serial server.'),
  unit: unit(1, 247),
  retries: retries(1),
  ...anyModbus,
});

export const modbusRtuSource = z.strictObject({
  protocol: z.literal('modbus-rtu').describe('Modbus RTU over a serial port.'),
  device: text('/dev/ttyUSB0')
    .regex(/^\/\S+$/, 'write the path of a serial port, like /dev/ttyUSB0')
    .describe('The serial port: /dev/ttyUSB0, or better its name in /dev/serial/by-id, which does not change.'),
  baudRate: whole(300, 4_000_000).default(19_200).describe('Bits per second.'),
  parity: z.enum(['none', 'even', 'odd']).default('even').describe('Parity bit.'),
  stopBits: z
    .literal([1, 2], { error: 'write 1 or 2' })
    .optional()
    .describe('Stop bits. Default: 1 with a parity bit, 2 without, as the standard has it; many devices use 1 always.'),
  dataBits: z
    .literal(8, { error: 'write 8: RTU sends whole bytes (7 belongs to Modbus ASCII)' })
    .default(8)
    .describe('Data bits: 8.'),
  silence: duration(0, '5ms')
    .optional()
    .describe('Silence between two frames. Default: 3.5 characters at the baud rate, 1.75ms above 19200.'),
  unit: unit(1, 247),
  retries: retries(1),
  ...anyModbus,
});

export type ModbusSource = z.output<
  typeof modbusTcpSource | typeof modbusUdpSource | typeof modbusRtuOverTcpSource | typeof modbusRtuSource
>;
export type ModbusTag = z.output<typeof modbusTag>;
export type Encoding = (typeof ENCODINGS)[number];
export type ByteOrder = (typeof ORDERS)[number];
