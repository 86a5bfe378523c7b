// The format that the mapping names is the one that is sent; the shared promises of all formats.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { HubConfig } from '../../../agent/src/config/schema/hub.ts';
import { formatOf } from '../../../agent/src/delivery/formats/formats.ts';
import { BatchBuilder } from '../../../agent/src/model/batch.ts';
import { numbered } from '../../model/readings.ts';

const options = {
  gateway: 'gw-cdu1-01',
  epoch: '20261122T100000-3fa2c1',
  tagOf: (id: number) => ({ name: `20TI${id}.PV`, source: `source-${id % 3}`, unit: 'degC' }),
};
const FORMATS: readonly HubConfig['format'][] = ['rows', 'columns', 'opcua-pubsub'];

test.each(FORMATS)(
  '%s: whatever the entries, every line of the body is JSON, and the same entries give the same body',
  (format) => {
    const made = formatOf({ type: 'iot-edge', format }, options);
    expect(made).toMatchObject({ name: format, contentType: 'application/json' });
    fc.assert(
      fc.property(numbered, (parts) => {
        // Both new: of two sources whose names fall on one DataSetWriterId, the one met first has it.
        const [body, again] = [0, 1].map(() => formatOf({ type: 'iot-edge', format }, options).encode(parts));
        if (body === undefined) throw new Error('no body');
        expect(again).toEqual(body);
        for (const line of body.toString().split('\n')) if (line !== '') JSON.parse(line);
      }),
      { numRuns: 100 },
    );
  },
);

test.each([
  ['iot-edge', undefined],
  ['mqtt', options.epoch],
  ['jsonl', options.epoch],
] as const)('rows to %s name the epoch where the message cannot', (type, epoch) => {
  const builder = new BatchBuilder();
  builder.add(1, 0, 0, 1);
  const body = formatOf({ type, format: 'rows' }, options).encode([{ first: 1, batch: builder.take() }]);
  expect(JSON.parse(body.toString()).epoch).toBe(epoch);
});
