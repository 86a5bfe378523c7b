// What can be asked of a running refinery from outside: one JSON object per command, one per answer.

import { z } from 'zod';
import type { Refinery } from './refinery.ts';

const server = z.enum(['dcs', 'flare', 'tanks']);

const command = z.discriminatedUnion('do', [
  z.strictObject({ do: z.enum(['stop', 'restart', 'cut', 'freeze', 'thaw']), at: server }),
  z.strictObject({ do: z.enum(['kill', 'revive']), at: z.enum(['flare', 'tanks']), unit: z.number().int() }),
  z.strictObject({ do: z.enum(['tick', 'pause', 'resume', 'counters']) }),
  z.strictObject({ do: z.literal('set'), tag: z.string(), value: z.union([z.number(), z.boolean(), z.string()]) }),
]);

/** Does what the line says and answers; rejects when it says nothing that can be done. */
export async function obey(refinery: Refinery, line: string): Promise<object> {
  const { data: order, error } = command.safeParse(JSON.parse(line));
  if (error) throw new Error(z.prettifyError(error));
  switch (order.do) {
    case 'stop':
    case 'restart':
    case 'cut':
    case 'freeze':
    case 'thaw':
      await refinery[order.at][order.do]();
      break;
    case 'kill':
    case 'revive':
      refinery[order.at][order.do](order.unit);
      break;
    case 'counters': {
      const { dcs, flare, tanks } = refinery;
      return { counters: { dcs: dcs.counters(), flare: flare.counters(), tanks: tanks.counters() } };
    }
    case 'set':
      serverOf(refinery, order.tag).set(order.tag, order.value);
      break;
    default:
      refinery[order.do]();
  }
  return { done: order.do };
}

function serverOf(
  { dcs, flare, tanks }: Refinery,
  tag: string,
): { set(tag: string, value: number | boolean | string): void } {
  return [dcs, flare, tanks].find((sim) => sim.signals.some(({ name }) => name === tag)) ?? dcs;
}
