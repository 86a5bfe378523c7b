// Holds every estate against every policy, less the exceptions.

import type { Estate } from './estate.ts';
import { EXCEPTIONS, type Exception } from './exceptions.ts';
import { POLICIES, type Policy, type Violation } from './rules.ts';

export interface Judgement {
  readonly title: string;
  readonly policy: string;
  readonly violations: readonly Violation[];
}

const excuses = (exception: Exception, policy: Policy, { address, what }: Violation): boolean =>
  exception.policy === policy.id && exception.address.test(address) && what.startsWith(`${exception.path} `);

/** One judgement for each estate and policy that concerns it, and the exceptions that excused nothing. */
export function judge(
  estates: readonly Estate[],
  exceptions: readonly Exception[] = EXCEPTIONS,
): { readonly judgements: readonly Judgement[]; readonly idle: readonly Exception[] } {
  const used = new Set<Exception>();
  const judgements = estates.flatMap((estate) =>
    POLICIES.filter(({ kinds }) => kinds.includes(estate.kind)).map((policy) => ({
      title: estate.title,
      policy: policy.id,
      violations: policy.judge(estate).filter((violation) => {
        const excuse = exceptions.find((exception) => excuses(exception, policy, violation));
        if (excuse !== undefined) used.add(excuse);
        return excuse === undefined;
      }),
    })),
  );
  return { judgements, idle: exceptions.filter((exception) => !used.has(exception)) };
}
