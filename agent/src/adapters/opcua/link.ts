// One connection to a server: channel, session, and the promise that it ends when it ends. node-opcua's own
// reconnection is switched off; a broken link stays broken, the supervisor makes a new adapter.

import { readFile } from 'node:fs/promises';
import {
  type ClientSession,
  type ClientSessionPublishService,
  type ClientSessionRawSubscriptionService,
  CreateSessionRequest,
  crypto_utils,
  type EndpointDescription,
  MessageSecurityMode,
  OPCUAClient,
  type OPCUAClientOptions,
  SecurityPolicy,
  type UserIdentityInfo,
  UserTokenType,
} from 'node-opcua-client';
import { Fault } from '../../model/fault.ts';
import { faultFrom, faultOf, serviceResult } from './faults.ts';
import type { OpcUaOptions, Timings } from './options.ts';
import { type OwnCertificate, openPki } from './pki.ts';
import { quiet } from './quiet.ts';
import { checkCertificate, checkIdentity, checkPolicy, chooseEndpoint, modeOf, policyOf } from './security.ts';
import { type Transports, transports } from './transport.ts';

/** The session with the services that the library keeps below its own subscriptions. */
export type Session = ClientSession & ClientSessionRawSubscriptionService & ClientSessionPublishService;

export interface Link {
  readonly session: Session;
  /** Rejects with a Fault when the connection ends for whatever reason; never resolves. */
  readonly lost: Promise<never>;
  /** Ends the link from our side with this fault, without a goodbye: the server is not to be relied on any more. */
  fail(fault: Fault): void;
  /** Deletes subscriptions and session on the server if it answers, closes the socket. Takes at most 3.5 s. */
  close(): Promise<void>;
}

/** The most bytes of one message; bounds the memory that a hostile server can make us use. */
const MAX_MESSAGE = 16 * 1024 * 1024;

/**
 * Connects, checks the server and opens a session; gives up when `signal` aborts.
 * Rejects with a Fault; then nothing is left open.
 */
