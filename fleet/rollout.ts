// The roll-out of a version, ring by ring. Its whole memory is in the hub (ids, labels, conditions), so the same command
// goes on where one was killed. A version is published to nobody, read back, and only then given to the first ring; a ring
// that does not get well gets the earlier content under a new id with a higher priority. Nothing is ever removed here.

import type { Calls } from './calls.ts';
import { type Content, type Deployment, isLayer, NOBODY, type State, type Stored } from './deployment.ts';
import { backId, before, decide, historyOf, removable } from './history.ts';
import { type Hub, MOST_CONFIGURATIONS } from './hub.ts';
import type { Plan, Ring } from './plan.ts';
import { Trouble } from './trouble.ts';
import { type Figures, judge, type Verdict } from './verdict.ts';

/** What is told while it goes on: words, and the same as data. */
export type Tell = (event: string, text: string, data?: Readonly<Record<string, unknown>>) => void;

export interface Work {
  readonly plan: Plan;
  readonly hub: Hub;
  readonly calls: Calls;
  readonly tell: Tell;
  readonly signal?: AbortSignal | undefined;
}

export interface Outcome {
  readonly id: string;
  readonly state: State;
}

/** Rolls the plan's version out to the last ring. @throws Trouble `unhealthy` when a ring failed and was taken back */
export async function rollout(work: Work): Promise<Outcome> {
  const { plan, hub, tell } = work;
  const all = await hub.list();
  const { layer } = plan.rollout;
  const decision = decide(all, layer);
  if (decision.to === 'rest') {
    tell('done', `${decision.stored.id} is with every ring already`, { id: decision.stored.id });
    return { id: decision.stored.id, state: 'done' };
  }
  if (decision.to === 'go back') throw unhealthy('it was stopped before', await goBack(work, decision.stored));
  let current: Stored;
  if (decision.to === 'begin') {
    roomFor(all, tell);
    baseBelow(all, layer.content, decision.priority);
    const mistakes = await check(work);
    if (mistakes.length > 0) throw new Trouble('refused', `the service does not take it: ${mistakes.join('; ')}`);
    tell('publish', `publishing ${decision.id}, priority ${decision.priority}, for nobody yet`, { id: decision.id });
    current = await hub.ensure({
      id: decision.id,
      priority: decision.priority,
      targetCondition: NOBODY,
      content: layer.content,
      metrics: metricsOf(plan, layer.version),
      memory: { layer: layer.name, version: layer.version, state: 'closed' },
    });
    tell('published', `${decision.id} is there with the content that was sent`, { id: decision.id });
  } else {
    current = decision.stored;
    const at = current.memory.ring === undefined ? 'before the first ring' : `at ring ${current.memory.ring}`;
    tell('resume', `going on with ${current.id} ${at}`, { id: current.id, ring: current.memory.ring });
  }
  return passRings(work, current);
}

async function passRings(work: Work, begun: Stored): Promise<Outcome> {
  const { plan, hub, tell, calls } = work;
  const { rings } = plan.rollout;
  let current = begun;
  const place = rings.findIndex(({ name }) => name === current.memory.ring);
  if (current.memory.ring !== undefined && place < 0)
    throw new Trouble('refused', `${current.id} is at ring ${current.memory.ring}, which the plan does not have`);
  for (const [i, ring] of rings.entries()) {
    if (i < place) continue;
    if (i !== place) current = await open(work, current, i);
    const verdict = await watch(work, current, i);
    current = verdict.current;
    if (verdict.is === 'failed') {
      tell('failed', `ring ${ring.name}: ${verdict.why}`, { ring: ring.name, why: verdict.why });
      current = await hub.ensure({ ...current, memory: { ...current.memory, state: 'stopped' } });
      throw unhealthy(`ring ${ring.name}: ${verdict.why}`, await goBack(work, current));
    }
    tell('passed', `ring ${ring.name} has passed`, { ring: ring.name, at: calls.clock.now() });
  }
  current = await hub.ensure({ ...current, memory: { ...current.memory, state: 'done' } });
  tell('done', `${current.id} is with every ring`, { id: current.id });
  return { id: current.id, state: 'done' };
}

/** Gives it to one ring more. */
async function open({ plan, hub, tell, calls }: Work, current: Stored, ring: number): Promise<Stored> {
  const { name } = plan.rollout.rings[ring]!;
  const targetCondition = ringCondition(plan, ring);
  const expected = await hub.count(targetCondition);
  const sofar = ring === 0 ? 0 : await hub.count(ringCondition(plan, ring - 1));
  if (ring === 0 && expected === 0)
    throw new Trouble('refused', `ring ${name} has no gateway (${targetCondition}): a ring of none proves nothing`);
  tell('open', `ring ${name}: ${expected - sofar} gateways`, { ring: name, gateways: expected - sofar });
  const { healthy: _healthy, ...memory } = current.memory;
  return hub.ensure({
    ...current,
    targetCondition,
    memory: { ...memory, state: 'rolling', ring: name, opened: calls.clock.now() },
  });
}

