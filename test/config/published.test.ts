// The published JSON Schema in the hands of somebody else's validator (ajv, which editors use): it marks nothing in a
// mapping that `check` finds clean, and what it cannot see of a wrong one is listed here with the reason.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import { parseDocument } from 'yaml';
import { loadMapping } from '../../agent/src/config/load.ts';

const root = join(import.meta.dirname, '../..');
const wrong = join(import.meta.dirname, 'wrong');
const samples = join(root, 'deploy/iot-edge/samples');
const schema = JSON.parse(readFileSync(join(root, 'fieldgate.schema.json'), 'utf8'));
// Formats are for people and for pickers in editors; the pattern beside each is what counts.
const validate = new Ajv({ strict: false, allErrors: true, validateFormats: false }).compile(schema);

/** What the schema says to a file: undefined when it is no YAML that an editor could show to it. */
function verdict(path: string): boolean | undefined {
  const text = readFileSync(path, 'utf8').replace(/^\ufeff/, '');
  const document = parseDocument(text, { uniqueKeys: true, logLevel: 'silent' });
  if (document.errors.length > 0) return undefined;
  try {
    return validate(document.toJS({ maxAliasCount: 100 }));
  } catch (thrown) {
    if (thrown instanceof ReferenceError || thrown instanceof RangeError) return undefined;
    throw thrown;
  }
}

const names = (folder: string) => readdirSync(folder).filter((name) => name.endsWith('.yaml'));

describe('the published schema', () => {
  it.each(names(samples))('finds nothing in %s', (name) => {
    expect(verdict(join(samples, name)), JSON.stringify(validate.errors?.slice(0, 3))).toBe(true);
  });

  it('says what check says, but for what a schema cannot know', async () => {
    const unseen: string[] = [];
    for (const name of names(wrong)) {
      const loaded = await loadMapping(join(wrong, name), { env: {}, today: new Date('2026-11-22T12:00:00Z') });
      const seen = verdict(join(wrong, name));
      if (!('mistakes' in loaded))
        expect(seen, `${name} ${JSON.stringify(validate.errors?.slice(0, 3))}`).not.toBe(false);
      else if (seen === true) unseen.push(name.slice(0, -'.yaml'.length));
    }
    // A new wrong file in which the schema sees nothing is listed below, with the reason.
    expect(unseen.sort(), 'wrong files in which the schema sees nothing').toEqual(Object.keys(UNSEEN).sort());
  });
});

const CSV = 'stands in a CSV file';
const TWO_KEYS = 'is in how several keys go together';

/** Wrong files in which the schema sees nothing, and why. */
const UNSEEN: Readonly<Record<string, string>> = {
  'endpoint-missing': TWO_KEYS,
  'beyond-the-end': TWO_KEYS,
  bits: TWO_KEYS,
  'csv-cells': CSV,
  'csv-crlf-and-bom': CSV,
  'csv-empty': CSV,
  'csv-header': CSV,
  'csv-latin1': CSV,
  'csv-quotes': CSV,
  'csv-tabs': CSV,
  'csv-too-many-cells': CSV,
  'csv-utf16': CSV,
  'csv-without-name': CSV,
  'duplicate-tags': 'is a name in another source or file',
  'endpoint-with-user': 'the pattern of an address is only its beginning',
  latin1: 'an editor shows what it could not read as other characters',
  'modbus-one-port': 'is in two sources together',
  'numbers-only': TWO_KEYS,
  'password-in-url': 'the pattern of an address is only its beginning',
  'percent-of-defaults': TWO_KEYS,
  'percent-without-range': TWO_KEYS,
  'policy-none': TWO_KEYS,
  'policy-without-mode': TWO_KEYS,
  'sign-with-password': TWO_KEYS,
  'string-too-long': TWO_KEYS,
  'template-bits': 'is a parameter that goes into an address',
  'template-none': 'is a name that stands nowhere else in the file',
  'template-rows': CSV,
  'two-documents': 'an editor takes each document by itself',
  'user-two-secrets': TWO_KEYS,
  'waiver-past': 'is the day of today',
};
