// The DCS of the crude unit: an OPC UA server on 127.0.0.1 with encryption and user name authentication, whose tags
// move by themselves or exactly as a test says, and which can be stopped, restarted, cut off and frozen.
// Namespace urn:lavera:dcs; node ids nsu=urn:lavera:dcs;s=<tag name>; everything below /Objects/Crude unit 1.

import type { Server } from 'node:net';
import type { AddressSpace, UAVariable } from 'node-opcua-address-space';
import {
  DataType,
  MessageSecurityMode,
  type NodeId,
  SecurityPolicy,
  type StatusCode,
  StatusCodes,
  Variant,
} from 'node-opcua-client';
import { type MonitoredItem, OPCUAServer } from 'node-opcua-server';
import { buildAddressSpace, NAMESPACE } from './address-space.ts';
import { APPLICATION, type Credentials, createCredentials } from './credentials.ts';
import { type CrudeUnit, crudeUnit, type LiveTag } from './crude-unit.ts';
import { plant } from './plant.ts';
import { type Signal, signals } from './signals.ts';
import { type Wire, wire } from './sockets.ts';
import { type Sticky, stick } from './sticky.ts';
import { ticker } from './ticker.ts';
import type { TagValue } from './variants.ts';

export interface OpcUaOptions {
  /** Where certificate and key are kept, and reused by the next start. */
  readonly folder: string;
  /** TCP port; default: a free one, kept over restarts. */
  readonly port?: number;
  /** Number of tags, up to 100,000; default 200. */
  readonly tags?: number;
  /** Share of the tags that count updates; default 0.1. */
  readonly counters?: number;
  readonly seed?: number;
  /** Time between two updates of all tags, ms; default 1,000. */
  readonly period?: number;
  /** false: tags only move by set() and tick(). Default true. */
  readonly ticking?: boolean;
  /** Also offers endpoints without encryption. */
  readonly insecure?: boolean;
  /** Also lets users in who give no name. */
  readonly anonymous?: boolean;
  /** Sessions stay on the channel on which they were made. */
  readonly sticky?: boolean;
  /** Password of the user `fieldgate`; default `crude oil`. */
  readonly password?: string;
}

export interface OpcUaSim {
  readonly endpoint: string;
  readonly port: number;
  readonly namespace: string;
  readonly user: string;
  readonly password: string;
  /** The server's certificate: DER, its file (PEM), and SHA-1 of the DER in lower-case hex, as OPC UA names it. */
  readonly certificate: Buffer;
  readonly certificateFile: string;
  readonly thumbprint: string;
  readonly signals: readonly Signal[];
  /**
   * Gives a tag this value, status (default Good) and source time (default now) until the next update. Monitored
   * items get it at once. 64-bit integers are bigint, arrays are arrays, null is no value. Throws for an unknown tag.
   */
  set(tag: string, value: TagValue, more?: { status?: StatusCode; sourceTime?: Date }): void;
  /** One update of all tags now, or at the given time; counters go up by one. */
  tick(time?: Date): void;
  /** Stops and starts the automatic updates. */
  pause(): void;
  resume(): void;
  /** What it says of its health from now on, 0 to 255 (OPC 10000-4 section 6.6.2.4.2). */
  serviceLevel(level: number): void;
  /** The server is gone without a goodbye, its port closed, sessions and subscriptions lost. The plant goes on. */
  stop(): Promise<void>;
  /** stop() if it runs, then a new server on the same port, with the same certificate unless `changed` says otherwise. */
  restart(changed?: Changed): Promise<void>;
  /** Resets all TCP connections; sessions and subscriptions live on in the server. */
  cut(): void;
  /** Ends all sessions as if their time had run out; subscriptions live on. */
  dropSessions(): void;
  /** Deletes all subscriptions behind their clients' backs. */
  dropSubscriptions(): void;
  /** A black hole: connections stay open, nothing passes; until thaw(). */
  freeze(): void;
  thaw(): void;
  counters(): OpcUaCounters;
  /** Ends everything; the simulator cannot be used any more. */
  close(): Promise<void>;
}

