// The shared adapter suite against the simulated DCS, encrypted and with a user name.

import type { Adapter } from '../../../agent/src/adapters/adapter.ts';
import { opcuaAdapter } from '../../../agent/src/adapters/opcua/adapter.ts';
import { type Kept, keep } from '../../../agent/src/adapters/opcua/kept.ts';
import { startOpcUaServer } from '../../../sim/refinery/opcua.ts';
import { scratch } from '../../support/scratch.ts';
import { adapterSuite } from '../suite.ts';
import { pkiTrusting, QUICK } from './rig.ts';

const COUNTER = '20YT134.INT32';
const LEVEL = '20LIC112.PV';

adapterSuite('opcua', async () => {
  const sim = await startOpcUaServer({ folder: scratch(), tags: 50, ticking: false });
  const pki = pkiTrusting(sim.certificate);
  let value = 100;
  sim.set(COUNTER, value);
  sim.set(LEVEL, 42.5);
  const node = (name: string) => `nsu=${sim.namespace};s=${name}`;
  const tags = [COUNTER, LEVEL, 'NO.SUCH.TAG'].map((name, index) => ({
    index,
    name,
    node: node(name),
    sampling: 50,
    wantsRange: false,
  }));
  const elsewhere = { index: 3, name: 'elsewhere', node: 'nsu=urn:no:such;s=x', sampling: 50, wantsRange: false };
  const later = sim.signals.find(({ process }) => process === 'counter')!.name;
  sim.set(later, 77);
  const added = { index: 4, name: later, node: node(later), sampling: 50, wantsRange: false };
  const kepts = new WeakMap<Adapter, Kept>();
  return {
    port: sim.port,
    adapter(port) {
      const options = {
        name: 'dcs',
        endpoint: `opc.tcp://127.0.0.1:${port}`,
        security: { policy: 'Basic256Sha256', mode: 'SignAndEncrypt' },
        user: { name: sim.user, password: async () => sim.password },
        publishing: 100,
        pki,
        applicationUri: 'urn:test:gateway:fieldgate',
        tags: [...tags, elsewhere],
      } as const;
      const kept = keep(options);
      const adapter = opcuaAdapter(options, QUICK, kept);
      kepts.set(adapter, kept);
      return adapter;
    },
    retag(adapter) {
      const left = [...tags, elsewhere].filter(({ index }) => index !== 1);
      kepts.get(adapter)!.roster.become([...left, added], 100);
      return { tag: added.index, value: 77 };
    },
    good: [
      { tag: 0, value: 100 },
      { tag: 1, value: 42.5 },
    ],
    bad: [
      { tag: 2, name: 'NO.SUCH.TAG' },
      { tag: 3, name: 'elsewhere' },
    ],
    change() {
      value += 1;
      sim.set(COUNTER, value);
      return value;
    },
    silence: 10_000,
    stop: () => sim.close(),
  };
});
