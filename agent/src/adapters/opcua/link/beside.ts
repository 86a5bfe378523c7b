// Service calls for what is asked of a server beside the readings: in portions like any other, but no failure of them is
// one of the link, and whom the server stumbles over goes without (source/courtesy.ts).

import { Fault } from '../../../model/fault.ts';
import { StatusCode, statusName } from '../../../model/status.ts';
import type { Courtesy } from '../source/courtesy.ts';
import { serviceResult } from '../source/faults.ts';
import { type Calls, WITHOUT } from './calls.ts';

/**
 * Calls `send` for portions of `items`: see `Calls.portions`. Those left out are not told of; rejects only when the link is
 * broken.
 * @param service what is asked, in words
 * @param name under which an item is told
 */
export type Beside = <T>(
  service: string,
  items: readonly T[],
  name: (item: T) => string,
  most: number,
  send: (portion: readonly T[]) => Promise<void>,
) => Promise<void>;

/** Calls under way at once: they are many at a start, and wait for the way there and back. */
const WIDTH = 4;

/** For a visit: nothing is remembered. Rejects with a Fault when all fails. @param width calls under way at once */
export const besides =
  (server: Calls, width = WIDTH): Beside =>
  (_service, items, _name, most, send) =>
    server.portions(items, most, send, width, WITHOUT);

/**
 * @param patient whether those are asked for, too, that are to be asked for alone: no reading may wait for them
 * @param width calls under way at once
 */
export function courteously(courtesy: Courtesy, server: Calls, patient: boolean, width = WIDTH): Beside {
  return async (service, items, name, most, send) => {
    const ask = async (some: typeof items, most: number, width: number) => {
      const trial = {
        alone: (item: (typeof items)[number], fault: Fault) => courtesy.failed(service, name(item), reasonOf(fault)),
        asking: (portion: typeof items) => courtesy.asking(service, portion.map(name)),
      };
      try {
        await server.portions(some, most, send, width, trial);
      } catch (error) {
        // A server that fails whatever it is asked of this kind is well otherwise, if it answers.
        if (!(error instanceof Fault) || error.code === 'source.closed') throw error;
        await server.ping();
        for (const item of some) courtesy.failed(service, name(item), reasonOf(error));
      }
    };
    const of = (manner: 'together' | 'alone') => items.filter((item) => courtesy.manner(name(item)) === manner);
    await ask(of('together'), most, width);
    if (patient) await ask(of('alone'), 1, 1);
  };
}

function reasonOf({ code, cause, message }: Fault): string {
  const status = serviceResult(cause ?? {});
  if (status !== undefined) return statusName(status);
  return code === 'source.timeout' ? statusName(StatusCode.BadTimeout) : message;
}