/** What is different after a restart, until the next one. */
export interface Changed {
  /** Certificate and key of another folder. */
  readonly folder?: string;
  /** Another namespace comes first, so that the index of NAMESPACE is another one. */
  readonly shifted?: boolean;
  /** Most operations in one call. */
  readonly mostPerCall?: number;
}

interface OpcUaCounters {
  /** Updates made: the value of every counter tag that was not set by hand. */
  readonly updates: number;
  /** Sessions that were not let to another channel: see `sticky`. */
  readonly refusals: number;
  /** Values put into the queues of monitored items, first values not counted. */
  readonly recorded: number;
  /** Tags that monitored items watched at the last update. */
  readonly watched: number;
  readonly sessions: number;
  readonly subscriptions: number;
  readonly connections: number;
}

const USER = 'fieldgate';
const ENCRYPTED = [
  SecurityPolicy.Basic256Sha256,
  SecurityPolicy.Aes128_Sha256_RsaOaep,
  SecurityPolicy.Aes256_Sha256_RsaPss,
];

/** Starts the server; resolves when it accepts connections. */
export async function startOpcUaServer(options: OpcUaOptions): Promise<OpcUaSim> {
  const period = options.period ?? 1_000;
  const password = options.password ?? 'crude oil';
  const list = signals(options.tags ?? 200, options.counters);
  const unit = crudeUnit(list, plant(options.seed ?? 1), period, new Date());
  let level = 255;
  const levelNow = () => level;
  const first = await launch({ ...options, password, port: options.port ?? 0 }, unit, levelNow);
  const { port, credentials } = first;
  let running: Running | undefined = first;

  const beat = ticker(period, (time) => {
    unit.update(time);
    running?.lookAtAlarms();
  });
  const stop = async () => {
    const old = running;
    running = undefined;
    await old?.end();
  };
  if (options.ticking !== false) beat.resume();

  return {
    endpoint: `opc.tcp://127.0.0.1:${port}`,
    port,
    namespace: NAMESPACE,
    user: USER,
    password,
    certificate: credentials.certificate,
    certificateFile: credentials.certificateFile,
    thumbprint: credentials.thumbprint,
    signals: list,
    set(name, value, more) {
      const tag = unit.tags.get(name);
      if (!tag) throw new RangeError(`the crude unit has no tag "${name}"`);
      unit.set(tag, value, more?.status ?? StatusCodes.Good, more?.sourceTime ?? new Date());
      running?.lookAtAlarms();
    },
    tick: beat.tick,
    pause: beat.pause,
    resume: beat.resume,
    serviceLevel(given) {
      level = given;
    },
    stop,
    async restart(changed) {
      await stop();
      running = await launch({ ...options, ...changed, password, port }, unit, levelNow);
    },
    cut: () => running?.wire.cut(),
    dropSessions() {
      if (!running) return;
      const { engine } = running.server;
      for (const token of sessionsOf(running.server)) engine.closeSession(token.authenticationToken, false, 'Timeout');
    },
    dropSubscriptions() {
      if (!running) return;
      for (const session of sessionsOf(running.server)) {
        for (const id of Object.keys(session.publishEngine?._subscriptions ?? {}))
          session.deleteSubscription(Number(id));
      }
    },
    freeze: () => running?.wire.freeze(),
    thaw: () => running?.wire.thaw(),
    counters: () => ({
      updates: unit.updates,
      recorded: unit.recorded,
      watched: unit.watched,
      sessions: running?.server.engine.currentSessionCount ?? 0,
      subscriptions: running?.server.engine.currentSubscriptionCount ?? 0,
      connections: running?.wire.connections ?? 0,
      refusals: running?.sticky?.refusals ?? 0,
    }),
    async close() {
      beat.pause();
      await stop();
    },
  };
}

