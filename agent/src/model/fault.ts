// Faults: every error that crosses a room's wall carries one code of this table. The code tells the class, the
// class tells what to do; nobody reads message texts to decide. The documentation lists the table.

/**
 * transient      worth trying again as it is
 * permanent      trying again cannot help; a person or another release must
 * configuration  the mapping or its surroundings (files, ports, permissions) are wrong
 * device         one node, register or unit answers badly; its neighbours may be well
 * session        the connection is unusable and must be made anew
 */
export type FaultClass = 'transient' | 'permanent' | 'configuration' | 'device' | 'session';

const CODES = {
  'source.unreachable': 'transient',
  'source.timeout': 'session',
  'source.closed': 'session',
  'source.silent': 'session',
  'source.unready': 'transient',
  'source.refused': 'transient',
  'source.untrusted': 'configuration',
  'source.insecure': 'configuration',
  'source.credentials': 'configuration',
  'source.protocol': 'session',
  'source.configuration': 'configuration',
  'device.exception': 'device',
  'device.timeout': 'device',
  'hub.unreachable': 'transient',
  'hub.refused': 'transient',
  'hub.timeout': 'session',
  'hub.closed': 'session',
  'hub.too-large': 'permanent',
  'hub.configuration': 'configuration',
  'buffer.locked': 'configuration',
  'buffer.path': 'configuration',
  'buffer.newer': 'configuration',
  'buffer.damaged': 'permanent',
  'buffer.full': 'transient',
  'buffer.disk': 'transient',
  'buffer.library': 'permanent',
  'mapping.invalid': 'configuration',
  'mapping.unreadable': 'configuration',
  'http.port': 'configuration',
  'control.refused': 'permanent',
  'internal.unexpected': 'permanent',
} as const satisfies Record<string, FaultClass>;

export type FaultCode = keyof typeof CODES;

/** Why one of several servers that serve the same cannot be used. */
export interface Refused {
  readonly endpoint: string;
  readonly code: FaultCode;
  /** Without the names of source and endpoint. */
  readonly reason: string;
}

/** An error with a code. `message` says what happened and how to mend it; `cause` keeps the library's own error. */
export class Fault extends Error {
  readonly code: FaultCode;
  /** Each server of a redundant set, where none can be used, in the order of the mapping; `message` has them too. */
  readonly servers?: readonly Refused[];

  constructor(code: FaultCode, message: string, cause?: unknown, servers?: readonly Refused[]) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'Fault';
    this.code = code;
    if (servers !== undefined) this.servers = servers;
  }

  get class(): FaultClass {
    return CODES[this.code];
  }

  /** Whatever was thrown, as a fault: a fault stays itself, anything else becomes `otherwise` and keeps its cause. */
  static from(thrown: unknown, otherwise: FaultCode, doing: string): Fault {
    return thrown instanceof Fault ? thrown : new Fault(otherwise, `${doing}: ${describe(thrown)}`, thrown);
  }
}

export const FAULT_CODES = Object.keys(CODES) as FaultCode[];

/**
 * What a thrown thing says of itself. Libraries throw strings, plain objects and errors without a message alike;
 * whatever it is, describing it does not throw.
 */
export function describe(thrown: unknown): string {
  try {
    return said(thrown);
  } catch {
    return `a ${typeof thrown} that cannot be described`;
  }
}

function said(thrown: unknown): string {
  if (thrown instanceof AggregateError && thrown.errors.length > 0) return thrown.errors.map(describe).join('; ');
  if (typeof thrown === 'object' && thrown !== null) {
    const { message, code, name } = thrown as { message?: unknown; code?: unknown; name?: unknown };
    if (typeof message === 'string' && message !== '') return message;
    if (typeof code === 'string') return code;
    if (typeof name === 'string') return name;
  }
  return String(thrown);
}
