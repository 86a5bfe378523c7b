// What a command may do with the place it writes to: colours and cuts for a person's terminal, neither for a pipe.

import type { Io } from './command.ts';

/** Colours are for a terminal whose person has not asked for none (no-color.org). */
export const coloursOf = ({ out, env }: Pick<Io, 'out' | 'env'>): boolean =>
  out.isTTY === true && env.NO_COLOR === undefined;

/** Width of the terminal; undefined where there is none. */
export function columnsOf({ out }: Pick<Io, 'out'>): number | undefined {
  const { columns } = out as { columns?: number };
  return out.isTTY === true && columns !== undefined && columns > 0 ? columns : undefined;
}
