// What a command would do, from what the hub has now: `--plan`. Reads, and writes nothing.

import { formatDuration } from '../agent/src/config/units.ts';
import { NOBODY, type Stored } from './deployment.ts';
import { backId, before, decide, historyOf } from './history.ts';
import { check, ringCondition, type Work } from './rollout.ts';
import { Trouble } from './trouble.ts';

/** Tells what a roll-out would do. @throws Trouble when it would be refused */
export async function previewRollout(work: Work): Promise<void> {
  const { plan, hub, tell } = work;
  const { rings, layer, module, poll, settle } = plan.rollout;
  const all = await hub.list();
  const decision = decide(all, layer);
  if (decision.to === 'rest') return tell('plan', `${decision.stored.id} is with every ring already: nothing to do`);
  if (decision.to === 'go back') return tell('plan', `${decision.stored.id} was stopped: would be taken back`);
  const mistakes = await check(work);
  if (mistakes.length > 0) throw new Trouble('refused', `the service does not take it: ${mistakes.join('; ')}`);
  if (decision.to === 'begin') {
    const { id, priority, before: top } = decision;
    tell('plan', `would publish ${id}, priority ${priority}, for nobody, and read it back`, { id, priority });
    const back = top?.memory.version;
    tell('plan', back === undefined ? 'there is nothing earlier to go back to' : `if a ring fails: ${back} above it`, {
      back,
    });
  } else {
    const { stored } = decision;
    const earlier = before(all, stored);
    tell('plan', `would go on with ${stored.id} at ring ${stored.memory.ring ?? 'none'}`, { id: stored.id });
    if (earlier) tell('plan', `if a ring fails: ${earlier.memory.version} above it, as ${backId(stored, earlier)}`);
  }
  let sofar = 0;
  for (const [i, ring] of rings.entries()) {
    const targetCondition = ringCondition(plan, i);
    const upTo = await hub.count(targetCondition);
    const { name, soak, within, healthy, maxFailing } = ring;
    const rule = `${healthy * 100}% well within ${formatDuration(within)}, ${maxFailing} failing allowed, soak ${formatDuration(soak)}`;
    tell('plan', `ring ${name}: ${upTo - sofar} gateways, ${rule}`, {
      ring: name,
      gateways: upTo - sofar,
      targetCondition,
    });
    sofar = upTo;
  }
  const fleet = await hub.count(plan.fleet);
  if (fleet > sofar)
    tell('warning', `${fleet - sofar} gateways of the fleet are in no ring of the plan: they stay as they are`);
  const ill = await hub.rows(
    `SELECT deviceId FROM devices.modules WHERE moduleId = '${module}' AND properties.reported.health != 'good'`,
  );
  if (ill.length > 0)
    tell('warning', `${ill.length} gateways are not well now, and would count as failing: ${namesOf(ill)}`, {
      ill: ill.length,
    });
  const least = rings.reduce((sum, { soak }) => sum + soak, 0);
  const often = `looks every ${formatDuration(poll)}, trouble counts after ${formatDuration(settle)}`;
  tell('plan', `at least ${formatDuration(least)} in all; ${often}`, { least });
  tell('plan', 'nothing was written');
}

function namesOf(rows: readonly Record<string, unknown>[]): string {
  const names = rows.slice(0, 5).map(({ deviceId }) => deviceId);
  return `${names.join(', ')}${rows.length > 5 ? ', …' : ''}`;
}

/** Tells what the hub has. */
export async function status({ plan, hub, tell }: Work): Promise<void> {
  const all = await hub.list();
  const layers = new Set(all.filter(({ foreign }) => !foreign).map(({ memory }) => memory.layer));
  for (const layer of layers)
    for (const stored of historyOf(all, layer).reverse()) tell('deployment', line(stored), data(stored));
  const foreign = all.filter((one) => one.foreign);
  if (foreign.length > 0)
    tell('foreign', `not ours: ${foreign.map(({ id }) => id).join(', ')}`, { ids: foreign.map(({ id }) => id) });
  const versions = await hub.rows(
    `SELECT properties.reported.version AS version, properties.reported.health AS health FROM devices.modules ` +
      `WHERE moduleId = '${plan.rollout.module}'`,
  );
  const counts = Map.groupBy(versions, ({ version, health }) => `${version ?? 'none'} ${health ?? ''}`.trim());
  for (const [key, rows] of [...counts].sort())
    tell('gateways', `${rows.length} gateways: ${key}`, { ...rows[0], count: rows.length });
  tell('total', `${all.length} of 100 configurations`, { configurations: all.length });
}

function line({ id, priority, memory, counts, targetCondition }: Stored): string {
  const { targetedCount = 0, appliedCount = 0, reportedSuccessfulCount = 0, reportedFailedCount = 0 } = counts;
  const ring = memory.ring === undefined ? '' : ` ring ${memory.ring}`;
  const where = targetCondition === NOBODY ? 'nobody' : `${targetedCount} targeted, ${appliedCount} applied`;
  const told = `${reportedSuccessfulCount} successful, ${reportedFailedCount} failed`;
  return `${id}  priority ${priority}  ${memory.state}${ring}  ${where}, ${told}`;
}

function data({ id, priority, targetCondition, memory, counts }: Stored): Record<string, unknown> {
  return { id, priority, targetCondition, ...memory, counts };
}
