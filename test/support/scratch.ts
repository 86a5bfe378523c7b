// Scratch folders for tests: made under the system's temporary folder, removed when the test file ends.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';

const folders: string[] = [];

// Registered here and not in `scratch`, because within a test nothing can be registered for the end of the file.
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A new empty folder that lives until the test file has ended. */
export function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), 'fieldgate-test-'));
  folders.push(folder);
  return folder;
}
