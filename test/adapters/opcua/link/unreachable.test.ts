// Nobody is there: an attempt ends soon, long before the deadline of a whole connect, and says that nobody answered, so
// that the next one comes while the supervisor's waits are short.

import { expect, test } from 'vitest';
import { opcuaAdapter } from '../../../../agent/src/adapters/opcua/adapter.ts';
import { deafPort } from '../../../support/deaf.ts';
import { scratch } from '../../../support/scratch.ts';
import { until } from '../../../support/until.ts';
import { wire } from '../../wire.ts';
import { openly, QUICK, tagsOf } from '../rig.ts';

async function attempt(port: number): Promise<unknown> {
  const options = openly(`opc.tcp://127.0.0.1:${port}`, scratch(), tagsOf(['i=2258']));
  const adapter = opcuaAdapter(options, { ...QUICK, connect: 20_000, reach: 400 });
  const fault = await adapter.connect(new AbortController().signal).catch((error: unknown) => error);
  await adapter.close();
  return fault;
}

test('a path that swallows packets', async () => {
  const deaf = await deafPort();
  expect(await attempt(deaf.port)).toMatchObject({ code: 'source.unreachable' });
  deaf.stop();
});

test('a server that takes connections and says nothing', async () => {
  const silent = await wire();
  expect(await attempt(silent.port)).toMatchObject({ code: 'source.unreachable' });
  await until('no connection left', () => silent.open === 0);
  await silent.stop();
});