export async function openLink(options: OpcUaOptions, timings: Timings, signal: AbortSignal): Promise<Link> {
  quiet();
  checkPolicy(options, new Date());
  const pki = await openPki(options.pki);
  const own = await pki.own(options.applicationUri);

  let fail: (fault: Fault) => void = () => {};
  const lost = new Promise<never>((_, reject) => {
    fail = reject;
  });
  lost.catch(() => {}); // nobody may be waiting at the moment
  const sockets = transports((error) => fail(faultFrom(error, `${options.name}: bad message`, 'source.protocol')));
  const stop = () => sockets.cut();
  signal.addEventListener('abort', stop);
  const clients: OPCUAClient[] = [];
  try {
    signal.throwIfAborted();
    const endpoint = await discover(options, timings, own, sockets, clients);
    const secure = options.security.mode !== 'None';
    const certificate = secure ? await checkCertificate(options, endpoint, pki, new Date()) : undefined;
    checkIdentity(options, endpoint);
    // Only here, when the server is known to be the right one, is the password fetched.
    const identity = await identify(options);
    signal.throwIfAborted();

    const client = OPCUAClient.create({
      ...clientOptions(options, timings, own, sockets),
      securityMode: modeOf(options),
      securityPolicy: policyOf(options),
      // A server behind another name or address than it advertises is still the one whose certificate was checked.
      endpointMustExist: false,
      ...(certificate && { serverCertificate: certificate }),
    });
    clients.push(client);
    client.on('close', () => fail(new Fault('source.closed', `${options.name}: the connection was closed`)));
    const session = await connect(client, options, identity, sockets);
    signal.throwIfAborted();
    const broken = (fault: Fault) => {
      fail(fault);
      sockets.cut();
    };
    return { session, lost, fail: broken, close: () => tearDown(client, session, sockets) };
  } catch (error) {
    for (const client of clients) await tearDown(client, undefined, sockets);
    sockets.cut();
    if (signal.aborted) throw Fault.from(signal.reason, 'source.closed', `${options.name}: connecting was stopped`);
    throw error;
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** What a server offers for the wanted security (OPC 10000-4 section 5.5.4 GetEndpoints, asked without security). */
async function discover(
  options: OpcUaOptions,
  timings: Timings,
  own: OwnCertificate,
  sockets: Transports,
  clients: OPCUAClient[],
): Promise<EndpointDescription> {
  const client = OPCUAClient.create({
    ...clientOptions(options, timings, own, sockets),
    securityMode: MessageSecurityMode.None,
    securityPolicy: SecurityPolicy.None,
  });
  clients.push(client);
  const doing = `${options.name}: asking ${options.endpoint} for its endpoints`;
  try {
    await client.connect(options.endpoint);
    return chooseEndpoint(options, await client.getEndpoints());
  } catch (error) {
    if (error instanceof Fault) throw error;
    throw connectFault(error, doing, sockets);
  } finally {
    await tearDown(client, undefined, sockets);
  }
}

async function connect(
  client: OPCUAClient,
  options: OpcUaOptions,
  identity: UserIdentityInfo,
  sockets: Transports,
): Promise<Session> {
  try {
    await client.connect(options.endpoint);
  } catch (error) {
    throw connectFault(error, `${options.name}: opening the secure channel`, sockets);
  }
  // The library turns a refusal in an ActivateSessionResponse into mere text; its code is picked up on the way.
  let refusal: number | undefined;
  const watch = (response: { responseHeader: { serviceResult: { value: number } } }) => {
    const { value } = response.responseHeader.serviceResult;
    if (value !== 0) refusal = value;
  };
  // It also promises the server to take responses of 800 kB at most, too few for a burst of long values.
  const enlarge = (request: unknown) => {
    if (request instanceof CreateSessionRequest) request.maxResponseMessageSize = MAX_MESSAGE;
  };
  let closed = false;
  const close = () => {
    closed = true;
  };
  client.on('close', close);
  client.on('receive_response', watch);
  client.on('send_request', enlarge);
  try {
    return (await client.createSession(identity)) as Session;
  } catch (error) {
    const doing = `${options.name}: opening a session`;
    if (refusal !== undefined && serviceResult(error) === undefined) throw faultOf(refusal, doing, error);
    throw faultFrom(error, doing, closed ? 'source.closed' : 'source.protocol');
  } finally {
    client.removeListener('close', close);
    client.removeListener('receive_response', watch);
    client.removeListener('send_request', enlarge);
  }
}

/** A connection that was accepted and then dropped without a word is a refusal; one that was never made has a code. */
function connectFault(error: unknown, doing: string, sockets: Transports): Fault {
  if (serviceResult(error) !== undefined) return faultFrom(error, doing, 'source.protocol');
  return faultFrom(sockets.error ?? error, doing, 'source.refused');
}

function clientOptions(
  options: OpcUaOptions,
  timings: Timings,
  own: OwnCertificate,
  sockets: Transports,
): OPCUAClientOptions {
  const key = crypto_utils.coercePEMorDerToPrivateKey(own.key);
  const keyPair = {
    certificateFile: '<in-memory>', // the library's mark for "do not touch the disk"
    privateKeyFile: '<in-memory>',
    getCertificate: () => own.der,
    getCertificateChain: () => [own.der],
    getPrivateKey: () => key,
  };
  return {
    applicationName: 'fieldgate',
    applicationUri: options.applicationUri,
    clientName: options.name,
    certificateKeyPairProvider: keyPair,
    connectionStrategy: { maxRetry: 0 },
    keepSessionAlive: false, // publishing does
    requestedSessionTimeout: 60_000,
    // The library forgets a request that timed out and throws when its answer comes late; timeouts are ours.
    defaultTransactionTimeout: 3_600_000,
    defaultSecureTokenLifetime: 3_600_000,
    // Silence of this length breaks the socket (halved by the library): far longer than the watchdog's.
    transportTimeout: Math.max(120_000, 20 * timings.keepAlive),
    transportSettings: {
      maxMessageSize: MAX_MESSAGE,
      maxChunkCount: 2_048,
      receiveBufferSize: 65_536,
      sendBufferSize: 65_536,
    },
    transportFactory: sockets.factory,
  };
}

async function identify({ name, user }: OpcUaOptions): Promise<UserIdentityInfo> {
  if (!user) return { type: UserTokenType.Anonymous };
  if ('name' in user) {
    const password = await user.password().catch((error: unknown) => {
      throw Fault.from(error, 'source.credentials', `${name}: the password of ${user.name} cannot be read`);
    });
    return { type: UserTokenType.UserName, userName: user.name, password };
  }
  try {
    const [certificate, privateKey] = await Promise.all([readFile(user.certificate), readFile(user.key, 'utf8')]);
    const certificateData = crypto_utils.convertPEMtoDER(certificate.toString('latin1'));
    return { type: UserTokenType.Certificate, certificateData, privateKey };
  } catch (error) {
    throw Fault.from(error, 'source.credentials', `${name}: the user's certificate or key cannot be read`);
  }
}

/** As politely as the server allows within 3.5 s, then by force. */
async function tearDown(client: OPCUAClient, session: ClientSession | undefined, sockets: Transports): Promise<void> {
  if (session) await within(2_500, session.close(true));
  await within(1_000, client.disconnect());
  sockets.cut();
}

/** Waits for `work` or for `ms`, whichever comes first; how the work ends does not matter. */
async function within(ms: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const expired = new Promise((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([work.catch(() => {}), expired]);
  clearTimeout(timer);
}
