// The README shows the mapping that is shipped and tested, to the letter.

import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const file = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

it('shows deploy/iot-edge/samples/lavera.yaml as it is', () => {
  const shown = /```yaml\n([\s\S]*?)```/.exec(file('README.md'))?.[1];
  expect(shown).toBe(file('deploy/iot-edge/samples/lavera.yaml'));
});
