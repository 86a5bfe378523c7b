// Layers that go out at once (the base, the metrics collector, a site's settings): published to nobody, read back, then
// given to everybody they are meant for. A layer that is there with this content and version is left alone.

import type { Deployment } from './deployment.ts';
import { NOBODY } from './deployment.ts';
import { decide } from './history.ts';
import type { LayerPlan } from './plan.ts';
import { baseBelow, roomFor, type Work } from './rollout.ts';
import { Trouble } from './trouble.ts';

/** What publishing a layer would do, or has done. */
export interface Published {
  readonly id: string;
  readonly priority: number;
  readonly target: string;
  readonly did: 'publish' | 'target' | 'nothing';
}

/** @param plan only says what it would do. @throws Trouble */
export async function publish(work: Work, layers: readonly LayerPlan[], plan = false): Promise<Published[]> {
  const { hub, tell } = work;
  const done: Published[] = [];
  for (const layer of layers) {
    const all = await hub.list();
    const decision = decide(all, layer);
    if (decision.to === 'go back')
      throw new Trouble('refused', `${decision.stored.id} was stopped: publish a higher version`);
    const fresh = decision.to === 'begin';
    const wanted: Deployment = {
      id: fresh ? decision.id : decision.stored.id,
      priority: fresh ? decision.priority : decision.stored.priority,
      targetCondition: layer.target,
      content: layer.content,
      metrics: {},
      memory: { layer: layer.name, version: layer.version, state: 'done' },
    };
    const mistakes = await hub.test(layer.target, {});
    if (mistakes.length > 0) throw new Trouble('refused', `the service does not take it: ${mistakes.join('; ')}`);
    if (fresh) {
      roomFor(all, tell);
      baseBelow(all, layer.content, wanted.priority);
    }
    const changed = fresh || decision.stored.targetCondition !== layer.target;
    const did = fresh ? 'publish' : changed ? 'target' : 'nothing';
    done.push({ id: wanted.id, priority: wanted.priority, target: layer.target, did });
    const words = { publish: 'is new', target: 'gets another condition', nothing: 'is there' }[did];
    tell('layer', `${wanted.id} ${words}: priority ${wanted.priority}, ${layer.target}`, { ...done.at(-1)! });
    if (plan || !changed) continue;
    if (fresh) {
      await hub.ensure({ ...wanted, targetCondition: NOBODY, memory: { ...wanted.memory, state: 'closed' } });
    }
    await hub.ensure(wanted);
  }
  return done;
}
