// The mapping language of OPC UA: sources and their tags.

import { z } from 'zod';
import { address, date, duration, tagName, text, VARIABLES, whole } from '../fields.ts';
import { nodeIdProblem } from '../nodeid.ts';
import { common, NAMES, tagCommon, tagFiles, uses } from './tag.ts';
import { user } from './user.ts';

const mode = z
  .enum(['subscribe', 'poll'], { error: 'write subscribe or poll' })
  .describe(
    'subscribe: the server samples and sends changes. poll: the gateway reads again and again, for servers without subscriptions.',
  );

const history = z
  .enum(['auto', 'none'], { error: 'write auto or none' })
  .describe("auto: after a gap, what the server's own history holds is read afterwards. none: it is not.");

const enumText = z
  .boolean({ error: 'write true or false' })
  .describe(
    'true: the text of an enumeration or a discrete state is sent in place of its number, as the server has it: Running. Default: false.',
  );

export const opcuaTag = z.strictObject(
  {
    ...tagCommon,
    node: z
      .string({ error: 'write a node id, like "nsu=urn:vendor:plc;s=FIC101.PV"' })
      .superRefine((given, context) => {
        const message = nodeIdProblem(given);
        if (message !== undefined) context.addIssue({ code: 'custom', message });
      })
      .meta({ pattern: '^(nsu=[^;]+;|ns=\\d+;)?[isgb]=.+$' })
      .optional()
      .describe('Node id. With nsu= it survives a change of the namespace index: "nsu=urn:lavera:dcs;s=20FIC101.PV".'),
    path: z
      .string({ error: 'write a browse path that begins with "/", like /Objects/Crude unit/FIC101' })
      .regex(/^\/[^/]/)
      .optional()
      .describe('Browse path, instead of node: /Objects/Crude unit/FIC101.'),
    sampling: duration(0, '500ms')
      .optional()
      .describe('How often the server looks at the signal, or the gateway polls it. Default: 1s.'),
    mode: mode.optional(),
    history: history.optional(),
    enumText: enumText.optional(),
  },
  { error: 'write { node: "nsu=urn:vendor:plc;s=FIC101.PV" }' },
);

const nodeId = z.string({ error: 'write a node id, like "i=2253"' }).superRefine((given, context) => {
  const message = nodeIdProblem(given);
  if (message !== undefined) context.addIssue({ code: 'custom', message });
});

const events = z
  .strictObject(
    {
      notifier: nodeId
        .default('i=2253')
        .describe('The object whose events are wanted. Default: i=2253, the server itself, which tells all of them.'),
      severityFrom: whole(1, 1_000)
        .default(1)
        .describe('Events of this severity and more urgent ones, from 1 to 1000: 300. Default: 1, all of them.'),
      types: z
        .array(nodeId, { error: 'write a list of event types, like [i=2915]' })
        .max(50, 'at most 50 types')
        .default([])
        .describe(
          'Node ids of event types; what is derived from them counts too: i=2915 is every alarm, i=2782 every condition. Default: all types.',
        ),
      fields: z
        .array(
          z
            .string({ error: 'write the name of a field, like HighLimit' })
            .regex(
              /^[^/\s][^/]*(\/[^/\s][^/]*)*$/,
              'write the name of a field, like HighLimit or ActiveState/TransitionTime',
            )
            .max(256, 'at most 256 characters'),
          { error: 'write a list of fields, like [HighLimit, 2:BatchNumber]' },
        )
        .max(50, 'at most 50 fields')
        .default([])
        .describe(
          "More fields of the events, by their browse names: HighLimit, ActiveState/TransitionTime, 2:BatchNumber (a vendor's, with its namespace index).",
        ),
      conditions: z
        .boolean({ error: 'write true or false' })
        .default(true)
        .describe(
          'true: whether an alarm is active, acknowledged and confirmed is sent, and after each connect the server repeats its alarms. false: for servers without alarms and conditions.',
        ),
    },
    { error: 'write { severityFrom: 300 }, or {} for all events' },
  )
  .describe('Alarms and events of the server, sent as lines of their own: { severityFrom: 300 }. Default: none.');

export const opcuaSource = z.strictObject({
  protocol: z.literal('opcua').describe('OPC UA, opc.tcp.'),
  endpoint: address('opc.tcp', 'opc.tcp://10.20.1.15:4840')
    .describe(`The server's endpoint: opc.tcp://10.20.1.15:4840. ${VARIABLES}`)
    .optional(),
  endpoints: z
    .array(address('opc.tcp', 'opc.tcp://10.20.1.15:4840'), {
      error: 'write [opc.tcp://10.20.1.15:4840, opc.tcp://10.20.1.16:4840]',
    })
    .min(2, 'a list of one server is an endpoint: write endpoint: opc.tcp://10.20.1.15:4840')
    .max(8, 'a set has at most 8 servers')
    .optional()
    .describe(`Instead of endpoint: redundant servers of the same signals, the preferred one first. ${VARIABLES}`),
  redundancy: z
    .enum(['auto', 'cold', 'warm', 'hot'], { error: 'write auto, cold, warm or hot' })
    .optional()
    .describe(
      'How the servers of endpoints stand by. cold: a session. warm: with subscriptions, not sampled. hot: sampled like the one in use, so that a change-over loses nothing. auto, the default: as each server says itself.',
    ),
  security: z
    .strictObject(
      {
        policy: z
          .enum(['Basic256Sha256', 'Aes128_Sha256_RsaOaep', 'Aes256_Sha256_RsaPss', 'None'])
          .optional()
          .describe('Security policy; None needs "insecure". Default: the best that both know.'),
        mode: z
          .enum(['Sign', 'SignAndEncrypt', 'None'])
          .default('SignAndEncrypt')
          .describe('Message security mode; None with policy None.'),
      },
      { error: 'write { policy: Basic256Sha256, mode: SignAndEncrypt }' },
    )
    .refine(
      (s) => (s.policy === 'None') === (s.mode === 'None'),
      'needs policy None and mode None together, or neither',
    )
    .optional()
    .describe('How the connection is secured. Default: encrypted, with the best policy that both know.'),
  insecure: z
    .strictObject(
      {
        acceptedBy: text('"OT security officer"').describe('Who accepted it.'),
        until: date.describe('Last day on which it is accepted: 2027-03-31.'),
      },
      { error: 'write { acceptedBy: "OT security officer", until: 2027-03-31 }' },
    )
    .optional()
    .describe('Who accepted a connection without encryption or with an untrusted certificate, and until when.'),
  user: user.optional(),
  publishing: duration(50, '500ms')
    .optional()
    .describe('How often the server sends what it sampled; default: the fastest sampling, from 250ms to 1s.'),
  bridge: duration(0, '30s')
    .prefault('10s')
    .describe("How long a broken link the server's queues should bridge without a loss: 30s."),
  events: events.optional(),
  defaults: opcuaTag
    .pick({ ...common, sampling: true, mode: true, history: true, enumText: true })
    .prefault({})
    .describe('What holds for every tag of the source that says nothing else.'),
  tags: z.record(tagName, opcuaTag, { error: NAMES }).default({}).describe('Tags by name.'),
  tagFiles,
  ...uses,
});

export type OpcUaSource = z.output<typeof opcuaSource>;
export type OpcUaTag = z.output<typeof opcuaTag>;
