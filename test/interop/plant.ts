// The plant that every independent OPC UA stack serves alike, so that one suite (opcua-suite.ts) proves the adapter
// against each of them. A server is started with a folder, a port and perhaps `name=value` words:
//
//   count=N     the counter begins there
//   past=N,MS   while it was down it recorded N counts more, evenly since then (ms since 1970)
//   page=N      most values of its history in one answer
//   shift=1     another namespace comes before its own
//   refresh=no  without ConditionRefresh, as far as the stack has none by itself
//
// It lets in `fieldgate` with the password `crude oil`, whoever has the certificate user.der of the folder, and on the
// endpoint without security anybody. In namespace urn:test:plant it has `counter` and `recorded` (UInt32, counted
// together; `recorded` has a history), `text` (200,000 characters), `array` (10,000 Doubles: half their index), and the
// condition `LevelAlarm` of the source `counter`, called Level, with Acknowledge and ConditionRefresh.
// The first line that it prints is JSON: endpoint and certificate (DER, base64). Lines that it takes, each answered by
// one line, `done` if nothing else is said:
//
//   tick N MS             counts up N times, one in MS
//   past N                records N counts between the last one and now; the last of them is the value of now
//   event TYPE SEVERITY TEXT, flood N    events of the server object: one, or N at once (BaseEventType, severity 100)
//   alarm on|off SEVERITY, branch NAME   the condition changes; tells of an earlier state of it
//   drop                  ends all sessions, with their subscriptions
//   held                  how many sessions clients hold, as JSON; and subscriptions, where the stack counts them

import { join } from 'node:path';
import { buildMilo } from './milo.ts';
import { interopPython, type Peer, startProgram } from './python.ts';

export interface Stack {
  readonly name: string;
  readonly start: (folder: string, port: number, more?: Readonly<Record<string, string | number>>) => Promise<Peer>;
}

const words = (more: Readonly<Record<string, string | number>> = {}) =>
  Object.entries(more).map(([name, value]) => `${name}=${value}`);

/** The stack of a Python program; undefined where it cannot run. @param requirements see `interopPython` */
export async function pythonStack(name: string, script: string, requirements?: string): Promise<Stack | undefined> {
  const python = await interopPython(requirements);
  if (python === undefined) return undefined;
  const path = join(import.meta.dirname, script);
  return {
    name,
    start: (folder, port, more) =>
      startProgram(python, ['-u', path, folder, String(port), ...words(more)], script, 60_000),
  };
}

/** Eclipse Milo; undefined where it cannot be built. */
export async function miloStack(): Promise<Stack | undefined> {
  const classes = await buildMilo();
  if (classes === undefined) return undefined;
  const options = ['-Xmx256m', '-XX:TieredStopAtLevel=1', '-cp', `${classes}:${classes}/*`, 'MiloPlant'];
  return {
    name: 'Eclipse Milo',
    start: (folder, port, more) =>
      startProgram('java', [...options, folder, String(port), ...words(more)], 'MiloPlant', 60_000),
  };
}
