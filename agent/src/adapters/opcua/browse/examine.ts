// The chain from the name of an OPC UA server to its tags, link by link, each told in words with its figures and what
// to do; it ends at the first link that is broken.

import { connect } from 'node:net';
import { AttributeIds, DataType } from 'node-opcua-client';
import { describe, Fault, type FaultCode } from '../../../model/fault.ts';
import { isGood, statusName } from '../../../model/status.ts';
import type { ConnectionFacts } from '../../adapter.ts';
import { within } from '../../deadline.ts';
import { findRoute, resolveName } from '../../reach.ts';
import type { Answer, Finding } from '../../survey.ts';
import { typed } from '../../typed.ts';
import type { Visit } from '../link/visit.ts';
import type { OpcUaOptions } from '../source/options.ts';
import { aboutServer, tellAbout } from './about.ts';
import { readTags } from './read.ts';

const DEADLINE_MS = 5_000;
const DAY = 86_400_000;
/** Servers refuse messages whose time is off by more than a few minutes; histories suffer before that. */
const CLOCK_ODD_MS = 1_000;
const CLOCK_BROKEN_MS = 300_000;

/**
 * @param endpoints of the servers that serve the same; the chain of each is told
 * @param visit opens a session with options added
 */
export async function* examine(
  options: OpcUaOptions,
  endpoints: readonly string[],
  signal: AbortSignal,
  visit: (more: Partial<OpcUaOptions>) => AsyncIterable<Visit>,
): AsyncGenerator<Finding> {
  for (const [i, endpoint] of endpoints.entries()) {
    if (endpoints.length > 1) {
      yield { step: 'endpoint', verdict: 'good', what: `${i + 1} of ${endpoints.length}: ${endpoint}` };
    }
    yield* chain({ ...options, endpoint }, endpoints.length, signal, (more) => visit({ ...more, endpoint }));
  }
}

async function* chain(
  options: OpcUaOptions,
  endpoints: number,
  signal: AbortSignal,
  visit: (more: Partial<OpcUaOptions>) => AsyncIterable<Visit>,
): AsyncGenerator<Finding> {
  const url = URL.parse(options.endpoint);
  const host = url?.hostname.replace(/^\[|\]$/g, '') ?? options.endpoint;
  const { finding, address } = await resolveName(host);
  yield finding;
  if (address === undefined) return;
  const route = await findRoute(address);
  yield route;
  if (route.verdict === 'broken') return;
  const port = await reachable(address, Number(url?.port) || 4840, signal);
  yield port;
  if (port.verdict === 'broken') return;

  let told: ConnectionFacts | undefined;
  const begin = performance.now();
  try {
    for await (const open of visit({ tell: (facts) => (told = facts) })) {
      yield {
        step: 'security',
        verdict: 'good',
        what: securityOf(options, told),
      };
      for (const finding of certificates(told)) yield finding;
      const who = !options.user
        ? 'anonymous'
        : 'name' in options.user
          ? `user ${options.user.name}`
          : 'user certificate';
      yield { step: 'login', verdict: 'good', what: `${who}, in ${ms(performance.now() - begin)} from the first byte` };
      yield* tellAbout(await aboutServer(open), options.tags, endpoints);
      yield await clock(open);
      yield namespaces(options, open);
      if (options.tags.length > 0) yield tags(options, await readTags(options.tags, open));
    }
  } catch (thrown) {
    const fault = Fault.from(thrown, 'source.protocol', options.name);
    const mend = MENDS[fault.code];
    yield {
      step: STEPS[fault.code] ?? 'session',
      verdict: 'broken',
      what: fault.message,
      ...(mend !== undefined && { mend }),
    };
  }
}

function securityOf({ security }: OpcUaOptions, told: ConnectionFacts | undefined): string {
  const why = security?.policy === undefined ? 'the best that both know' : 'as the mapping names it';
  const pairs = (told?.offered ?? []).map((one) => one.split('/') as [string, string]);
  const offered = [...Map.groupBy(pairs, ([policy]) => policy)].map(
    ([policy, modes]) => `${policy} (${modes.map(([, mode]) => mode).join(', ')})`,
  );
  return `${told?.security ?? 'unknown'}, ${why}; the server offers ${offered.join(', ')}`;
}

/** The link of the chain that a fault belongs to. */
const STEPS: Partial<Record<FaultCode, string>> = {
  'source.untrusted': 'certificate',
  'source.insecure': 'security',
  'source.configuration': 'security',
  'source.credentials': 'login',
};

