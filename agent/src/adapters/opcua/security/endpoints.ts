// Which endpoint of a server is used, and that the server stands by it. The first list of endpoints comes over an open
// connection and may be anybody's work; the server repeats it over the secured one, twice, and what it says there must
// agree in what matters: the endpoint chosen, its certificate, the ways it takes an identity, and that it hides no
// better one; and it signs for the session with the key of that certificate (OPC 10000-4 section 5.6.2). node-opcua looks
// at nothing of this.

import { constants, verify, X509Certificate } from 'node:crypto';
import {
  CreateSessionRequest,
  CreateSessionResponse,
  crypto_utils,
  type EndpointDescription,
  GetEndpointsResponse,
  MessageSecurityMode,
  type OPCUAClient,
  SecurityPolicy,
  UserTokenType,
} from 'node-opcua-client';
import { Fault } from '../../../model/fault.ts';
import type { OpcUaOptions } from '../source/options.ts';
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

  let asked: CreateSessionRequest | undefined;
  const note = (request: unknown) => {
    if (request instanceof CreateSessionRequest) asked = request;
  };

  const watch = (response: unknown) => {
    try {
      if (response instanceof GetEndpointsResponse) check(response.endpoints ?? []);
      if (response instanceof CreateSessionResponse && response.responseHeader.serviceResult.isGood()) {
        if (!isTheOne(response.serverCertificate)) throw changed('another certificate');
        if (certificate !== undefined && !signedBy(certificate, chosen, asked, response)) {
          const what = "the session is not signed with the key of the server's certificate; somebody may stand between";
          throw new Fault('source.untrusted', `${options.name}: BadApplicationSignatureInvalid: ${what}`);
        }
        // Some small servers repeat nothing here.
        const endpoints = response.serverEndpoints ?? [];
        if (endpoints.length > 0) check(endpoints);
      }
    } catch (error) {
      refuse(Fault.from(error, 'source.protocol', `${options.name}: comparing the endpoints`));
    }
  };
  client.on('send_request', note);
  client.on('receive_response', watch);
  return () => {
    client.removeListener('send_request', note);
    client.removeListener('receive_response', watch);
  };
}

/** Whether the answer is signed over the gateway's certificate and nonce (OPC 10000-4 section 5.7.2.2). */
function signedBy(
  certificate: Buffer,
  { securityPolicyUri }: EndpointDescription,
  asked: CreateSessionRequest | undefined,
  { serverSignature }: CreateSessionResponse,
): boolean {
  const { clientCertificate, clientNonce } = asked ?? {};
  const { signature } = serverSignature ?? {};
  if (!clientCertificate || !clientNonce || !signature) return false;
  const key = new X509Certificate(certificate).publicKey;
  const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
  const isPss = securityPolicyUri === SecurityPolicy.Aes256_Sha256_RsaPss;
  return verify('sha256', Buffer.concat([clientCertificate, clientNonce]), { key, ...(isPss && pss) }, signature);
}

function firstOf(chain: Buffer): Buffer | undefined {
  try {
    return crypto_utils.split_der(chain)[0];
  } catch {
    return undefined;
  }
}
