// Why the tool ends without having done what it was asked: a code, which is also the exit code, and words that say how to
// mend it. Nobody reads the words to decide.

/**
 * unhealthy    a ring did not get well; the roll-out was stopped and taken back
 * usage        the command line or the plan is wrong; nothing was asked of the service
 * refused      what is there forbids it: another roll-out, other content under the id, the limit of the hub
 * service      the service cannot be reached, or does not answer properly for too long
 * denied       the service knows us and does not let us
 * interrupted  somebody stopped the tool; the same command goes on
 */
export const EXIT_CODES = {
  unhealthy: 1,
  usage: 2,
  refused: 3,
  service: 4,
  denied: 5,
  interrupted: 130,
} as const;

export type TroubleCode = keyof typeof EXIT_CODES;

export class Trouble extends Error {
  readonly code: TroubleCode;

  constructor(code: TroubleCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'Trouble';
    this.code = code;
  }
}
