// The local service as a process: 500 gateways that a plan can be tried on. Prints what the fleet tool needs to find it.
//
//   node sim/iothub/main.ts --folder DIR [--port N] [--rings canary=10,early=90,all=400] [--speed N] [--fail VERSION:RING:N]
//
// Gateways and metrics are N times as fast with --speed; the limits of the service are not.

import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { startService } from './service.ts';

const { values } = parseArgs({
  options: {
    folder: { type: 'string' },
    port: { type: 'string', default: '8443' },
    rings: { type: 'string', default: 'canary=10,early=90,all=400' },
    speed: { type: 'string', default: '20' },
    fail: { type: 'string' },
  },
});
if (values.folder === undefined) throw new Error('--folder DIR is missing');
const rings = Object.fromEntries(values.rings.split(',').map((pair) => pair.split('=') as [string, string]));
const speed = Number(values.speed);
const service = await startService({
  folder: values.folder,
  port: Number(values.port),
  rings: Object.fromEntries(Object.entries(rings).map(([ring, count]) => [ring, Number(count)])),
  evaluation: 30_000 / speed,
  delay: 180_000 / speed,
  start: 45_000 / speed,
  metricsEvery: 60_000 / speed,
});
if (values.fail !== undefined) {
  const [version = '', ring = '', count = '3'] = values.fail.split(':');
  service.gateways.fail(version, 'look', service.gateways.ring(ring).slice(0, Number(count)));
}
console.log(`export NODE_EXTRA_CA_CERTS='${resolve(service.caFile)}'`);
console.log(`export FIELDGATE_FLEET_HUB='${service.connectionString}'`);
console.log(`export FIELDGATE_FLEET_PROVISIONING='${service.connectionString}'`);
