// What the check of a mapping knows of OPC UA: tags and sources in themselves, and what fills in what they leave out.

import { checkClamp, checkDefaults, checkThinning, type Report } from '../checks.ts';
import type { ResolvedOpcUaTag } from '../plant.ts';
import { basis, defined } from '../resolve.ts';
import { type OpcUaSource, type OpcUaTag, opcuaSource, opcuaTag } from '../schema/opcua.ts';
import { daysLeft, NOTICE_DAYS } from '../waiver.ts';
import { warnOfTags } from './opcua-warnings.ts';
import { isFields, type Protocol } from './protocol.ts';

const SECOND = 1_000;

export const opcua: Protocol<OpcUaSource, OpcUaTag> = {
  sourceSchema: opcuaSource,
  tagSchema: opcuaTag,
  checkSource,
  checkTag,
  checkTags: warnOfTags,
  resolveTag: (name, tag, { defaults = {} }) => resolveTag(name, tag, defaults),
  resolveSource(name, config, tags) {
    const own = tags as readonly ResolvedOpcUaTag[];
    const fastest = own.reduce((least, tag) => Math.min(least, tag.sampling), Number.POSITIVE_INFINITY);
    // Publishing faster than four times a second costs the server more than anybody sees; slower than once a second
    // makes readings late.
    const publishing = config.publishing ?? Math.min(1_000, Math.max(250, fastest));
    // One of the two is there: checkSource wants it.
    const endpoints = config.endpoints ?? [config.endpoint as string];
    const endpoint = endpoints[0] as string;
    return { name, protocol: config.protocol, config: { ...config, publishing, endpoint, endpoints }, tags: own };
  },
};

function checkTag(name: string, tag: OpcUaTag, _source: Partial<OpcUaSource>, report: Report): void {
  if (tag.node === undefined && tag.path === undefined) {
    report([], 'key', `${name} needs a node, like node: "nsu=urn:vendor:plc;s=FIC101.PV", or a path`);
  }
  if (tag.node !== undefined && tag.path !== undefined) {
    report(['path'], 'key', `${name} has both node and path: write one of them`);
  }
  checkThinning(tag, report);
  if (tag.enumText === true) checkText(name, tag, report);
  checkClamp(name, tag, report);
}

/** What holds for a source as a whole; any of it may be missing or wrong, which the schema has said already. */
function checkSource(
  name: string,
  { endpoint, endpoints, redundancy, defaults, security, insecure, user }: Readonly<Record<string, unknown>>,
  today: Date,
  report: Report,
  warn: Report,
): void {
  if (endpoint === undefined && endpoints === undefined) {
    report([], 'key', `${name} needs an endpoint: write an address, like opc.tcp://10.20.1.15:4840`);
  }
  if (endpoint !== undefined && endpoints !== undefined) {
    report(['endpoints'], 'key', `${name} has both endpoint and endpoints: write one of them`);
  }
  if (Array.isArray(endpoints) && new Set(endpoints).size < endpoints.length) {
    report(['endpoints'], 'value', `${name} has an endpoint twice`);
  }
  if (redundancy !== undefined && endpoints === undefined) {
    report(['redundancy'], 'key', `${name} has one server: redundancy is for a list of endpoints`);
  }
  checkDefaults(defaults, report);
  if (isFields(security) && security.policy === 'None' && insecure === undefined) {
    const message =
      `${name} has policy None, an open connection: write who accepted it and until when, ` +
      'insecure: { acceptedBy: "OT security officer", until: 2027-03-31 }';
    report(['security', 'policy'], 'value', message);
  }
  if (
    isFields(security) &&
    security.mode === 'Sign' &&
    isFields(user) &&
    user.name !== undefined &&
    insecure === undefined
  ) {
    const message =
      `${name} would send its password over a connection that is signed only: write SignAndEncrypt, or who accepted ` +
      'it and until when, insecure: { acceptedBy: "OT security officer", until: 2027-03-31 }';
    report(['security', 'mode'], 'value', message);
  }
  const until = isFields(insecure) ? insecure.until : undefined;
  const days = typeof until === 'string' ? daysLeft(until, today) : Number.NaN;
  if (days < 0) {
    report(['insecure', 'until'], 'value', `until is ${until}, which is past: ${name} may not connect any more`);
  } else if (days <= NOTICE_DAYS) {
    const when = days === 0 ? 'today' : days === 1 ? 'tomorrow' : `in ${days} days`;
    warn(['insecure', 'until'], 'value', `${name} stops connecting when its waiver ends, ${when}`);
  }
}

function resolveTag(name: string, tag: OpcUaTag, defaults: OpcUaSource['defaults']): ResolvedOpcUaTag {
  return defined({
    name,
    node: tag.node,
    path: tag.path,
    sampling: tag.sampling ?? defaults.sampling ?? SECOND,
    mode: tag.mode ?? defaults.mode ?? ('subscribe' as const),
    history: tag.history ?? defaults.history ?? ('auto' as const),
    enumText: enumTextOf(tag, defaults),
    ...basis(tag, defaults),
  });
}

/** What is done with numbers alone, on a tag whose text is to be sent. */
function checkText(name: string, { deadband, swingingDoor, scale, clamp }: OpcUaTag, report: Report): void {
  const sent = `enumText sends ${name} as text`;
  if (scale !== undefined) report(['scale'], 'key', `${sent}, which cannot be scaled: write one of them`);
  if (clamp === true) report(['clamp'], 'key', `${sent}, which has no range to be clamped to: write one of them`);
  if (swingingDoor !== undefined) {
    report(['swingingDoor'], 'key', `${sent}, which lies on no line: write deadband: 0 to send changes alone`);
  }
  if (deadband !== undefined && deadband.size > 0) {
    report(['deadband'], 'key', `${sent}, which is another or is not: write deadband: 0 to send changes alone`);
  }
}

/** A tag that is scaled or clamped is a number, whatever the source's defaults say. */
function enumTextOf(tag: OpcUaTag, defaults: OpcUaSource['defaults']): ResolvedOpcUaTag['enumText'] {
  if (tag.enumText !== undefined) return tag.enumText ? 'wanted' : undefined;
  return defaults.enumText === true && tag.scale === undefined && tag.clamp !== true ? 'welcome' : undefined;
}
