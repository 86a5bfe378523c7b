// The Modbus adapter against libmodbus, the implementation in C that half of the small devices carry: every type in
// every order, exact, over TCP and over a serial line. The server is built here; where gcc or libmodbus is missing
// the tests are skipped, and say so loudly; in CI they fail.

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { scratch } from '../support/scratch.ts';
import { haveSocat, type SerialLine, serialLine } from '../support/serial-line.ts';
import { expectExact, type Reading, readAll, type Told } from './modbus-values.ts';
import { type Peer, startProgram } from './python.ts';

function build(): string | undefined {
  const program = join(scratch(), 'libmodbus_server');
  try {
    const source = join(import.meta.dirname, 'libmodbus_server.c');
    execFileSync('gcc', ['-Wall', '-Werror', '-O1', source, '-o', program, '-lmodbus'], { stdio: 'pipe' });
    return program;
  } catch (error) {
    if (process.env.CI === 'true') throw new Error('libmodbus-dev and gcc are needed', { cause: error });
    process.stderr.write(
      `\nSKIPPED: libmodbus-dev and gcc are needed: ${error instanceof Error ? error.message : error}\n\n`,
    );
    return undefined;
  }
}

const program = build();

describe.skipIf(program === undefined)('libmodbus', () => {
  let peer: Peer | undefined;
  let line: SerialLine | undefined;
  let reading: Reading | undefined;
  afterEach(async () => {
    await reading?.stop();
    await peer?.stop();
    await line?.stop();
  });

  test('over TCP', async () => {
    peer = await startProgram(program!, ['tcp'], 'libmodbus_server');
    const told = peer.ready.values as Told[];
    expect(told.length).toBeGreaterThan(400);
    reading = await readAll({ kind: 'tcp', host: '127.0.0.1', port: Number(peer.ready.port) }, told);
    expectExact(told, reading.sink);
  });

  test.skipIf(!haveSocat())('over a serial line', async () => {
    line = await serialLine();
    peer = await startProgram(program!, ['rtu', line.far], 'libmodbus_server');
    const told = peer.ready.values as Told[];
    const { device } = line;
    reading = await readAll({ kind: 'rtu', device, baudRate: 19_200, dataBits: 8, parity: 'none', stopBits: 1 }, told);
    expectExact(told, reading.sink);
  });
});
