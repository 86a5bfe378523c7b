// The JSON Schema of the mapping: what editors complete and check while somebody types. It is made from the zod
// schema alone, and committed as fieldgate.schema.json.

import { z } from 'zod';
import { mappingSchema } from './schema.ts';

/** What an editor offers for an empty file (redhat.vscode-yaml); other readers of JSON Schema pass over it. */
const SNIPPETS = [
  {
    label: 'a mapping with one Modbus source',
    description: 'A first mapping: a device over Modbus TCP, readings to the hub of IoT Edge.',
    body: {
      version: 1,
      site: 'lavera',
      hub: { type: 'iot-edge' },
      sources: {
        'flare-plc': {
          protocol: 'modbus-tcp',
          host: '10.20.4.7',
          tags: { '70PT201': { address: 400011, type: 'float32' } },
        },
      },
    },
  },
];

/** JSON Schema (draft-07, which every YAML editor knows) of what people write. */
export function mappingJsonSchema(): Record<string, unknown> {
  const schema = z.toJSONSchema(mappingSchema, { io: 'input', target: 'draft-07', unrepresentable: 'any' });
  return {
    ...schema,
    defaultSnippets: SNIPPETS,
    title: 'fieldgate mapping, version 1',
    description: 'What the edge gateway reads, how it keeps it, and where it delivers.',
  };
}

/** The committed file's text. */
export function mappingJsonSchemaText(): string {
  return `${JSON.stringify(mappingJsonSchema(), null, 2)}\n`;
}
