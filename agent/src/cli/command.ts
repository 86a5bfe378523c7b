// What a command is: a name, its help, and a function from arguments to an exit code. Each is a file of its own.

/** Where a command reads and writes; tests pass their own. */
export interface Io {
  readonly out: NodeJS.WritableStream & { readonly isTTY?: boolean };
  readonly err: NodeJS.WritableStream & { readonly isTTY?: boolean };
  readonly env: NodeJS.ProcessEnv;
}

export interface Command {
  readonly name: string;
  /** The arguments as the help shows them: `FILE [--json]`. */
  readonly usage: string;
  readonly summary: string;
  /** The rest of `help COMMAND`: options, examples, exit codes. */
  readonly help: string;
  /** Resolves with the exit code. Arguments that make no sense throw a `Usage`. */
  run(args: string[], io: Io): Promise<number>;
}

export const EXIT = { clean: 0, failed: 1, usage: 2, defect: 70 } as const;