// --- one life of the server -----------------------------------------------------------------------------------------

interface Running {
  readonly server: OPCUAServer;
  readonly credentials: Credentials;
  readonly port: number;
  readonly wire: Wire;
  readonly sticky: Sticky | undefined;
  lookAtAlarms(): void;
  end(): Promise<void>;
}

interface InnerSession {
  readonly authenticationToken: NodeId;
  readonly publishEngine?: { readonly _subscriptions: object };
  deleteSubscription(id: number): void;
}

/** The server's sessions, which it does not show. */
function sessionsOf({ engine }: OPCUAServer): InnerSession[] {
  return Object.values((engine as unknown as { _sessions: Record<string, InnerSession> })._sessions);
}

async function launch(
  options: OpcUaOptions & Changed & { password: string; port: number },
  unit: CrudeUnit,
  level: () => number,
): Promise<Running> {
  const credentials = await createCredentials(options.folder);
  const byNode = new Map<unknown, LiveTag>();
  const many = 1_000_000;
  const server = new OPCUAServer({
    host: '127.0.0.1',
    hostname: '127.0.0.1',
    port: options.port,
    serverInfo: { applicationUri: APPLICATION, productUri: NAMESPACE, applicationName: { text: 'Crude unit 1 DCS' } },
    serverCertificateManager: credentials.clients,
    userCertificateManager: credentials.users,
    certificateFile: credentials.certificateFile,
    privateKeyFile: credentials.clients.privateKey,
    securityPolicies: options.insecure ? [SecurityPolicy.None, ...ENCRYPTED] : ENCRYPTED,
    securityModes: [
      MessageSecurityMode.SignAndEncrypt,
      MessageSecurityMode.Sign,
      ...(options.insecure ? [MessageSecurityMode.None] : []),
    ],
    allowAnonymous: options.anonymous ?? false,
    userManager: { isValidUser: (name: string, given: string) => name === USER && given === options.password },
    maxConnectionsPerEndpoint: 100,
    serverCapabilities: {
      maxSessions: 100,
      maxSubscriptions: 1_000,
      maxSubscriptionsPerSession: 1_000,
      maxMonitoredItems: many,
      maxMonitoredItemsPerSubscription: many,
      maxMonitoredItemsQueueSize: 10_000,
      minSupportedSampleRate: 50,
      operationLimits: {
        maxNodesPerRead: options.mostPerCall ?? 100_000,
        maxNodesPerBrowse: options.mostPerCall ?? 10_000,
        maxMonitoredItemsPerCall: options.mostPerCall ?? 100_000,
        maxNodesPerTranslateBrowsePathsToNodeIds: options.mostPerCall ?? 10_000,
      },
    },
    onCreateMonitoredItem: async (_subscription, item) => {
      const tag = byNode.get(item.node);
      if (tag) unit.watch(tag, item as MonitoredItem);
      return StatusCodes.Good;
    },
  });
  await server.initialize();
  const sticky = options.sticky ? stick(server) : undefined;
  if (options.shifted) server.engine.addressSpace?.registerNamespace('urn:lavera:extension');
  const serviceLevel = server.engine.addressSpace?.findNode('i=2267') as UAVariable;
  serviceLevel.bindVariable({ get: () => new Variant({ dataType: DataType.Byte, value: level() }) }, true);
  const lookAtAlarms = buildAddressSpace(server.engine.addressSpace as AddressSpace, unit, byNode);
  const listener = (server.endpoints[0] as unknown as { _server: Server })._server;
  const sockets = wire(listener);
  await server.start();
  return {
    server,
    credentials,
    port: server.endpoints[0]!.port,
    wire: sockets,
    sticky,
    lookAtAlarms,
    async end() {
      listener.close(); // before the cut: nobody is to reconnect and be told goodbye
      sockets.cut();
      await server.shutdown(1);
    },
  };
}
