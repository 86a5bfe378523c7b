// Prints `passed failed` from vitest's JSON report. Plain JavaScript, for the Node that the host happens to have. A test file that could not be loaded has no tests to count and is
// one failure; a report that is missing or says less than it should is one failure too, never none.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** @returns {{ passed: number, failed: number }} */
export function count(report) {
  const files = Array.isArray(report?.testResults) ? report.testResults : [];
  const states = files.flatMap((file) => (file.assertionResults ?? []).map((test) => test.status));
  const passed = states.filter((status) => status === 'passed').length;
  const broken = files.filter(
    (file) => file.status === 'failed' && !(file.assertionResults ?? []).some((test) => test.status === 'failed'),
  ).length;
  const failed = states.filter((status) => status === 'failed').length + broken;
  const unexplained = failed === 0 && (report?.success !== true || passed === 0);
  return { passed, failed: unexplained ? 1 : failed };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  let report;
  try {
    report = JSON.parse(readFileSync(process.argv[2], 'utf8'));
  } catch (error) {
    console.error(`no test report: ${error.message}`);
  }
  const { passed, failed } = count(report);
  console.log(`${passed} ${failed}`);
}
