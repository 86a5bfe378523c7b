// Writes what is made from the mapping's schema: fieldgate.schema.json and the tables of docs/mapping.md.
// Run it after a change of agent/src/config/schema.ts; test/config/ fails until then.
//
//   node scripts/launch.mjs run scripts/reference.ts

import { readFileSync, writeFileSync } from 'node:fs';
import { mappingJsonSchemaText } from '../agent/src/config/jsonschema.ts';
import { withReference } from '../agent/src/config/reference.ts';

const root = new URL('..', import.meta.url);
const page = new URL('docs/mapping.md', root);
writeFileSync(new URL('fieldgate.schema.json', root), mappingJsonSchemaText());
writeFileSync(page, withReference(readFileSync(page, 'utf8')));
