// What the bench makes of a command's output: a run without tests, without a summary, or with half of its output is
// never a pass.

import { describe, expect, it } from 'vitest';
import { counts } from '../../cloud/terraform/testing/run/report.ts';
import { readTestOutput } from '../../cloud/terraform/testing/run/suite.ts';
import type { Target } from '../../cloud/terraform/testing/run/targets.ts';

const TARGET: Target = { kind: 'module', folder: '/nowhere/modules/x', name: 'modules/x' };
const line = (message: object) => JSON.stringify(message);
const RUN = { '@testfile': 'tests/unit/a.tftest.hcl', '@testrun': 'a' };
const PASSED = line({ ...RUN, test_run: { path: 'tests/unit/a.tftest.hcl', run: 'a', status: 'pass' } });
const SUMMARY = line({ test_summary: { status: 'pass', passed: 1, failed: 0, errored: 0 } });
const HUB = { address: 'azurerm_iothub.this', mode: 'managed', type: 'azurerm_iothub', values: { name: 'iot' } };

describe('the output of terraform test', () => {
  it('gives the resources of a run, as Terraform prints them and as OpenTofu does', () => {
    const nested = { resources: [], child_modules: [{ resources: [HUB] }] };
    for (const test_state of [{ root_module: nested }, { values: { root_module: nested } }]) {
      const output = [PASSED, line({ ...RUN, test_state }), SUMMARY].join('\n');
      const { runs, problems } = readTestOutput(TARGET, output);
      expect(problems).toEqual([]);
      expect(runs).toEqual([
        { file: 'tests/unit/a.tftest.hcl', name: 'a', status: 'pass', applied: true, instances: [HUB] },
      ]);
    }
  });

  it('is a problem when it ends early or is no JSON', () => {
    expect(readTestOutput(TARGET, PASSED).problems).toHaveLength(1);
    expect(readTestOutput(TARGET, `${PASSED}\nout of memory\n${SUMMARY}`).problems).toHaveLength(1);
  });

  it('names file and line of a failed assertion', () => {
    const range = { filename: 'tests/unit/a.tftest.hcl', start: { line: 7 } };
    const diagnostic = { severity: 'error', summary: 'Test assertion failed', detail: 'no', range };
    const { problems } = readTestOutput(TARGET, [line({ ...RUN, diagnostic }), SUMMARY].join('\n'));
    expect(problems[0]?.where).toBe('modules/x/tests/unit/a.tftest.hcl:7');
  });
});

describe('the totals', () => {
  it('count each run and each folder, and a folder with a problem as failed', () => {
    const run = { file: 'f', name: 'a', status: 'pass', applied: true, instances: [] };
    const fine = { target: TARGET, problems: [], runs: [run], seconds: 1 };
    const broken = { ...fine, runs: [], problems: [{ where: 'x', what: 'y' }] };
    expect(counts([fine])).toEqual({ passed: 2, failed: 0 });
    expect(counts([fine, broken])).toEqual({ passed: 2, failed: 1 });
  });
});
