// Hot and warm sets: what stands by takes over by being switched on. Of a hot set nothing is lost and nothing comes
// twice, however the server in use ends.

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { until } from '../../../support/until.ts';
import { gather, type Twins, twins } from './twins.ts';

let plcs: Twins;
let gateway: Awaited<ReturnType<typeof gather>>;

beforeEach(async () => {
  plcs = await twins();
});
afterEach(async () => {
  await gateway.stop();
  await plcs.stop();
});

/** Ways in which the server in use ends, or is no good any more. */
const FAULTS: readonly [string, () => unknown][] = [
  ['its process dies', () => plcs.both[0].stop()],
  ['its connection is reset and it is gone', () => plcs.both[0].wire.stop()],
  ['nothing passes any more', () => plcs.both[0].wire.freeze()],
  ['it says that it has no data', () => plcs.both[0].level(1)],
  ['it says that it is degraded', () => plcs.both[0].level(150)],
];

describe.each(FAULTS)('%s', (_, strike) => {
  test('hot: nothing is lost, nothing comes twice', async () => {
    gateway = await gather(plcs, 'hot');
    await gateway.ready(1);
    // Longer than what may be on its way: a standby that has just begun does not know what was before.
    await gateway.flow(20);
    await strike();
    await until('the change', () => gateway.used() === 1);
    await gateway.flow();
    expect(gateway.faults()).toEqual([]);
    expect(gateway.sink.gaps).toEqual([]);
    expect(gateway.sink.grants).toMatchObject({ changeOvers: 1 });
    expect(gateway.sink.wholes.at(-1)).toBe(true);
  });
});

test('warm: what was not sampled is a gap', async () => {
  gateway = await gather(plcs, 'warm');
  await gateway.ready(1);
  await gateway.flow();
  await plcs.both[0].stop();
  await until('the change', () => gateway.used() === 1);
  await gateway.flow();
  expect(gateway.unexplained()).toEqual([]);
  expect(gateway.sink.gaps).toMatchObject([{ reason: 'source-down' }]);
  expect(gateway.sink.gaps[0]?.complete).toBeUndefined();
});