type Watched = Extract<Verdict, { is: 'passed' | 'failed' }> & { readonly current: Stored };

/** Looks until the ring has passed or failed. */
async function watch(work: Work, begun: Stored, ring: number): Promise<Watched> {
  const { plan, hub, tell, calls, signal } = work;
  const rule = plan.rollout.rings[ring]!;
  let current = begun;
  const troubled = new Troubled(plan.rollout.settle);
  for (;;) {
    const figures = await look(work, current, ring, troubled);
    const { opened = calls.clock.now(), healthy } = current.memory;
    const verdict = judge(rule, figures, opened, healthy, calls.clock.now());
    tell('progress', progress(rule, figures, verdict), { ring: rule.name, ...figures, ...verdict });
    if (verdict.is === 'failed' || verdict.is === 'passed') return { ...verdict, current };
    // Since when it is well is kept in the hub: a soak does not begin anew because the tool was killed.
    if (verdict.is === 'soaking' && healthy === undefined)
      current = await hub.ensure({ ...current, memory: { ...current.memory, healthy: calls.clock.now() } });
    if (verdict.is === 'waiting' && verdict.counted && healthy !== undefined) {
      const { healthy: _healthy, ...memory } = current.memory;
      current = await hub.ensure({ ...current, memory });
    }
    await calls.clock.sleep(plan.rollout.poll, signal);
  }
}

/** Gateways in trouble, and since when each was seen to be. */
class Troubled {
  readonly #settle: number;
  #since = new Map<string, number>();

  constructor(settle: number) {
    this.#settle = settle;
  }

