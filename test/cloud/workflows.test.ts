// The workflows of the cloud side: no secrets, no more rights than needed, a time limit on every job, one run for each
// state at a time, every action named with its version, every stack and environment in every workflow.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';

const ROOT = join(import.meta.dirname, '..', '..');
const FOLDER = join(ROOT, '.github', 'workflows');

interface Step {
  readonly uses?: string;
  readonly run?: string;
  readonly with?: Readonly<Record<string, unknown>>;
}

interface Job {
  readonly uses?: string;
  readonly with?: Readonly<Record<string, string>>;
  readonly permissions?: Readonly<Record<string, string>>;
  readonly 'timeout-minutes'?: number;
  readonly environment?: string;
  readonly steps?: readonly Step[];
  readonly strategy?: { readonly matrix?: { readonly include?: readonly Readonly<Record<string, string>>[] } };
}

interface Workflow {
  readonly permissions?: Readonly<Record<string, string>>;
  readonly concurrency?: unknown;
  readonly jobs: Readonly<Record<string, Job>>;
}

const files = readdirSync(FOLDER).sort();
const text = (file: string) => readFileSync(join(FOLDER, file), 'utf8');
const workflow = (file: string) => parse(text(file)) as Workflow;

/** What is wrong with a workflow, in words. */
function findings({ permissions, concurrency, jobs }: Workflow, source: string): string[] {
  const found: string[] = [];
  if (JSON.stringify(permissions) !== '{"contents":"read"}') found.push('the workflow may do more than read');
  if (concurrency === undefined) found.push('nothing keeps two runs apart');
  if (/\bsecrets\s*[.[]/.test(source)) found.push('uses a secret');
  if (/pull_request_target/.test(source)) found.push('runs with rights on code of strangers');
  for (const [name, job] of Object.entries(jobs)) {
    for (const [scope, right] of Object.entries(job.permissions ?? {})) {
      const allowed = ['contents:read', 'id-token:write', 'issues:write'];
      if (!allowed.includes(`${scope}:${right}`)) found.push(`${name} has ${scope}: ${right}`);
    }
    if (job.uses !== undefined) {
      if (!job.uses.startsWith('./')) found.push(`${name} calls a workflow from elsewhere`);
      continue;
    }
    if (job['timeout-minutes'] === undefined) found.push(`${name} has no time limit`);
    const steps = job.steps ?? [];
    const signsIn = steps.some(({ uses }) => uses?.startsWith('azure/login@'));
    const token = job.permissions?.['id-token'] === 'write';
    if (signsIn !== token) found.push(`${name}: the right to a token and the sign-in go together`);
    if (signsIn && job.environment === undefined) found.push(`${name} signs in outside of an environment`);
    for (const step of steps) {
      if (step.uses !== undefined && !/^[\w-]+\/[\w./-]+@(?:v\d[\w.]*|[\da-f]{40})$/.test(step.uses)) {
        found.push(`${name}: ${step.uses} has no version`);
      }
      if (step.uses?.startsWith('actions/checkout@') && step.with?.['persist-credentials'] !== false) {
        found.push(`${name} leaves its token in the work tree`);
      }
      // an expression inside a script is code of whoever writes its value
      if (/\$\{\{\s*(?:github\.event|github\.head_ref)/.test(step.run ?? ''))
        found.push(`${name}: an event in a script`);
      if (step.run !== undefined && /terraform (?:apply|destroy)/.test(step.run) && /-auto-approve/.test(step.run)) {
        found.push(`${name} applies what nobody has seen`);
      }
    }
  }
  return found;
}

const EXPRESSION = (inner: string) => ['$', `{{ ${inner} }}`].join('');

describe('the workflows', () => {
  it.each(files)('%s is in order', (file) => {
    expect(findings(workflow(file), text(file))).toEqual([]);
  });

  it('name every stack with every environment it has', () => {
    const stacks = join(ROOT, 'cloud', 'terraform', 'stacks');
    const wanted = readdirSync(stacks).flatMap((stack) =>
      readdirSync(join(stacks, stack, 'envs'))
        .filter((file) => file.endsWith('.tfvars'))
        .map((file) => `${stack} ${file.replace('.tfvars', '')}`),
    );
    const pair = (one: Readonly<Record<string, string>> | undefined) => `${one?.stack} ${one?.target}`;
    for (const [file, job] of [
      ['terraform-pr.yml', 'plan'],
      ['terraform-drift.yml', 'drift'],
    ] as const) {
      expect(workflow(file).jobs[job]?.strategy?.matrix?.include?.map(pair).sort(), file).toEqual(wanted.sort());
    }
    expect(
      Object.values(workflow('terraform-apply.yml').jobs)
        .map((job) => pair(job.with))
        .sort(),
    ).toEqual(wanted.sort());
  });

  const good = workflow('terraform-stack.yml');
  const apply = good.jobs.apply!;
  const changed = (job: Partial<Job>): Workflow => ({ ...good, jobs: { apply: { ...apply, ...job } } });
  it.each<[string, Workflow, string, RegExp]>([
    ['a right too many', { ...good, permissions: { contents: 'write' } }, '', /may do more than read/],
    [
      'a job that may write',
      changed({ permissions: { contents: 'write', 'id-token': 'write' } }),
      '',
      /contents: write/,
    ],
    ['a secret', good, EXPRESSION('secrets.KEY'), /uses a secret/],
    ['a run beside another', { ...good, concurrency: undefined }, '', /keeps two runs apart/],
    [
      'no time limit',
      { ...good, jobs: { apply: { ...apply, 'timeout-minutes': undefined } as unknown as Job } },
      '',
      /no time limit/,
    ],
    ['an action without a version', changed({ steps: [...apply.steps!, { uses: 'a/b@main' }] }), '', /has no version/],
    [
      'an unseen apply',
      changed({ steps: [...apply.steps!, { run: 'terraform apply -auto-approve' }] }),
      '',
      /nobody has seen/,
    ],
    [
      'an event in a script',
      changed({ steps: [...apply.steps!, { run: `echo ${EXPRESSION('github.event.title')}` }] }),
      '',
      /an event in a script/,
    ],
    ['a token without a sign-in', changed({ steps: [] }), '', /go together/],
  ])('%s is found', (_, planted, source, expected) => {
    expect(findings(planted, source).join('\n')).toMatch(expected);
  });
});
