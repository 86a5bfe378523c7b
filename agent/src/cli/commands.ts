// The table of commands. Each command is a file of its own, loaded when it is called, so that `check` starts fast
// and loads no protocol. Exit codes of all commands: 0 clean, 1 mistakes or failure, 2 wrong usage, 70 a defect.

import { nearest } from '../config/nearest.ts';
import { Usage } from './arguments.ts';
import { type Command, EXIT, type Io } from './command.ts';

/** Name, usage and summary stand here so that the overview loads no command. */
interface Entry {
  readonly name: string;
  readonly usage: string;
  readonly summary: string;
  readonly load: () => Promise<{ readonly command: Command }>;
}

const COMMANDS: readonly Entry[] = [
  {
    name: 'run',
    usage: '--config FILE',
    summary: 'the gateway',
    load: () => import('./run.ts'),
  },
  {
    name: 'demo',
    usage: '[--tags N] [--for DURATION]',
    summary: 'the gateway on a simulated refinery and a local hub',
    load: () => import('./demo.ts'),
  },
  {
    name: 'check',
    usage: 'FILE [--json] [--expand]',
    summary: 'every mistake of a mapping, with its place',
    load: () => import('./check.ts'),
  },
  {
    name: 'tags',
    usage: 'export|import FILE',
    summary: 'tag lists as CSV, and from other products',
    load: () => import('./tags.ts'),
  },
  {
    name: 'schema',
    usage: '',
    summary: 'the JSON Schema of the mapping, for editors',
    load: () => import('./schema.ts'),
  },
  {
    name: 'plan',
    usage: 'FILE [SOURCE] [--json]',
    summary: 'which requests would fetch the tags, and what they cost',
    load: () => import('./plan.ts'),
  },
  {
    name: 'read',
    usage: 'FILE [TAG…] [--orders] [--json]',
    summary: 'reads tags once: value, status, raw words, round-trip time',
    load: () => import('./read.ts'),
  },
  {
    name: 'browse',
    usage: 'FILE [SOURCE] [--match GLOB]',
    summary: 'walks an OPC UA server and prints a mapping, or what differs from it',
    load: () => import('./browse.ts'),
  },
  {
    name: 'doctor',
    usage: '[FILE] [--host] [--json]',
    summary: 'looks along the way from every source to the hub: the first broken link',
    load: () => import('./doctor.ts'),
  },
  {
    name: 'buffer',
    usage: 'status|verify|export FILE',
    summary: 'looks into a buffer file, also one that was set aside',
    load: () => import('./buffer.ts'),
  },
  {
    name: 'audit',
    usage: 'FILE… [--json] [--from-start]',
    summary: 'whether delivered files are complete',
    load: () => import('./audit.ts'),
  },
  {
    name: 'cost',
    usage: '--rate N/s [--format FORMAT] [--json]',
    summary: 'what a rate of readings costs in Azure',
    load: () => import('./cost.ts'),
  },
  {
    name: 'certificates',
    usage: 'list|trust|reject|create',
    summary: "which OPC UA servers are trusted, and the gateway's own certificate",
    load: () => import('./certificates.ts'),
  },
];

/** Runs `fieldgate ARGS` and resolves with its exit code. */
export async function dispatch(args: readonly string[], io: Io): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined) {
    io.err.write(overview());
    return EXIT.usage;
  }
  if (name === '--help' || name === '-h' || (name === 'help' && rest.length === 0)) {
    io.out.write(overview());
    return EXIT.clean;
  }
  const wanted = name === 'help' ? rest[0] : name;
  const entry = COMMANDS.find((command) => command.name === wanted);
  if (entry === undefined) {
    const near = nearest(wanted ?? '', [...COMMANDS.map((command) => command.name), 'help']);
    const what = wanted?.startsWith('-') ? 'option' : 'command';
    io.err.write(
      `fieldgate: unknown ${what} "${wanted}"${near ? `; did you mean "${near}"?` : ''}\n` +
        'Run "fieldgate help" for the list of commands.\n',
    );
    return EXIT.usage;
  }
  const { command } = await entry.load();
  if (name === 'help' || rest.includes('--help') || rest.includes('-h')) {
    io.out.write(helpOf(command));
    return EXIT.clean;
  }
  try {
    return await command.run(rest, io);
  } catch (thrown) {
    if (!(thrown instanceof Usage)) throw thrown;
    io.err.write(`fieldgate ${command.name}: ${thrown.message}\nusage: ${usageLine(command)}\n`);
    return EXIT.usage;
  }
}

function usageLine(command: Pick<Command, 'name' | 'usage'>): string {
  return `fieldgate ${command.name} ${command.usage}`.trimEnd();
}

function helpOf(command: Command): string {
  return `usage: ${usageLine(command)}\n\n${command.summary}\n\n${command.help.trim()}\n`;
}

function overview(): string {
  const left = COMMANDS.map((command) => `${command.name} ${command.usage}`.trimEnd());
  const width = Math.max(...left.map((text) => text.length));
  const rows = COMMANDS.map((command, i) => `  ${left[i]!.padEnd(width)}   ${command.summary}`);
  return `usage: fieldgate COMMAND [arguments]

The edge gateway: reads OPC UA and Modbus, keeps every reading on its own disk until the hub has it.

${rows.join('\n')}
  ${'help COMMAND'.padEnd(width)}   options and examples of a command

Exit codes: 0 clean, 1 mistakes or failure, 2 wrong usage, 70 a defect of fieldgate itself.
`;
}
