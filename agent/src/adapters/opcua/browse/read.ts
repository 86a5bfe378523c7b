// Reads tags once, as the gateway would: value, status, source time; and in words what a status cannot say.

import type { NodeId } from 'node-opcua-client';
import { BatchBuilder, Kind } from '../../../model/batch.ts';
import { isGood, statusName } from '../../../model/status.ts';
import { now } from '../../../model/time.ts';
import type { Answer } from '../../survey.ts';
import type { Visit } from '../link/visit.ts';
import type { OpcUaTag } from '../source/options.ts';
import { readTexts, type Texts } from '../space/enumerations.ts';
import { resolveNodes } from '../space/nodes.ts';
import { withTexts } from '../space/texts.ts';

/** Each tag gets exactly one reading. Rejects with a Fault when the connection fails. */
export async function readTags(tags: readonly OpcUaTag[], { server, limits, namespaces }: Visit): Promise<Answer> {
  const builder = new BatchBuilder(tags.length);
  const details = new Map<number, string>();
  const roundTrips: number[] = [];
  const resolved = await resolveNodes(tags, namespaces, limits, server);
  const found = resolved.flatMap((one, i) => {
    const tag = tags[i] as OpcUaTag;
    if ('node' in one) return [{ tag, node: one.node }];
    builder.push(tag.index, now(), one.status, Kind.Null, 0);
    details.set(tag.index, one.reason);
    return [];
  });
  await server.portions(found, limits.read, async (portion) => {
    const nodes = portion.map(({ node }) => node);
    const begin = performance.now();
    const values = await server.read('reading', nodes);
    roundTrips.push(performance.now() - begin);
    for (const { tag, node } of portion) {
      values.next();
      values.push(builder, tag.index);
      const { status } = values;
      if (!isGood(status)) details.set(tag.index, `the server says ${statusName(status)} of ${node}`);
    }
  });
  const texts = await textsOf(found, details, { server, limits, namespaces });
  return { batch: withTexts(builder.take(), texts, () => {}), details, roundTrips };
}

/** The texts of tags that are to have some; a tag that has none says so. */
async function textsOf(
  found: readonly { readonly tag: OpcUaTag; readonly node: NodeId }[],
  details: Map<number, string>,
  { server, limits }: Visit,
): Promise<Map<number, Texts>> {
  const wanting = found.filter(({ tag }) => tag.enumText !== undefined);
  const answers = wanting.length === 0 ? [] : await readTexts(wanting, limits, server);
  const texts = new Map<number, Texts>();
  for (const [i, { tag }] of wanting.entries()) {
    const { texts: known, reason } = answers[i] ?? {};
    if (known !== undefined) texts.set(tag.index, known);
    else if (tag.enumText === 'wanted' && reason !== undefined && !details.has(tag.index))
      details.set(tag.index, reason);
  }
  return texts;
}
