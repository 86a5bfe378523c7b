// CPU per message of the gateway's side for each transport to edgeHub: the hub is a process of its own, TLS, 8 messages
// under way, as the forwarder has them. Prints one line per transport and size.
//
//   npm run bench:transport [-- --messages 4000]

import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { iotEdgeHub } from '../agent/src/delivery/hubs/iot-edge.ts';
import { spawnHub } from '../sim/hub/child.ts';

const { values } = parseArgs({ options: { messages: { type: 'string', default: '4000' } } });
const MESSAGES = Number(values.messages);
const IN_FLIGHT = 8;
const SIZES = [4_000, 250_000];

const folder = mkdtempSync(join(tmpdir(), 'bench-transport-'));
const local = await spawnHub({ folder, detail: 'messages' });
Object.assign(process.env, local.environment);
try {
  for (const transport of ['mqtt', 'amqp', 'amqp-ws'] as const) {
    for (const size of SIZES)
      await measure(transport, size, Math.ceil((MESSAGES * SIZES[0]!) / Math.max(size / 8, SIZES[0]!)));
  }
} finally {
  await local.close();
  rmSync(folder, { recursive: true, force: true });
}

async function measure(transport: 'mqtt' | 'amqp' | 'amqp-ws', size: number, count: number): Promise<void> {
  const hub = iotEdgeHub({ transport })();
  await hub.connect(new AbortController().signal);
  const body = randomBytes(size);
  let next = 0;
  const lane = async (until: number) => {
    while (next < until) {
      const seq = String(next++);
      const properties = {
        site: 'lavera',
        gateway: 'gw',
        stream: 'live',
        epoch: transport + size,
        count: '1',
        format: 'rows',
      };
      await hub.send({
        id: `gw/${transport}${size}/${seq}-${seq}`,
        body,
        contentType: 'application/json',
        contentEncoding: 'gzip',
        properties: { ...properties, seqFirst: seq, seqLast: seq },
      });
    }
  };
  const run = (until: number) => Promise.all(Array.from({ length: IN_FLIGHT }, () => lane(until)));
  // Warm first: what is measured is the flow of weeks.
  await run(Math.ceil(count / 4));
  const [cpu, time, from] = [process.cpuUsage(), performance.now(), next];
  await run(from + count);
  const { user, system } = process.cpuUsage(cpu);
  const per = (microseconds: number) => `${Math.round(microseconds / count)} µs`;
  const elapsed = (performance.now() - time) * 1_000;
  console.log(
    `${transport.padEnd(8)} ${String(size).padStart(7)} bytes: CPU ${per(user + system)}, ${per(elapsed)} each, ${count} messages`,
  );
  await hub.close();
}
