// One connection to a server: channel, session, and the promise that it ends when it ends. node-opcua's own
// reconnection is switched off; a broken link stays broken, the supervisor makes a new adapter.

import {
  type ClientSession,
  CreateSessionRequest,
  crypto_utils,
  type EndpointDescription,
  MessageSecurityMode,
  OPCUAClient,
  type OPCUAClientOptions,
  SecurityPolicy,
  type UserIdentityInfo,
} from 'node-opcua-client';
import { Fault, type FaultCode } from '../../../model/fault.ts';
import { StatusCode } from '../../../model/status.ts';
import { endsWithin } from '../../deadline.ts';
import { describeConnection } from '../security/describe.ts';
import { holdToItsWord } from '../security/endpoints.ts';
import { identify } from '../security/identity.ts';
import type { OwnCertificate } from '../security/own.ts';
import { openPki, type Pki } from '../security/pki.ts';
import {
  type Accepted,
  checkCertificate,
  checkIdentity,
  checkPolicy,
  chooseEndpoint,
  offeredBy,
  trustNobody,
} from '../security/security.ts';
import { faultFrom, faultOf, serviceResult } from '../source/faults.ts';
import type { OpcUaOptions, Timings } from '../source/options.ts';
import type { Session } from '../source/session.ts';
import { quiet } from './quiet.ts';
import { ageSteadily } from './token.ts';
import { type Transports, transports } from './transport.ts';

export interface Link {
  readonly session: Session;
  /** Rejects with a Fault when the connection ends for whatever reason; never resolves. */
  readonly lost: Promise<never>;
  /** Bytes that came so far. */
  readonly received: number;
  /** Ends the link from our side with this fault, without a goodbye: the server is not to be relied on any more. */
  fail(fault: Fault): void;
  /** Deletes subscriptions and session on the server if it answers, closes the socket. Takes at most 3.5 s. */
  close(): Promise<void>;
  /** Closes the socket and leaves the session to live on at the server, for the next link to take up. */
  abandon(): Promise<void>;
}

/** A session that may still live on the server: it is taken up again if the server agrees. */
export interface Former {
  readonly session: Session;
  /**
   * It is still in use on another link. Called at the last moment before it moves to the new one; throws to leave it
   * there. No session is opened in its place, unless the server says that it is gone.
   */
  readonly seize?: (() => void) | undefined;
  /** Told when the server answers that it does not move, and not for a reason that passes. */
  readonly refused?: (() => void) | undefined;
}

/** The most bytes of one message; bounds the memory that a hostile server can make us use. */
const MAX_MESSAGE = 16 * 1024 * 1024;

/**
 * Connects, checks the server and opens a session; gives up when `signal` aborts.
 * Rejects with a Fault; then nothing is left open.
 */
