// Where the HTTP server listens, as the environment says it: FIELDGATE_HTTP.

import { Fault } from '../model/fault.ts';

export interface HttpAddress {
  readonly host: string;
  readonly port: number;
}

const DEFAULT_HTTP = '127.0.0.1:9600';

/**
 * `127.0.0.1:9600`, `0.0.0.0:9600`, `[::1]:9600`, or `off`; port 0 lets the system choose. Absent or empty: the default.
 * Throws a Fault `http.port` that says what was expected.
 */
export function httpAddress(text: string | undefined): HttpAddress | 'off' {
  const wanted = text?.trim() || DEFAULT_HTTP;
  if (wanted.toLowerCase() === 'off') return 'off';
  const [, bracketed, name, digits] = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+)):(\d{1,5})$/.exec(wanted) ?? [];
  const host = bracketed ?? name;
  const port = Number(digits);
  if (host === undefined || port > 65_535) {
    throw new Fault(
      'http.port',
      `FIELDGATE_HTTP is ${JSON.stringify(wanted)}; write an address and a port, such as ${DEFAULT_HTTP} or 0.0.0.0:9600, or off`,
    );
  }
  return { host, port };
}
