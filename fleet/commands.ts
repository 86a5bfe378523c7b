// The commands of fieldgate-fleet, from arguments to an exit code. Whatever happens, what was said last says how to go on.

import { parseArgs } from 'node:util';
import { formatMistake } from '../agent/src/config/mistake.ts';
import { describe } from '../agent/src/model/fault.ts';
import { busiestMinute } from './budget.ts';
import { Calls } from './calls.ts';
import type { Clock } from './clock.ts';
import { HUB_SCOPE, PROVISIONING_SCOPE } from './connection.ts';
import { differences, enrol, groupOf, openEnrolments } from './enrolment.ts';
import { removable } from './history.ts';
import { openHub } from './hub.ts';
import { outputTo } from './output.ts';
import { loadPlan, type Plan } from './plan.ts';
import { previewRollout, status } from './preview.ts';
import { publish } from './publish.ts';
import { rollback, rollout, type Tell, type Work } from './rollout.ts';
import { EXIT_CODES, Trouble } from './trouble.ts';

export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly out: { write(text: string): unknown; readonly isTTY?: boolean; readonly columns?: number };
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** PEM of a CA to trust; NODE_EXTRA_CA_CERTS does the same for a process. */
  readonly ca?: string;
  /** Longest that a request may take, ms. */
  readonly deadline?: number;
  readonly patience?: number;
}

const USAGE = `usage: npm run -s fleet -- COMMAND PLAN [options]

  enrol PLAN               the enrolment group, with what is different
  publish PLAN [LAYER…]    layers that go out at once
  rollout PLAN             the next version, ring by ring; killed, the same command goes on
  rollback PLAN            the version before, above the newest
  status PLAN              what the hub has, and what the gateways run
  tidy PLAN                removes deployments that nobody needs any more

  --plan           says what would be done, writes nothing
  --manifest FILE  rollout: this manifest instead of the plan's
  --json           an object a line

The hub is asked as whoever the machine is (Entra ID). FIELDGATE_FLEET_HUB and FIELDGATE_FLEET_PROVISIONING may hold
connection strings instead. Exit: 0 done, 1 a ring failed and was taken back, 2 usage or plan, 3 refused by what is
there, 4 the service does not answer, 5 not let in.
`;

interface Given {
  readonly plan: Plan;
  readonly only: boolean;
  readonly names: readonly string[];
  readonly calls: Calls;
  readonly tell: Tell;
  readonly around: Surroundings;
}

const COMMANDS: Readonly<Record<string, (given: Given) => Promise<void>>> = {
  enrol: async ({ plan, only, calls, tell, around }) => {
    const wanted = groupOf(plan);
    const { service, group } = plan.enrolment!;
    const connectionString = around.env.FIELDGATE_FLEET_PROVISIONING;
    const enrolments = await openEnrolments(
      { ...access(around), host: service, scope: PROVISIONING_SCOPE, connectionString },
      calls,
    );
    const lines = differences(await enrolments.get(group), wanted);
    for (const line of lines) tell('difference', `${group}: ${line}`, { line });
    if (lines.length === 0) return tell('done', `${group} is as the plan says`);
    if (only) return tell('plan', 'nothing was written');
    await enrol(enrolments, wanted);
    tell('done', `${group} is written and read back`);
  },
  publish: async (given) => {
    const { plan, names, only } = given;
    const unknown = names.find((name) => !plan.layers.some((layer) => layer.name === name));
    if (unknown !== undefined)
      throw new Trouble(
        'usage',
        `${plan.file} has no layer ${unknown}; there are ${plan.layers.map(({ name }) => name).join(', ')}`,
      );
    const layers = plan.layers.filter(({ name }) => names.length === 0 || names.includes(name));
    // The base first: layers are laid over it.
    const sorted = layers.toSorted((a, b) => a.priority - b.priority);
    const done = await publish(await workOf(given), sorted, only);
    const written = done.filter(({ did }) => did !== 'nothing').length;
    given.tell('done', only ? 'nothing was written' : `${written} of ${done.length} layers were written`);
  },
  rollout: async (given) => {
    const work = await workOf(given);
    if (given.only) await previewRollout(work);
    else await rollout(work);
  },
  rollback: async (given) => {
    if (given.only) throw new Trouble('usage', 'rollback has no --plan: "rollout --plan" says what it would take back');
    const { complete, text } = await rollback(await workOf(given));
    if (!complete) throw new Trouble('unhealthy', text);
    given.tell('done', text);
  },
  status: async (given) => status(await workOf(given)),
  tidy: async (given) => {
    const { hub } = await workOf(given);
    const spare = removable(await hub.list());
    for (const { id } of spare) {
      given.tell('remove', given.only ? `would remove ${id}` : `removing ${id}`, { id });
      if (!given.only) await hub.remove(id);
    }
    given.tell('done', spare.length === 0 ? 'there is nothing that may be removed' : `${spare.length} deployments`);
  },
};

