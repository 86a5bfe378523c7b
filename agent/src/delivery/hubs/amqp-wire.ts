// The SDK's AMQP transport with its defects contained (azure-iot-device-amqp 1.14.4, azure-iot-amqp-base 2.5.3, rhea
// 1.0.24 beneath). Each is shown against a misbehaving hub in test/delivery/hubs/amqp.test.ts:
//
// - a message that the hub released counts as delivered, one that it rejected without a reason too, and nothing at all
//   is said of one that it gave back as modified;
// - a connection that ends while the token is on its way leaves the SDK waiting for ever;
// - why a connection failed is lost: 'rhea: connection disconnected' (the socket knows);
// - a hub that dies silently is noticed by nobody, because no idle time is asked for;
// - twin answers and method calls that are not as expected throw inside event handlers (control-filter.ts), methods
//   that nobody knows are never answered, and every message received is kept for ever;
// - an error while the connection is opened, and a connection lost while the twin is attached, end the process;
// - a disconnect waits 45 s for a hub that does not answer, and longer in other states;
// - AMQP over WebSockets always goes to port 443, through a client of WebSockets that cannot be cut off.

import { EventEmitter } from 'node:events';
import type { Duplex } from 'node:stream';
import amqpTransport from 'azure-iot-device-amqp';
import { createWebSocketStream, WebSocket } from 'ws';
import { describe, Fault } from '../../model/fault.ts';
import { admits, type Received } from './amqp-filter.ts';
import { isTwin } from './control-filter.ts';
import type { Progress } from './transport.ts';
import type { Wire } from './wire.ts';

/** A hub that sends nothing for so long, ms, is gone; it sends empty frames when it has nothing else to say. */
const IDLE_MS = 60_000;

type Done<T = unknown> = (error?: unknown, result?: T) => void;

interface Disposition extends Condition {
  readonly delivery: { readonly remote_state: { error?: unknown } };
}

interface Condition {
  readonly condition?: unknown;
  readonly description?: unknown;
}

/** rhea's connection, and what it is made of. */
interface Connection extends EventEmitter {
  readonly socket: Duplex;
  create_session(): { open_sender(options: object): EventEmitter };
  dispatch(name: string, context?: object): boolean;
  _disconnected(error?: Error): void;
}

/** A link of the SDK: not attached, waiting, or attached to one of rhea's. */
interface Link extends EventEmitter {
  forceDetach(error: Error): void;
  /** The receiver keeps what came here until it is disposed of by hand; ours are accepted by themselves. */
  readonly _undisposedDeliveries?: unknown[];
}

interface Machine {
  handle(input: string, context: object): void;
}

/** azure-iot-amqp-base, one connection. */
interface Base {
  _rheaContainer: { connect(parameters: object): Connection };
  _fsm: Machine;
  _cbs?: { _senderLink: Link; _receiverLink: Link; _putToken: { timeoutTimer?: NodeJS.Timeout } };
  connect(config: { policyOverride?: object; sslOptions?: { ca?: string }; uri: string }, done: Done): void;
  putToken(audience: string, token: string, done: Done): void;
  attachSenderLink(endpoint: string, options: object | null, done: Done<Link>): void;
  attachReceiverLink(endpoint: string, options: object | null, done: Done<Link>): void;
}

interface Transport {
  readonly _amqp: Base;
  readonly _twinClient: { _senderLink: EventEmitter | null; _receiverLink: EventEmitter | null };
  getTwin(done: Done): void;
  sendMethodResponse(response: { requestId: string; status: number; payload: object }, done: Done): void;
}

