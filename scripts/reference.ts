// Writes what is made from schemas: fieldgate.schema.json, the tables of docs/mapping.md, the methods of docs/remote.md.
// Run it after a change of agent/src/config/schema or of agent/src/control/methods.ts; tests fail until then.
//
//   node scripts/launch.mjs run scripts/reference.ts

import { readFileSync, writeFileSync } from 'node:fs';
import { mappingJsonSchemaText } from '../agent/src/config/jsonschema.ts';
import { withReference } from '../agent/src/config/reference.ts';
import { withMethods } from '../agent/src/control/reference.ts';

const root = new URL('..', import.meta.url);
const page = new URL('docs/mapping.md', root);
writeFileSync(new URL('fieldgate.schema.json', root), mappingJsonSchemaText());
writeFileSync(page, withReference(readFileSync(page, 'utf8')));
const remote = new URL('docs/remote.md', root);
writeFileSync(remote, withMethods(readFileSync(remote, 'utf8')));
