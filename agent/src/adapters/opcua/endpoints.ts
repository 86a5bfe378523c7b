// Which endpoint of a server is used, and that the server stands by it. The first list of endpoints comes over an open
// connection and may be anybody's work; the server repeats it over the secured one, twice, and what it says there must
// agree in what matters: the endpoint chosen, its certificate, the ways it takes an identity, and that it hides no
// better one (OPC 10000-4 section 5.6.2). node-opcua compares nothing of this.

import {
  CreateSessionResponse,
  crypto_utils,
  type EndpointDescription,
  GetEndpointsResponse,
  MessageSecurityMode,
  type OPCUAClient,
  UserTokenType,
} from 'node-opcua-client';
import { Fault } from '../../model/fault.ts';
import type { OpcUaOptions } from './options.ts';
import { alike, checkIdentity, chooseEndpoint, describeSecurity, preferSound, protectedKinds } from './security.ts';

/**
 * Watches what the server says on the secured connection, before anything of the user is sent. Calls `refuse` with a
 * Fault (`source.untrusted`, `source.credentials`, `source.insecure`) when it is not what it said before.
 * @param certificate the one that was checked; undefined for a connection without security
 * @returns what ends the watch
 */
export function holdToItsWord(
  client: OPCUAClient,
  options: OpcUaOptions,
  chosen: EndpointDescription,
  certificate: Buffer | undefined,
  today: () => Date,
  refuse: (fault: Fault) => void,
): () => void {
  const changed = (what: string) =>
    new Fault(
      'source.untrusted',
      `${options.name}: on the secured connection the server says something else than on the open one: ${what}; ` +
        'somebody may stand between',
    );
  const isTheOne = (chain: Buffer | null | undefined) =>
    certificate === undefined || !chain || chain.length === 0 || firstOf(chain)?.equals(certificate) === true;

  const check = (endpoints: readonly EndpointDescription[]) => {
    const same = alike(chosen, endpoints);
    if (same.length === 0) throw changed(`it does not offer ${describeSecurity(chosen)}`);
    for (const endpoint of same) {
      if (!isTheOne(endpoint.serverCertificate)) throw changed('another certificate');
      checkIdentity(options, endpoint, today());
      const weaker = [...protectedKinds(chosen)].find((kind) => !protectedKinds(endpoint).has(kind));
      if (weaker !== undefined) throw changed(`the ${UserTokenType[weaker]} identity is not to be protected`);
      preferSound(endpoint); // the library looks at these very objects next
    }
    if (chosen.securityMode === MessageSecurityMode.None) return;
    const best = chooseEndpoint(options, endpoints);
    if (describeSecurity(best) !== describeSecurity(chosen)) {
      throw changed(`it offers ${describeSecurity(best)} too, which was hidden`);
    }
  };

  const watch = (response: unknown) => {
    try {
      if (response instanceof GetEndpointsResponse) check(response.endpoints ?? []);
      if (response instanceof CreateSessionResponse && response.responseHeader.serviceResult.isGood()) {
        if (!isTheOne(response.serverCertificate)) throw changed('another certificate');
        // Some small servers repeat nothing here.
        const endpoints = response.serverEndpoints ?? [];
        if (endpoints.length > 0) check(endpoints);
      }
    } catch (error) {
      refuse(Fault.from(error, 'source.protocol', `${options.name}: comparing the endpoints`));
    }
  };
  client.on('receive_response', watch);
  return () => client.removeListener('receive_response', watch);
}

function firstOf(chain: Buffer): Buffer | undefined {
  try {
    return crypto_utils.split_der(chain)[0];
  } catch {
    return undefined;
  }
}
