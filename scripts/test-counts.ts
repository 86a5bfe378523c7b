// Prints `passed failed` from vitest's JSON report, for CI. A test file that could not be loaded has no tests to count
// and is one failure; a report that is missing, or says less than it should, is one failure too, never none.

import { readFileSync } from 'node:fs';

/** What is used of the report; nothing of it is taken for granted. */
interface Report {
  readonly success?: unknown;
  readonly testResults?: unknown;
}

interface File {
  readonly status?: string;
  readonly assertionResults?: readonly { readonly status?: string }[];
}

export function count(report: Report | undefined): { readonly passed: number; readonly failed: number } {
  const files: readonly File[] = Array.isArray(report?.testResults) ? report.testResults : [];
  const states = (file: File) => (file.assertionResults ?? []).map(({ status }) => status);
  const all = files.flatMap(states);
  const passed = all.filter((status) => status === 'passed').length;
  const broken = files.filter((file) => file.status === 'failed' && !states(file).includes('failed'));
  const failed = all.filter((status) => status === 'failed').length + broken.length;
  const unexplained = failed === 0 && (report?.success !== true || passed === 0);
  return { passed, failed: unexplained ? 1 : failed };
}

if (import.meta.main) {
  let report: Report | undefined;
  try {
    report = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as Report;
  } catch (error) {
    console.error('no test report:', error instanceof Error ? error.message : error);
  }
  const { passed, failed } = count(report);
  console.log(`${passed} ${failed}`);
}
