// Writes what is made from schemas: fieldgate.schema.json, the tables of docs/mapping.md, the methods of docs/remote.md,
// metrics and alerts of docs/operations.md, the Grafana dashboard. Run it after a change of agent/src/config/schema, of
// control/methods.ts, of observe/metrics.ts or of deploy/observe; tests fail until then.
//
//   node scripts/launch.mjs run scripts/reference.ts

import { readFileSync, writeFileSync } from 'node:fs';
import { mappingJsonSchemaText } from '../agent/src/config/jsonschema.ts';
import { withReference } from '../agent/src/config/reference.ts';
import { withMethods } from '../agent/src/control/reference.ts';
import { withMetrics } from '../agent/src/observe/reference.ts';
import { rulesOf, withAlerts } from '../deploy/observe/alerts.ts';
import { dashboardText } from '../deploy/observe/dashboard.ts';

const root = new URL('..', import.meta.url);
const page = new URL('docs/mapping.md', root);
writeFileSync(new URL('fieldgate.schema.json', root), mappingJsonSchemaText());
writeFileSync(page, withReference(readFileSync(page, 'utf8')));
const remote = new URL('docs/remote.md', root);
writeFileSync(remote, withMethods(readFileSync(remote, 'utf8')));
const operations = new URL('docs/operations.md', root);
const rules = rulesOf(readFileSync(new URL('deploy/observe/alerts.yaml', root), 'utf8'));
writeFileSync(operations, withAlerts(withMetrics(readFileSync(operations, 'utf8')), rules));
writeFileSync(new URL('deploy/observe/dashboard.json', root), dashboardText());
