// An OPC UA source of the mapping, as its adapter wants it.

import { isDeepStrictEqual } from 'node:util';
import type { ConnectionFacts, LossFacts, Source } from '../adapters/adapter.ts';
import { opcuaAdapter } from '../adapters/opcua/adapter.ts';
import { opcuaSurvey } from '../adapters/opcua/browse/survey.ts';
import { type Kept, keep } from '../adapters/opcua/kept.ts';
import { redundantAdapter } from '../adapters/opcua/redundancy/redundant.ts';
import { redundantSet, type ServerSet, standing } from '../adapters/opcua/redundancy/set.ts';
import { type OpcUaOptions, type OpcUaTag, TIMINGS } from '../adapters/opcua/source/options.ts';
import type { Survey } from '../adapters/survey.ts';
import type { Plant, ResolvedOpcUaSource, ResolvedOpcUaTag } from '../config/plant.ts';
import { readSecret } from '../config/secret.ts';
import type { Tag } from '../model/tag.ts';

/** What the gateway calls itself towards servers; part of its certificate. */
export const applicationUri = ({ site, gateway }: Pick<Plant, 'site' | 'gateway'>): string =>
  `urn:${site}:${gateway}:fieldgate`;

/** What a source with other tags takes over from the one it takes the place of: connection, session, subscriptions. */
interface Estate {
  connection: ConnectionFacts | undefined;
  readonly server: { readonly kept: Kept } | { readonly set: ServerSet };
}

interface OpcUaSource extends Source {
  readonly estate: Estate;
}

/**
 * @param indices of the source's tags, in their order
 * @param pki folder of the gateway's certificates
 * @param events the tag that takes the source's events, if they are wanted
 * @param before the source that this one takes the place of, connection and all: made by this function, of the same settings
 */
export function opcuaSource(
  source: ResolvedOpcUaSource,
  indices: readonly number[],
  plant: Pick<Plant, 'site' | 'gateway'>,
  pki: string,
  events?: Pick<Tag, 'index' | 'name'>,
  before?: Source,
): OpcUaSource {
  const { name, config, tags } = source;
  const inherited = (before as OpcUaSource | undefined)?.estate;
  const options: OpcUaOptions = {
    ...optionsOf(source, indices, plant, pki),
    ...(events && config.events && { events: { ...config.events, index: events.index, name: events.name } }),
    tell: (facts) => {
      estate.connection = facts;
    },
  };
  const estate: Estate = inherited ?? { connection: undefined, server: serverOf(options, config.endpoints) };
  const { server } = estate;
  const roster = 'set' in server ? server.set.roster : server.kept.roster;
  // At the latest with the next connection, should none stand now.
  const become = () => roster.become(options.tags, options.publishing);
  return {
    name,
    protocol: 'opcua',
    address: config.endpoints.join(', '),
    tags: indices,
    latency: config.publishing + Math.max(0, ...tags.map((tag) => tag.sampling)),
    create() {
      become();
      return 'set' in server ? redundantAdapter(server.set) : opcuaAdapter(options, TIMINGS, server.kept);
    },
    losses: () => lossesOf('set' in server ? server.set.kept : [server.kept]),
    connection: () =>
      estate.connection && { ...estate.connection, ...('set' in server && { servers: standing(server.set) }) },
    retag: become,
    estate,
  };
}

const serverOf = (options: OpcUaOptions, endpoints: readonly string[]): Estate['server'] =>
  endpoints.length > 1 ? { set: redundantSet(options, endpoints) } : { kept: keep(options) };

function lossesOf(all: readonly Kept[]): LossFacts {
  const sum = (count: (kept: Kept) => number) => all.reduce((total, kept) => total + count(kept), 0);
  return {
    overflows: sum(({ counts }) => counts.overflows),
    messagesLost: sum(({ counts }) => counts.lost),
    messagesRepublished: sum(({ counts }) => counts.republished),
    recovered: sum(({ history }) => history.counts.recovered),
    backfillsForgotten: sum(({ history }) => history.counts.forgotten),
  };
}

/** Whether the server is asked for something else: what it withholds by itself depends on the rules of a tag. */
export const asksAnew = (before: ResolvedOpcUaTag, after: ResolvedOpcUaTag): boolean =>
  !isDeepStrictEqual(deadbandOf(before), deadbandOf(after));

/** What the commands ask of the source. @param first the index of the source's first tag */
export function surveyOfOpcUa(
  source: ResolvedOpcUaSource,
  first: number,
  gateway: Pick<Plant, 'site' | 'gateway'> & { readonly pki: string },
): Survey {
  const indices = source.tags.map((_, i) => first + i);
  return opcuaSurvey(optionsOf(source, indices, gateway, gateway.pki), source.config.endpoints);
}

function optionsOf(
  { name, config, tags }: ResolvedOpcUaSource,
  indices: readonly number[],
  plant: Pick<Plant, 'site' | 'gateway'>,
  pki: string,
): OpcUaOptions {
  const { endpoint, redundancy = 'auto', security, insecure, user, publishing, bridge } = config;
  return {
    name,
    endpoint,
    ...(redundancy !== 'auto' && { redundancy }),
    ...(security !== undefined && { security }),
    ...(insecure !== undefined && { insecure }),
    ...(user !== undefined && { user: 'name' in user ? { name: user.name, password: () => readSecret(user) } : user }),
    publishing,
    bridge,
    pki,
    applicationUri: applicationUri(plant),
    tags: tags.map((tag, i) => ({
      index: indices[i]!,
      name: tag.name,
      ...(tag.node !== undefined && { node: tag.node }),
      ...(tag.path !== undefined && { path: tag.path }),
      sampling: tag.sampling,
      mode: tag.mode,
      history: tag.history === 'auto',
      ...(tag.enumText !== undefined && { enumText: tag.enumText }),
      ...deadbandOf(tag),
      wantsRange: tag.deadband?.kind === 'percent' && tag.range === undefined,
      // A tag that is scaled here is not in the server's unit any more.
      wantsUnit: tag.unit === undefined && tag.scale === undefined && tag.enumText !== 'wanted',
    })),
  };
}

/**
 * What of a tag's deadband the server may apply: it spares the wire what conditioning would withhold. In units of the
 * node, before scaling; a percentage without a range of ours is of the node's own EURange. A tag that is compressed
 * or clamped needs every value.
 */
function deadbandOf({ deadband, range, scale, clamp, swingingDoor }: ResolvedOpcUaTag): Pick<OpcUaTag, 'deadband'> {
  if (deadband === undefined || deadband.size === 0 || clamp === true || swingingDoor !== undefined) return {};
  if (deadband.kind === 'percent' && range === undefined) return scale === undefined ? { deadband } : {};
  const factor = scale === undefined ? 1 : Math.abs((scale.to[1] - scale.to[0]) / (scale.from[1] - scale.from[0]));
  const span = range === undefined ? 1 : range[1] - range[0];
  const size = (deadband.kind === 'percent' ? (deadband.size / 100) * span : deadband.size) / factor;
  return size > 0 && Number.isFinite(size) ? { deadband: { kind: 'absolute', size } } : {};
}
