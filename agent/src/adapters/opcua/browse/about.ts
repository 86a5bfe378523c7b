// What a server says of itself, for `doctor`: product and state, how fit it is, whether it is one of several, and what
// it takes in one call.

import { AttributeIds } from 'node-opcua-client';
import type { Finding } from '../../survey.ts';
import type { Visit } from '../link/visit.ts';
import { healthOf, SERVICE_LEVEL } from '../redundancy/chooser.ts';
import type { OpcUaTag } from '../source/options.ts';

/** Nodes of the Server object (OPC 10000-5 section 6.3). */
const NODES = {
  product: 'i=2261',
  maker: 'i=2263',
  version: 'i=2264',
  state: 'i=2259',
  serviceLevel: SERVICE_LEVEL,
  redundancy: 'i=3709',
  fastest: 'i=2272',
  read: 'i=11705',
  browse: 'i=11710',
  monitor: 'i=11714',
  history: 'i=12165',
} as const;

export type About = Readonly<Partial<Record<keyof typeof NODES, unknown>>>;

/** Asks for all of it; a server without some of it leaves that out. Rejects with a Fault when the connection fails. */
export async function aboutServer({ server, limits }: Visit): Promise<About> {
  const about: Partial<Record<keyof typeof NODES, unknown>> = {};
  const keys = Object.keys(NODES) as (keyof typeof NODES)[];
  await server.portions(keys, limits.read, async (portion) => {
    const nodes = portion.map((key) => ({ nodeId: NODES[key], attributeId: AttributeIds.Value }));
    const values = await server.once('reading what it says of itself', (session) => session.read(nodes));
    for (const [i, key] of portion.entries()) {
      if (values[i]?.statusCode.isGood()) about[key] = values[i].value?.value;
    }
  });
  return about;
}

/** ServerState (OPC 10000-5 section 12.6). */
const STATES = ['running', 'failed', 'without configuration', 'suspended', 'shutting down', 'in test'];
/** RedundancySupport (OPC 10000-5 section 12.5); a transparent set looks like one server. */
const SETS = ['none', 'cold', 'warm', 'hot', 'transparent', 'hot and mirrored'];
const TRANSPARENT = 4;

const number = (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined);
const text = (value: unknown) => (typeof value === 'string' && value !== '' ? value.slice(0, 100) : undefined);

/** @param endpoints how many servers the mapping names for the source */
export function* tellAbout(about: About, tags: readonly OpcUaTag[], endpoints: number): Generator<Finding> {
  const product = [text(about.product), text(about.version)].filter((each) => each !== undefined).join(' ');
  const maker = text(about.maker);
  const state = number(about.state);
  const level = number(about.serviceLevel);
  const health = level === undefined ? undefined : healthOf(level);
  const what = [
    `${product || 'a product without a name'}${maker === undefined ? '' : ` of ${maker}`}`,
    ...(state === undefined ? [] : [STATES[state] ?? 'in a state of its own']),
    ...(level === undefined ? [] : [`ServiceLevel ${level} (${health})`]),
  ].join(', ');
  const well = (state === undefined || state === 0) && (health === undefined || health === 'healthy');
  const mend = "values may be missing or old: the server's own console says why";
  yield { step: 'server', verdict: well ? 'good' : 'odd', what, ...(!well && { mend }) };

  const set = number(about.redundancy) ?? 0;
  if (set > 0 && set !== TRANSPARENT && endpoints < 2) {
    yield {
      step: 'redundancy',
      verdict: 'odd',
      what: `the server is one of a redundant set (${SETS[set] ?? set}), and the mapping names it alone`,
      mend: 'name every server of the set: endpoints: [ opc.tcp://…, opc.tcp://… ]',
    };
  }

  yield limits(about, tags);
}

function limits(about: About, tags: readonly OpcUaTag[]): Finding {
  const named = (['read', 'monitor', 'browse', 'history'] as const).flatMap((key) => {
    const most = number(about[key]) ?? 0;
    return most > 0 ? [`${key} ${most.toLocaleString('en')}`] : [];
  });
  const fastest = number(about.fastest) ?? 0;
  const what = [
    named.length === 0 ? 'sets no limit to one call' : `nodes in one call: ${named.join(', ')}`,
    ...(fastest > 0 ? [`samples every ${fastest} ms at best`] : []),
  ].join('; ');
  const eager = tags.filter(({ mode, sampling }) => mode !== 'poll' && sampling > 0 && sampling < fastest).length;
  if (eager === 0) return { step: 'limits', verdict: 'good', what };
  const mend = `write sampling: ${fastest}ms, or ask for a faster rate at the server`;
  return { step: 'limits', verdict: 'odd', what: `${what}, and ${eager} tags ask for more`, mend };
}
