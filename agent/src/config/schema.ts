// The tag-mapping language, version 1, as one zod schema: the only source of the types, the checks and the JSON
// Schema. Input is what people write (`1s`, `4GB`, `400011`), output is what the gateway uses (ms, bytes, addresses).
// Descriptions are shown by editors to OT engineers; they name the unit and give an example. Messages follow
// "KEY is VALUE: ", so they say what to write instead.

import { z } from 'zod';
import { name } from './fields.ts';
import { buffer } from './schema/buffer.ts';
import { hub } from './schema/hub.ts';
import { modbusRtuOverTcpSource, modbusRtuSource, modbusTcpSource, modbusUdpSource } from './schema/modbus.ts';
import { opcuaSource } from './schema/opcua.ts';
import { template } from './schema/template.ts';

const source = z.discriminatedUnion('protocol', [
  opcuaSource,
  modbusTcpSource,
  modbusRtuSource,
  modbusRtuOverTcpSource,
  modbusUdpSource,
]);

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
    .meta({ minProperties: 1 })
    .describe('Devices and servers by name.'),
  templates: z
    .record(name, template)
    .optional()
    .describe('Equipment that is there many times, by name: its tags and its parameters.'),
});

/** A mapping as checked and resolved: durations in ms, sizes in bytes, addresses parsed. */
export type Mapping = z.output<typeof mappingSchema>;

/** The mapping without its sources and templates, which are checked one by one so that a mistake in one hides none in another. */
export const mappingFrame = mappingSchema.omit({ sources: true, templates: true });
export const sourceSchema = source;
