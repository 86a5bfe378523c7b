// What the filter says of each kind of message below `$iothub/`.

import { expect, test } from 'vitest';
import { look } from '../../../agent/src/delivery/hubs/control-filter.ts';

const METHODS = ['ping'];
const deep = (levels: number) => `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`;
const DESIRED = '$iothub/twin/PATCH/properties/desired/?$version=2';
const CALL = '$iothub/methods/POST/ping/?$rid=1';

test.each([
  ['devices/d/modules/m/inputs/a/', 'no JSON', 'pass'],
  [CALL, '{}', 'pass'],
  [CALL, '', 'pass'],
  [CALL, '"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["', 'pass'],
  [CALL, '"\\"[{[{[{[{[{[{[{[{[{[{[{[{[{[{[{[{[{[{["', 'pass'],
  [CALL, deep(32), 'pass'],
  [CALL, deep(33), 'answer'],
  [CALL, '{', 'answer'],
  [CALL, ' '.repeat(300_000), 'answer'],
  ['$iothub/methods/POST/pong/?$rid=1', '{}', 'answer'],
  ['$iothub/methods/POST/ping/?$rid=', '{}', 'drop'],
  ['$iothub/methods/POST/ping/', '{}', 'drop'],
  ['$iothub/methods/POST/ping/?$rid=a/#', '{}', 'drop'],
  [DESIRED, '{"a":1,"$version":2}', 'pass'],
  [DESIRED, 'null', 'drop'],
  [DESIRED, '[1]', 'drop'],
  [DESIRED, '', 'drop'],
  [DESIRED, deep(40), 'drop'],
  ['$iothub/twin/res/200/?$rid=1', '{"desired":{},"reported":{}}', 'pass'],
  ['$iothub/twin/res/200/?$rid=1', '{"desired":{}}', 'drop'],
  ['$iothub/twin/res/200/?$rid=1', 'null', 'drop'],
  ['$iothub/twin/res/200/?$rid=1', '', 'drop'],
  ['$iothub/twin/res/204/?$rid=1&$version=3', '', 'pass'],
  ['$iothub/twin/res/400/?$rid=1', '{"errorCode":400}', 'pass'],
  ['$iothub/twin/res/429/?$rid=1', 'busy', 'drop'],
  ['$iothub/else', '{}', 'drop'],
])('%s %.30s: %s', (topic, payload, verdict) => {
  expect(look(topic, Buffer.from(payload), METHODS).do).toBe(verdict);
});

test('a method that there is not gets the list of those that there are', () => {
  expect(look('$iothub/methods/POST/pong/?$rid=7', Buffer.from(''), ['ping', 'status'])).toEqual({
    do: 'answer',
    rid: '7',
    status: 404,
    body: { code: 'unknown-method', message: 'there is no method "pong"; there are ping, status' },
  });
});