/** What a person does about it, where the message does not say so itself. */
const MENDS: Partial<Record<FaultCode, string>> = {
  'source.untrusted':
    "compare the thumbprint with what the server's own console shows before trusting it (docs/opcua-security.md)",
  'source.insecure': 'docs/opcua-security.md says which security a server should offer, and how somebody accepts less',
  'source.credentials': 'is the user known to the server, and is the file or variable of "user" the right one?',
  'source.unready':
    'the server takes nobody: it is starting, or has no session free, or is no OPC UA server; its own log says which',
  'source.refused': "look at the server's own log: rejected certificates, sessions in use, licence",
  'source.unreachable':
    'the port takes connections and the server says nothing: restart it, look at its log, or at a firewall in between',
  'source.protocol': 'does an OPC UA server listen there? Its own log says what it made of the request',
  'source.timeout': 'the server accepts connections and does not answer: restart it, or look at its load',
  'source.closed': 'the server hangs up: its own log says why',
};

async function reachable(address: string, port: number, signal: AbortSignal): Promise<Finding> {
  const step = 'port';
  const begin = performance.now();
  const socket = connect({ host: address, port, signal });
  try {
    const open = new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    const late = () => new Error(`port ${port} does not answer: no answer within ${DEADLINE_MS} ms`);
    await within(DEADLINE_MS, open, late);
    return { step, verdict: 'good', what: `port ${port} is open (${ms(performance.now() - begin)})` };
  } catch (thrown) {
    const mend = 'is the server on, is this its port, and does a firewall let this host through?';
    return { step, verdict: 'broken', what: describe(thrown), mend };
  } finally {
    socket.on('error', () => {});
    socket.destroy();
  }
}

function* certificates(facts: ConnectionFacts | undefined): Generator<Finding> {
  for (const { of, thumbprint, subject, validTo } of facts?.certificates ?? []) {
    const days = Math.floor((Date.parse(validTo) - Date.now()) / DAY);
    const what = `${of}: ${thumbprint} (${subject}), ${days} days left`;
    if (days > 30) yield { step: 'certificate', verdict: 'good', what };
    else yield { step: 'certificate', verdict: 'odd', what, mend: 'renew it in time: docs/opcua-security.md' };
  }
  for (const remark of facts?.remarks ?? []) yield { step: 'certificate', verdict: 'odd', what: remark };
}

const CURRENT_TIME = 'i=2258';

async function clock({ server }: Visit): Promise<Finding> {
  const step = 'clock';
  const begin = Date.now();
  const node = { nodeId: CURRENT_TIME, attributeId: AttributeIds.Value };
  const { value } = await server.once('reading its clock', (session) => session.read(node));
  const time: unknown = value?.value;
  if (value?.dataType !== DataType.DateTime || !(time instanceof Date)) {
    return { step, verdict: 'odd', what: 'the server does not tell its time' };
  }
  const offset = time.getTime() - (begin + Date.now()) / 2;
  const what = `the server's clock is ${ms(Math.abs(offset))} ${offset < 0 ? 'behind' : 'ahead of'} this one`;
  if (Math.abs(offset) < CLOCK_ODD_MS) return { step, verdict: 'good', what };
  const mend = 'set both clocks by the same time server (NTP)';
  return { step, verdict: Math.abs(offset) < CLOCK_BROKEN_MS ? 'odd' : 'broken', what, mend };
}

function namespaces({ tags }: OpcUaOptions, { namespaces: known }: Visit): Finding {
  const wanted = new Set(tags.flatMap(({ node }) => /^nsu=([^;]+);/.exec(node ?? '')?.[1] ?? []));
  const missing = [...wanted].filter((uri) => !known.includes(uri));
  const step = 'namespaces';
  if (missing.length === 0) return { step, verdict: 'good', what: `${known.length}, with all that the mapping names` };
  return {
    step,
    verdict: 'odd',
    what: `the server has no ${missing.join(', ')}; it has ${known.join(', ')}`,
    mend: `mend the nsu= of the tags; after a change of the server's project: ${typed('browse FILE SOURCE')}`,
  };
}

function tags(options: OpcUaOptions, { batch, details }: Answer): Finding {
  const names = new Map(options.tags.map(({ index, name }) => [index, name]));
  const bad: string[] = [];
  for (let i = 0; i < batch.count; i++) {
    const status = batch.status[i] as number;
    const index = batch.tag[i] as number;
    if (!isGood(status)) bad.push(`${names.get(index)} (${details.get(index) ?? statusName(status)})`);
  }
  const all = `${options.tags.length - bad.length} of ${options.tags.length} tags are read`;
  if (bad.length === 0) return { step: 'tags', verdict: 'good', what: all };
  const more = bad.length > 5 ? ` and ${bad.length - 5} more` : '';
  return {
    step: 'tags',
    verdict: bad.length < options.tags.length ? 'odd' : 'broken',
    what: `${all}; not: ${bad.slice(0, 5).join(', ')}${more}`,
    mend: `${typed('browse FILE SOURCE')} shows what the server has`,
  };
}

const ms = (duration: number) => `${duration < 10 ? duration.toFixed(1) : Math.round(duration)} ms`;
