// What CI counts: tests that ran, files that could not be loaded, and never a success where nothing was tested.

import { expect, it } from 'vitest';
import { count } from '../../scripts/test-counts.ts';

const file = (status: string, ...tests: string[]) => ({
  status,
  assertionResults: tests.map((status) => ({ status })),
});

it.each([
  ['all passed', { success: true, testResults: [file('passed', 'passed', 'passed'), file('passed', 'passed')] }, 3, 0],
  ['skipped ones count as neither', { success: true, testResults: [file('passed', 'passed', 'pending')] }, 1, 0],
  ['one failed', { success: false, testResults: [file('failed', 'passed', 'failed')] }, 1, 1],
  ['a file that was not loaded', { success: false, testResults: [file('failed'), file('passed', 'passed')] }, 1, 1],
  ['a hook that failed after its tests', { success: false, testResults: [file('failed', 'passed')] }, 1, 1],
  ['an error outside of the tests', { success: false, testResults: [file('passed', 'passed')] }, 1, 1],
  ['no test', { success: true, testResults: [] }, 0, 1],
  ['no report', undefined, 0, 1],
  ['another shape', { testResults: 'none' }, 0, 1],
])('%s', (_, report, passed, failed) => {
  expect(count(report)).toEqual({ passed, failed });
});