/** @param methods names of the direct methods that will be answered */
export function amqpWire(by: 'amqp' | 'amqp-ws', methods: readonly string[]): Wire {
  const bases: Base[] = [];
  const connections = new Set<Connection>();
  const links = new Set<Link>();
  let cause: unknown;
  let progress: Progress = 'none';
  let ended = false;
  const gone = Promise.withResolvers<void>();

  /** Every connection of rhea's that the SDK asks for, watched. */
  function watch(connection: Connection): Connection {
    connections.add(connection);
    const { socket } = connection;
    progress = 'dialled';
    socket.once('secureConnect', () => {
      progress = 'secured';
    });
    socket.once('data', () => {
      progress = 'answered';
    });
    // Without a listener rhea writes to the console. The SDK takes its own away before the last event has come.
    connection.on('disconnected', ({ error }: { error?: unknown }) => {
      cause ??= error;
      gone.resolve();
    });
    connection.on('protocol_error', (error) => {
      cause ??= new Fault('hub.closed', `what came was no AMQP: ${describe(error)}`, error);
      // rhea would wait for the peer to hang up, and so would the SDK.
      drop(connection);
    });
    connection.on('connection_error', ({ error }: { error?: unknown }) => {
      cause ??= refusal(error) ?? error;
    });
    const dispatch = connection.dispatch.bind(connection);
    connection.dispatch = (name, context) => {
      if (name !== 'error' || context === undefined || 'connection' in context) return dispatch(name, context);
      cause ??= context;
      // What a handler threw, or a frame that makes no sense. While it connects the SDK reads `connection.error`.
      return dispatch(name, { connection: { error: context } });
    };
    const create = connection.create_session.bind(connection);
    connection.create_session = () => {
      const session = create();
      const open = session.open_sender.bind(session);
      session.open_sender = (options) => judged(open(options));
      return session;
    };
    if (ended) drop(connection);
    return connection;
  }

  function guard(transport: Transport): void {
    const base = transport._amqp;
    bases.push(base);
    const container = base._rheaContainer;
    const dial = container.connect.bind(container);
    container.connect = (parameters) => watch(dial(parameters));
    const { connect, putToken, attachSenderLink, attachReceiverLink } = base;
    base.connect = (config, done) => {
      const way = by === 'amqp' ? {} : { connection_details: overWebSocket(config.uri, config.sslOptions?.ca) };
      connect.call(base, { ...config, policyOverride: { idle_time_out: IDLE_MS, ...way } }, done);
    };
    base.putToken = (audience, token, done) => {
      putToken.call(base, audience, token, (error, result) => {
        if (error) cause ??= refusal(error);
        done(error, result);
      });
    };
    base.attachSenderLink = (endpoint, options, done) => {
      attachSenderLink.call(base, endpoint, options, (error, link) => {
        if (link !== undefined) links.add(link);
        done(error, link);
      });
    };
    base.attachReceiverLink = (endpoint, options, done) => {
      attachReceiverLink.call(base, endpoint, options, (error, link) => {
        if (link !== undefined) sift(link, endpoint, transport);
        done(error, link);
      });
    };
    // Detached before it was attached, the twin's client calls these links all the same.
    transport._twinClient._senderLink = new EventEmitter();
    transport._twinClient._receiverLink = new EventEmitter();
    const getTwin = transport.getTwin.bind(transport);
    transport.getTwin = (done) =>
      getTwin((error, twin) => {
        if (error || isTwin(twin)) done(error, twin);
        else done(new Fault('hub.closed', 'edgeHub sent a twin without its parts'));
      });
  }

  /** Lets through what the SDK can take, and forgets it then. */
  function sift(link: Link, endpoint: string, transport: Transport): void {
    links.add(link);
    const emit = link.emit.bind(link);
    link.emit = (event, ...args) => {
      if (event !== 'message') return emit(event, ...args);
      link._undisposedDeliveries?.splice(0);
      const verdict = admits(endpoint, args[0] as Received, methods);
      if (verdict.do === 'pass') return emit(event, ...args);
      if (verdict.do === 'answer') {
        const { rid: requestId, status, body: payload } = verdict;
        transport.sendMethodResponse({ requestId, status, payload }, () => undefined);
      }
      return true;
    };
  }

  return {
    transport(credentials) {
      const transport = new amqpTransport.Amqp(credentials as never);
      guard(transport as unknown as Transport);
      return transport;
    },
    progress: () => progress,
    cause: () => cause,
    gone: gone.promise,
    discard() {
      ended = true;
      for (const connection of connections) drop(connection);
      for (const link of links) force(link);
      for (const { _cbs: cbs, _fsm: machine } of bases) {
        if (cbs !== undefined) for (const link of [cbs._senderLink, cbs._receiverLink]) force(link);
        clearTimeout(cbs?._putToken.timeoutTimer);
        // A disconnect that waits for the hub's own farewells takes these for them; in other states they mean nothing.
        machine.handle('session_close', {});
        machine.handle('connection_close', {});
      }
    },
  };
}

/** Ends a connection at once, and tells the SDK so. */
function drop(connection: Connection): void {
  const { socket } = connection;
  connection._disconnected(new Fault('hub.closed', 'the connection was closed'));
  socket.removeAllListeners('data');
  socket.on('error', () => undefined);
  socket.destroy();
}

/** Ends a link without a word to the hub, also where nobody listens to it. */
function force(link: Link): void {
  link.on('error', () => undefined);
  link.forceDetach(new Fault('hub.closed', 'the connection was closed'));
}

/** What the hub does with a message that it does not accept is a Fault, also where the SDK hears of nothing wrong. */
function judged(sender: EventEmitter): EventEmitter {
  for (const verdict of ['rejected', 'released', 'modified'] as const) {
    sender.on(verdict, (context: Disposition) => {
      const state = context.delivery.remote_state;
      const error = dispositionFault(verdict, state.error as Condition | undefined);
      Object.defineProperty(state, 'error', { value: error, configurable: true });
      // The SDK does not listen to it, and does the right thing with this one.
      if (verdict === 'modified') sender.emit('released', context);
    });
  }
  return sender;
}

/** The fault of a message that was not accepted. @param error the hub's reason, if it gave one */
export function dispositionFault(verdict: 'rejected' | 'released' | 'modified', error?: Condition | null): Fault {
  const { condition, description } = error ?? {};
  if (verdict !== 'rejected') return new Fault('hub.closed', `edgeHub gave the message back (${verdict})`);
  const why = [condition, description].filter((each) => typeof each === 'string' && each !== '').join(': ');
  const text = `edgeHub rejected the message: ${why === '' ? 'it did not say why' : why}`;
  return new Fault(condition === 'amqp:link:message-size-exceeded' ? 'hub.too-large' : 'hub.refused', text);
}

/** `error` as a refusal, when it is one. */
function refusal(error: unknown): Fault | undefined {
  if (error instanceof Fault) return error;
  const { name, condition } = error as { name?: unknown; condition?: unknown };
  if (name !== 'UnauthorizedError' && condition !== 'amqp:unauthorized-access') return undefined;
  return new Fault('hub.refused', `edgeHub refused the token: ${describe(error)}`, error);
}

/** rhea's way to a socket: AMQP over WebSockets, at the port of `uri` or 443. */
function overWebSocket(uri: string, ca: string | undefined) {
  const { hostname, port } = new URL(uri.replace(/^amqps:/, 'https:'));
  const url = `wss://${hostname}:${port === '' ? 443 : port}/$iothub/websocket`;
  return () => ({
    connect(_port: unknown, _host: unknown, _options: unknown, connected: () => void): Duplex {
      const socket = new WebSocket(url, 'AMQPWSB10', { ...(ca !== undefined && { ca }), perMessageDeflate: false });
      socket.once('open', connected);
      return createWebSocketStream(socket);
    },
  });
}