  /** Those that have been in trouble for too long. */
  see(names: readonly string[], now: number): string[] {
    this.#since = new Map(names.map((name) => [name, this.#since.get(name) ?? now]));
    return names.filter((name) => now - this.#since.get(name)! >= this.#settle);
  }
}

async function look(
  { plan, hub, calls }: Work,
  { id, memory }: Stored,
  ring: number,
  troubled: Troubled,
): Promise<Figures> {
  const stored = await hub.get(id);
  if (stored === undefined) throw new Trouble('refused', `${id} is gone: somebody removed it during its roll-out`);
  const expected = await hub.count(ringCondition(plan, ring));
  const ill = await hub.rows(`SELECT deviceId FROM devices.modules WHERE ${wellQuery(plan, memory.version, '!=')}`);
  const { targetedCount = 0, reportedSuccessfulCount = 0, reportedFailedCount = 0, good = 0 } = stored.counts;
  // Who failed to take it (no image, no start) never reports the version; the hub's own query names them.
  const failedQuery = stored.systemQueries.reportedFailedCount;
  const failed = reportedFailedCount > 0 && failedQuery !== undefined ? await hub.rows(failedQuery) : [];
  const names = [...new Set([...ill, ...failed].map(({ deviceId }) => String(deviceId)))].sort();
  return {
    expected,
    targeted: targetedCount,
    successful: reportedSuccessfulCount,
    good,
    failing: troubled.see(names, calls.clock.now()),
  };
}

function progress(rule: Ring, figures: Figures, verdict: Verdict): string {
  const { expected, good, successful, failing } = figures;
  const state = verdict.is === 'soaking' ? `soaking, ${Math.ceil(verdict.left / 1_000)} s left` : verdict.is;
  const bad = failing.length > 0 ? `, ${failing.length} failing` : '';
  return `ring ${rule.name}: ${successful}/${expected} have it, ${good}/${expected} well${bad}; ${state}`;
}

/** `complete` when nobody runs the stopped version any more. */
export interface Back {
  readonly complete: boolean;
  readonly text: string;
}

function unhealthy(why: string, { text }: Back): Trouble {
  return new Trouble('unhealthy', `${why}. ${text}`);
}

/** Puts what ran before above a deployment that was stopped, and waits until its gateways have it. */
async function goBack(work: Work, stopped: Stored): Promise<Back> {
  const { hub, plan, calls, tell, signal } = work;
  if (stopped.targetCondition === NOBODY) return { complete: true, text: `nobody had ${stopped.id}` };
  const all = await hub.list();
  const earlier = before(all, stopped);
  if (earlier === undefined) {
    return { complete: false, text: `${stopped.id} is stopped, and there is nothing earlier to go back to` };
  }
  const id = backId(stopped, earlier);
  const { version } = earlier.memory;
  tell('back', `putting ${version} above ${stopped.id}, as ${id}`, { id, version });
  const wanted: Deployment = {
    id,
    priority: stopped.priority + 1,
    targetCondition: NOBODY,
    content: earlier.content,
    metrics: metricsOf(plan, version),
    memory: { layer: stopped.memory.layer, version, state: 'back', insteadOf: stopped.id },
  };
  const there = all.find((one) => one.id === id);
  // Read back before it is given to anybody, as every content.
  if (there === undefined || there.targetCondition === NOBODY) await hub.ensure(wanted);
  await hub.ensure({ ...wanted, targetCondition: stopped.targetCondition });
  const since = calls.clock.now();
  const within = Math.max(...plan.rollout.rings.map((ring) => ring.within));
  for (;;) {
    const expected = await hub.count(stopped.targetCondition);
    const { targetedCount = 0, reportedSuccessfulCount = 0 } = (await hub.get(id))?.counts ?? {};
    const said = `${reportedSuccessfulCount} of ${expected} gateways are back at ${version}`;
    tell('progress', said, { id, expected, successful: reportedSuccessfulCount });
    if (targetedCount >= expected && reportedSuccessfulCount >= expected) return { complete: true, text: said };
    if (calls.clock.now() - since > within)
      return { complete: false, text: `${said}; the others have not answered, and will go back when they do` };
    await calls.clock.sleep(plan.rollout.poll, signal);
  }
}

/** Takes the layer's newest deployment back because somebody says so. @throws Trouble when there is none to take back */
export async function rollback(work: Work): Promise<Back> {
  const { layer } = work.plan.rollout;
  const top = historyOf(await work.hub.list(), layer.name).at(-1);
  if (top === undefined) throw new Trouble('refused', `the hub has no deployment of ${layer.name}`);
  const { state, insteadOf, version } = top.memory;
  if (state === 'back') throw new Trouble('refused', `${insteadOf} was taken back to ${version} already`);
  const stopped = await work.hub.ensure({ ...top, memory: { ...top.memory, state: 'stopped' } });
  return goBack(work, stopped);
}

/** What the service says against the conditions and metrics of the roll-out. */
export async function check({ plan, hub }: Work): Promise<string[]> {
  const { rings, layer } = plan.rollout;
  return hub.test(ringCondition(plan, rings.length - 1), metricsOf(plan, layer.version));
}

/** The rings up to one, as a target condition. */
export function ringCondition({ fleet, rollout: { rings, tag } }: Plan, upTo: number): string {
  const names = rings.slice(0, upTo + 1).map(({ name }) => `tags.${tag} = '${name}'`);
  return `(${fleet}) AND (${names.join(' OR ')})`;
}

function wellQuery({ rollout: { module } }: Plan, version: string, sign: '=' | '!='): string {
  const text = version.replaceAll("'", "''");
  return (
    `moduleId = '${module}' AND properties.reported.version = '${text}' ` +
    `AND properties.reported.health ${sign} 'good'`
  );
}

function metricsOf(plan: Plan, version: string): Record<string, string> {
  return { good: `SELECT deviceId FROM devices.modules WHERE ${wellQuery(plan, version, '=')}` };
}

/** @throws Trouble when the hub takes no more */
export function roomFor(all: readonly Stored[], tell: Tell): void {
  // One for the version, one for the way back.
  const left = MOST_CONFIGURATIONS - all.length;
  if (left >= 10) return;
  const spare = removable(all).map(({ id }) => id);
  const advice = spare.length === 0 ? 'none of ours may be removed' : `"tidy" would remove ${spare.join(', ')}`;
  const text = `the hub has ${all.length} of ${MOST_CONFIGURATIONS} configurations; ${advice}`;
  if (left < 2) throw new Trouble('refused', text);
  tell('warning', text);
}

/** A base stands below its layers, or they would not be laid over it. @throws Trouble */
export function baseBelow(all: readonly Stored[], content: Content, priority: number): void {
  const against = all.filter((one) => !one.foreign && isLayer(one.content) !== isLayer(content));
  const wrong = isLayer(content)
    ? against.find((base) => base.priority >= priority)
    : against.find((layer) => layer.priority <= priority);
  if (wrong === undefined) return;
  const place = isLayer(content) ? `above the base ${wrong.id}` : `below the layer ${wrong.id}`;
  throw new Trouble('refused', `priority ${priority} is not ${place}, which has ${wrong.priority}`);
}
