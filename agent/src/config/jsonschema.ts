// The JSON Schema of the mapping: what editors complete and check while somebody types. It is made from the zod
// schema alone, and committed as fieldgate.schema.json.

import { z } from 'zod';
import { mappingSchema } from './schema.ts';

/** JSON Schema (draft-07, which every YAML editor knows) of what people write. */
export function mappingJsonSchema(): Record<string, unknown> {
  const schema = z.toJSONSchema(mappingSchema, { io: 'input', target: 'draft-07', unrepresentable: 'any' });
  return {
    ...schema,
    title: 'fieldgate mapping, version 1',
    description: 'What the edge gateway reads, how it keeps it, and where it delivers.',
  };
}

/** The committed file's text. */
export function mappingJsonSchemaText(): string {
  return `${JSON.stringify(mappingJsonSchema(), null, 2)}\n`;
}
