// The local hub as a process of its own, so that a gateway can be killed while its hub lives on. Prints one JSON line
// with the module's environment when it is ready, then answers JSON-line commands from standard input.
//
//   node sim/hub/main.ts --folder DIR [--port N] [--deviceId ID] [--moduleId ID] [--detail rows|messages] [--detached]
//
// A command is {"id":1,"call":"faults.down","with":[500]}; its answer {"id":1,"result":…} or {"id":1,"error":"…"}.
// Calls: faults.* as in faults.ts, summary, epochs, tags, gaps, events, flaws, refusals, connections, clients, twin, desire,
// invoke, close. The hub ends with `close`, SIGTERM, or the end of standard input (not with --detached).

import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { type LocalHub, startHub } from './hub.ts';

const { values } = parseArgs({
  options: {
    folder: { type: 'string' },
    port: { type: 'string' },
    deviceId: { type: 'string' },
    moduleId: { type: 'string' },
    detail: { type: 'string' },
    detached: { type: 'boolean', default: false },
  },
});
if (values.folder === undefined) throw new Error('--folder DIR is missing');
if (values.detail !== undefined && values.detail !== 'rows' && values.detail !== 'messages') {
  throw new Error(`--detail is rows or messages, not ${values.detail}`);
}

const hub = await startHub({
  folder: values.folder,
  ...(values.port !== undefined && { port: Number(values.port) }),
  ...(values.deviceId !== undefined && { deviceId: values.deviceId }),
  ...(values.moduleId !== undefined && { moduleId: values.moduleId }),
  ...(values.detail !== undefined && { detail: values.detail }),
});

const { port, environment, developmentEnvironment, caFile } = hub;
print({ ready: true, pid: process.pid, port, environment, developmentEnvironment, caFile });

const calls = callsOf(hub);
const lines = createInterface({ input: process.stdin });
lines.on('line', async (line) => {
  if (line.trim() === '') return;
  let id: unknown;
  try {
    const command = JSON.parse(line) as { id?: unknown; call?: string; with?: unknown[] };
    id = command.id;
    const call = calls.get(command.call ?? '');
    if (call === undefined) throw new Error(`no call ${command.call}; there are ${[...calls.keys()].join(', ')}`);
    print({ id, result: (await call(...((command.with ?? []) as never[]))) ?? null });
  } catch (error) {
    print({ id, error: error instanceof Error ? error.message : String(error) });
  }
});
lines.on('close', () => {
  if (!values.detached) void end();
});
process.on('SIGTERM', () => void end());
process.on('SIGINT', () => void end());

async function end(): Promise<void> {
  await hub.close();
  process.exit(0);
}

function print(answer: object): void {
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}

type Call = (...args: never[]) => unknown;

function callsOf({ account, faults, ...rest }: LocalHub): Map<string, Call> {
  const names = Object.getOwnPropertyNames(Object.getPrototypeOf(faults)).filter((name) => {
    const property = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(faults), name);
    return name !== 'constructor' && typeof property?.value === 'function';
  });
  const switches = names.map((name): [string, Call] => {
    const method = (faults as unknown as Record<string, Call>)[name]!;
    return [`faults.${name}`, method.bind(faults)];
  });
  const others: [string, Call][] = [
    ['summary', () => account.summary()],
    ['epochs', () => account.epochs()],
    ['tags', () => Object.fromEntries(account.tags)],
    ['gaps', () => account.gaps],
    ['events', () => account.events],
    ['flaws', () => account.flaws],
    ['refusals', () => hub.refusals],
    ['withheld', () => faults.withheldAcks],
    ['connections', () => hub.connections],
    ['clients', () => hub.clients],
    ['twin', () => ({ desired: hub.twin.desired, reported: hub.twin.reported })],
    ['desire', rest.desire],
    ['invoke', rest.invoke],
    ['close', () => void setImmediate(end)],
  ];
  return new Map([...switches, ...others]);
}