function access({ ca, deadline }: Surroundings) {
  return { ca, deadline };
}

async function workOf({ plan, calls, tell, around }: Given): Promise<Work> {
  const connectionString = around.env.FIELDGATE_FLEET_HUB;
  const hub = await openHub({ ...access(around), host: plan.hub, scope: HUB_SCOPE, connectionString }, calls);
  return { plan, hub, calls, tell, signal: around.signal };
}

/** Runs a command; resolves with the exit code, and never rejects. */
export async function run(args: readonly string[], around: Surroundings): Promise<number> {
  const { clock, signal, patience } = around;
  const json = args.includes('--json');
  const { tell, end } = outputTo(around.out, { json, now: () => clock.now() });
  const start = clock.now();
  let calls: Calls | undefined;
  try {
    const { name, file, names, only, manifest } = parse(args);
    if (name === 'help') {
      around.out.write(USAGE);
      return 0;
    }
    const plan = loadPlan(file, { manifest });
    if ('mistakes' in plan) {
      for (const mistake of plan.mistakes) {
        if (json) tell('mistake', formatMistake(mistake), { ...mistake });
        else around.out.write(`${formatMistake(mistake)}\n`);
      }
      return EXIT_CODES.usage;
    }
    const told = (text: string) => tell('again', text);
    calls = new Calls({ clock, signal, units: plan.units, patience, told });
    await COMMANDS[name]!({ plan, only, names, calls, tell, around });
    account(calls, tell, clock.now() - start);
    return 0;
  } catch (error) {
    const { code, message } =
      error instanceof Trouble ? error : new Trouble('service', `unexpected: ${describe(error)}`, error);
    if (calls !== undefined) account(calls, tell, clock.now() - start);
    tell('trouble', message, { code, exit: EXIT_CODES[code] });
    return EXIT_CODES[code];
  } finally {
    end();
  }
}

function account({ counts }: Calls, tell: Tell, took: number): void {
  const { writes, calls, throttled, repeated } = counts;
  const busiest = busiestMinute(writes);
  const text =
    `${writes.length} writes (${busiest} in the busiest minute), ${calls} calls, ${throttled} throttled, ` +
    `${repeated} repeated, ${Math.round(took / 1_000)} s`;
  tell('account', text, {
    writes: writes.length,
    busiest,
    calls,
    throttled,
    repeated,
    seconds: Math.round(took / 1_000),
  });
}

function parse(args: readonly string[]) {
  let parsed: ReturnType<typeof cut>;
  try {
    parsed = cut(args);
  } catch (error) {
    throw new Trouble('usage', `${describe(error)}\n${USAGE}`, error);
  }
  const { values, positionals } = parsed;
  const [name = 'help', file = '', ...names] = positionals;
  if (values.help === true || name === 'help') return { name: 'help', file, names, only: false, manifest: undefined };
  if (!Object.hasOwn(COMMANDS, name)) throw new Trouble('usage', `there is no command "${name}"\n${USAGE}`);
  if (file === '') throw new Trouble('usage', `${name} needs a plan\n${USAGE}`);
  if (names.length > 0 && name !== 'publish') throw new Trouble('usage', `"${names[0]}" is not expected`);
  if (values.manifest !== undefined && name !== 'rollout') throw new Trouble('usage', '--manifest is for rollout');
  return { name, file, names, only: values.plan === true, manifest: values.manifest };
}

function cut(args: readonly string[]) {
  return parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      plan: { type: 'boolean' },
      json: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
      manifest: { type: 'string' },
    },
  });
}
