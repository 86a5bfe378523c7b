// The mapping language of the hub: where readings go, and in which form.

import { z } from 'zod';
import { address, duration, text, VARIABLES } from '../fields.ts';
import { passwordUser } from './user.ts';

const hubCommon = {
  format: z
    .enum(['rows', 'columns', 'opcua-pubsub'])
    .default('rows')
    .describe(
      'rows: JSON Lines, one object per reading. columns: the same facts in columns, the cheapest. opcua-pubsub: OPC UA Part 14 JSON.',
    ),
  compression: z.enum(['gzip', 'none']).default('gzip').describe('Compression of the message body.'),
  maxDelay: duration().prefault('1s').describe('Longest that a reading waits for its message to fill.'),
};

export const hub = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('iot-edge').describe("edgeHub, next to the gateway's own container."),
    ...hubCommon,
    transport: z
      .enum(['auto', 'mqtt', 'amqp', 'amqp-ws'])
      .default('auto')
      .describe(
        'mqtt: port 8883. amqp: port 5671. amqp-ws: AMQP over WebSockets, port 443. auto: mqtt, and amqp where edgeHub does not answer over MQTT (1.6.0 and 1.6.1 do not).',
      ),
  }),
  z.strictObject({
    type: z.literal('mqtt').describe('An MQTT broker.'),
    ...hubCommon,
    url: address('mqtt|mqtts', 'mqtt://host:1883').describe(
      `The broker: mqtt://host:1883 or mqtts://host:8883. ${VARIABLES}`,
    ),
    topic: text('site/{site}/{gateway}')
      .regex(/^[^#+\0]+$/, 'a topic to publish to has no "#" and no "+"')
      .default('site/{site}/{gateway}')
      .describe('Topic; {site} and {gateway} are filled in.'),
    user: passwordUser.optional().describe('User name with passwordFile or passwordEnv.'),
    ca: text('/etc/ssl/broker-ca.pem').optional().describe('File with the CA certificates of the broker.'),
  }),
  z.strictObject({
    type: z.literal('jsonl').describe('A file of JSON Lines.'),
    ...hubCommon,
    path: text('readings.jsonl').describe('File to append to; "-" is standard output.'),
  }),
]);

export type HubConfig = z.output<typeof hub>;
