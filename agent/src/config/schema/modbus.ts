// The mapping language of Modbus: sources and their tags.

import { z } from 'zod';
import { type ModbusAddress, parseAddress } from '../address.ts';
import { duration, tagName, text, VARIABLES, whole } from '../fields.ts';
import { common, NAMES, tagCommon, tagFiles } from './tag.ts';

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

export const modbusTag = z.strictObject(
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

export const modbusTcpSource = z.strictObject({
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

export type ModbusSource = z.output<typeof modbusTcpSource>;
export type ModbusTag = z.output<typeof modbusTag>;
export type ByteOrder = (typeof ORDERS)[number];