export async function openLink(
  options: OpcUaOptions,
  timings: Timings,
  signal: AbortSignal,
  former?: Former,
): Promise<Link> {
  quiet();
  const today = options.today ?? (() => new Date());
  checkPolicy(options, today());
  const pki = openPki(options.pki);
  const own = await pki.own(options.applicationUri, today());

  let fail: (fault: Fault) => void = () => {};
  const lost = new Promise<never>((_, reject) => {
    fail = reject;
  });
  lost.catch(() => {}); // nobody may be waiting at the moment
  const sockets = transports(timings.reach, (error) =>
    fail(faultFrom(error, `${options.name}: bad message`, 'source.protocol')),
  );
  const broken = (fault: Fault) => {
    fail(fault);
    sockets.cut();
  };
  const stop = () => sockets.cut();
  signal.addEventListener('abort', stop);
  const clients: OPCUAClient[] = [];
  try {
    signal.throwIfAborted();
    const { endpoint, offered } = await discover(options, timings, own, sockets, clients);
    const secure = endpoint.securityMode !== MessageSecurityMode.None;
    const accepted = secure ? await checkCertificate(options, endpoint, pki, today()) : undefined;
    checkIdentity(options, endpoint, today());
    // Only here, when the server is known to be the right one, is the password fetched.
    const identity = await identify(options, today());
    signal.throwIfAborted();

    const client = OPCUAClient.create({
      ...clientOptions(options, timings, own, sockets),
      securityMode: endpoint.securityMode,
      securityPolicy: endpoint.securityPolicyUri as SecurityPolicy,
      // A server behind another name or address than it advertises is still the one whose certificate was checked.
      endpointMustExist: false,
      ...(accepted && { serverCertificate: accepted.certificate }),
    });
    clients.push(client);
    ageSteadily(client);
    client.on('close', () => fail(new Fault('source.closed', `${options.name}: the connection was closed`)));
    const release = holdToItsWord(client, options, endpoint, accepted?.certificate, today, broken);
    const session = await Promise.race([connect(client, options, identity.info, sockets, former), lost]).finally(
      release,
    );
    signal.throwIfAborted();
    const tell = (now: Accepted | undefined, ours: OwnCertificate) =>
      options.tell?.(describeConnection(options, endpoint, offered, ours, now, identity, today()));
    tell(accepted, own);
    const end = lookAgain(options, timings, endpoint, pki, own, tell, broken);
    return {
      session,
      lost,
      get received() {
        return sockets.received;
      },
      fail: broken,
      close: () => {
        end();
        return tearDown(client, session, sockets);
      },
      abandon: () => {
        end();
        (client as { keepPendingSessionsOnDisconnect: boolean }).keepPendingSessionsOnDisconnect = true;
        sockets.cut();
        return tearDown(client, undefined, sockets);
      },
    };
  } catch (error) {
    for (const client of clients) await tearDown(client, undefined, sockets);
    sockets.cut();
    if (signal.aborted) throw Fault.from(signal.reason, 'source.closed', `${options.name}: connecting was stopped`);
    throw error;
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/**
 * Whether the server would still be connected to, asked now and then while it is: a waiver ends, a certificate ends or
 * is revoked, a person rejects it.
 * @param first the gateway's own certificate, as it is now
 */
function lookAgain(
  options: OpcUaOptions,
  timings: Timings,
  endpoint: EndpointDescription,
  pki: Pki,
  first: OwnCertificate,
  tell: (accepted: Accepted | undefined, own: OwnCertificate) => void,
  broken: (fault: Fault) => void,
): () => void {
  let own = first;
  const look = async () => {
    const today = options.today?.() ?? new Date();
    checkPolicy(options, today);
    checkIdentity(options, endpoint, today);
    const secure = endpoint.securityMode !== MessageSecurityMode.None;
    const accepted = secure ? await checkCertificate(options, endpoint, pki, today) : undefined;
    // Its successor is made and shown in time, however long the link lasts; of no use for this link, it ends none.
    own = await pki.own(options.applicationUri, today).catch(() => own);
    tell(accepted, own);
  };
  const timer = setInterval(
    () => look().catch((error) => broken(Fault.from(error, 'internal.unexpected', options.name))),
    timings.recheck,
  );
  return () => clearInterval(timer);
}

/** What a server offers for the wanted security (OPC 10000-4 section 5.5.4 GetEndpoints, asked without security). */
async function discover(
  options: OpcUaOptions,
  timings: Timings,
  own: OwnCertificate,
  sockets: Transports,
  clients: OPCUAClient[],
): Promise<{ endpoint: EndpointDescription; offered: readonly string[] }> {
  const client = OPCUAClient.create({
    ...clientOptions(options, timings, own, sockets),
    securityMode: MessageSecurityMode.None,
    securityPolicy: SecurityPolicy.None,
  });
  clients.push(client);
  const doing = `${options.name}: asking ${options.endpoint} for its endpoints`;
  try {
    await client.connect(options.endpoint);
    const endpoints = await client.getEndpoints();
    return { endpoint: chooseEndpoint(options, endpoints), offered: offeredBy(endpoints) };
  } catch (error) {
    if (error instanceof Fault) throw error;
    throw connectFault(error, doing, sockets, 'source.unready');
  } finally {
    await tearDown(client, undefined, sockets);
  }
}

async function connect(
  client: OPCUAClient,
  options: OpcUaOptions,
  identity: UserIdentityInfo,
  sockets: Transports,
  former: Former | undefined,
): Promise<Session> {
  try {
    await client.connect(options.endpoint);
  } catch (error) {
    throw connectFault(error, `${options.name}: opening the secure channel`, sockets, 'source.refused');
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
    if (former !== undefined) {
      const { session, seize, refused } = former;
      seize?.();
      const status = await reactivated(client, session, () => (closed ? undefined : refusal));
      if (status === 0) return session;
      if (seize && !GONE.includes(status)) {
        const fault = faultOf(status, `${options.name}: moving the session to a new link`);
        if (fault.code !== 'source.unready') refused?.();
        throw fault;
      }
    }
    refusal = undefined;
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

/** The session does not exist any more. */
const GONE: readonly number[] = [StatusCode.BadSessionIdInvalid, StatusCode.BadSessionClosed];

/**
 * Has the server let the old session go on over the new channel (OPC 10000-4 section 5.7.3 ActivateSession): 0, or the
 * status with which it refused. Throws when it gave no answer.
 */
async function reactivated(client: OPCUAClient, old: Session, refusal: () => number | undefined): Promise<number> {
  try {
    await client.reactivateSession(old);
    return 0;
  } catch (error) {
    const status = serviceResult(error) ?? refusal();
    if (status === undefined) throw error;
    return status;
  }
}

/**
 * A connection that was never made has a code.
 * @param dropped what it means when it was accepted and then dropped without a word
 */
function connectFault(error: unknown, doing: string, sockets: Transports, dropped: FaultCode): Fault {
  if (serviceResult(error) !== undefined) return faultFrom(error, doing, 'source.protocol');
  return faultFrom(sockets.error ?? error, doing, dropped);
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
    applicationUri: own.applicationUri,
    clientName: options.name,
    certificateKeyPairProvider: keyPair,
    // The library's own store takes any certificate; it asks it when it fetches a server's certificate by itself.
    clientCertificateManager: trustNobody(),
    connectionStrategy: { maxRetry: 0 },
    keepSessionAlive: false, // publishing does
    requestedSessionTimeout: timings.outlive,
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

/** As politely as the server allows within 3.5 s, then by force. */
async function tearDown(client: OPCUAClient, session: ClientSession | undefined, sockets: Transports): Promise<void> {
  if (session) await endsWithin(2_500, session.close(true).catch(ignored));
  await endsWithin(1_000, client.disconnect().catch(ignored));
  sockets.cut();
}

/** How it ends does not matter. */
const ignored = () => {};
