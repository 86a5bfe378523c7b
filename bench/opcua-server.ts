// A server that is not the bottleneck: it speaks just enough OPC UA (no security, one session) to have tags subscribed,
// and answers Publish requests with messages that were encoded once. Started by bench/opcua.ts as a process of its own;
// prints its port.
//
//   node bench/opcua-server.ts INTERVAL        ms between two values of every tag; 0: as fast as they are taken

import { createServer, type Socket } from 'node:net';
import { BinaryStream } from 'node-opcua-binary-stream';
import {
  ActivateSessionResponse,
  AttributeIds,
  BrowsePathResult,
  BrowseRequest,
  BrowseResponse,
  BrowseResult,
  CloseSessionResponse,
  CreateSessionRequest,
  CreateSessionResponse,
  CreateSubscriptionResponse,
  coerceLocalizedText,
  DataChangeNotification,
  DataType,
  DataValue,
  EndpointDescription,
  GetEndpointsResponse,
  MessageSecurityMode,
  MonitoredItemNotification,
  NotificationMessage,
  OpenSecureChannelResponse,
  PublishResponse,
  ReadRequest,
  ReadResponse,
  resolveNodeId,
  StatusCodes,
  TranslateBrowsePathsToNodeIdsRequest,
  TranslateBrowsePathsToNodeIdsResponse,
  UserTokenType,
  Variant,
  VariantArrayType,
} from 'node-opcua-client';
import { ExpandedNodeId } from 'node-opcua-nodeid';
import { EUInformation, Range } from 'node-opcua-types';

const INTERVAL = Number(process.argv[2] ?? 1_000);
/** Bytes of a chunk, and values of a message. */
const CHUNK = 65_536;
const VALUES = 5_000;
const NONE = 'http://opcfoundation.org/UA/SecurityPolicy#None';

interface Encodable {
  encode(stream: BinaryStream): void;
  binaryStoreSize(): number;
  readonly schema: { readonly encodingDefaultBinary?: { readonly value: unknown } };
}

/** Type ids of requests (OPC 10000-6 Annex A). */
const REQUEST = {
  getEndpoints: 428,
  openChannel: 446,
  createSession: 461,
  activateSession: 467,
  closeSession: 473,
  browse: 527,
  translate: 554,
  read: 631,
  createItems: 751,
  createSubscription: 787,
  publish: 826,
} as const;

function expanded(text: string): ExpandedNodeId {
  const { identifierType, value, namespace } = resolveNodeId(text);
  return new ExpandedNodeId(identifierType, value, namespace);
}

/** What every tag has of this: the same for all, which costs the server less and the client as much. */
const PROPERTIES: Readonly<Record<string, ExpandedNodeId>> = {
  EURange: expanded('ns=1;s=range'),
  EngineeringUnits: expanded('ns=1;s=unit'),
  EnumStrings: expanded('ns=1;s=texts'),
};
const structure = (value: object) => new DataValue({ value: { dataType: DataType.ExtensionObject, value } });
const TYPE = new DataValue({ value: { dataType: DataType.NodeId, value: resolveNodeId('ns=1;s=type') } });
const VALUES_OF = new Map([
  ['ns=1;s=range', structure(new Range({ low: 0, high: 250 }))],
  ['ns=1;s=unit', structure(new EUInformation({ displayName: 'm3/h', unitId: 1, namespaceUri: 'urn:units' }))],
  [
    'ns=1;s=texts',
    new DataValue({
      value: {
        dataType: DataType.LocalizedText,
        arrayType: VariantArrayType.Array,
        value: ['Stopped', 'Running', 'Failed'].map((text) => coerceLocalizedText(text)),
      },
    }),
  ],
]);

/** A message body: the id of its type, then the message. */
function body(message: object): Buffer {
  const encodable = message as Encodable;
  const stream = new BinaryStream(encodable.binaryStoreSize() + 4);
  stream.writeUInt8(1);
  stream.writeUInt8(0);
  stream.writeUInt16(Number(encodable.schema.encodingDefaultBinary?.value));
  encodable.encode(stream);
  return stream.buffer.subarray(0, stream.length);
}

/** Position of `requestHandle` in a response: behind type id and timestamp. */
const HANDLE = 12;

function serve(socket: Socket): void {
  let pending: Buffer = Buffer.alloc(0);
  let sequence = 0;
  let parts: Buffer[] = [];
  let count = 0;
  let templates: { body: Buffer; number: number }[] = [];
  let number = 0;
  const waiting: { handle: number; id: number }[] = [];
  const due: number[] = [];
  let timer: NodeJS.Timeout | undefined;

  const send = (type: string, security: Buffer, message: Buffer, id: number) => {
    const head = 20 + security.length;
    for (let at = 0; at < message.length; ) {
      const part = message.subarray(at, at + CHUNK - head);
      at += part.length;
      const chunk = Buffer.allocUnsafe(head);
      chunk.write(type + (at < message.length ? 'C' : 'F'), 'latin1');
      chunk.writeUInt32LE(head + part.length, 4);
      chunk.writeUInt32LE(1, 8);
      security.copy(chunk, 12);
      chunk.writeUInt32LE(++sequence, 12 + security.length);
      chunk.writeUInt32LE(id, 16 + security.length);
      socket.write(chunk);
      socket.write(part);
    }
  };
  const token = Buffer.from([1, 0, 0, 0]);
  const reply = (message: object, handle: number, id: number) => {
    const bytes = Buffer.from(body(message));
    bytes.writeUInt32LE(handle, HANDLE);
    send('MSG', token, bytes, id);
  };

  /** The messages that hold one value of every tag. */
  const prepare = () => {
    templates = [];
    for (let from = 0; from < count; from += VALUES) {
      const monitoredItems = Array.from({ length: Math.min(VALUES, count - from) }, (_, i) => {
        const time = new Date();
        const value = new DataValue({
          value: new Variant({ dataType: DataType.Double, value: 20 + Math.sin(from + i) }),
          sourceTimestamp: time,
          serverTimestamp: time,
        });
        return new MonitoredItemNotification({ clientHandle: from + i, value });
      });
      const message = new PublishResponse({
        subscriptionId: 1,
        notificationMessage: new NotificationMessage({
          sequenceNumber: 0x5a5a5a5a,
          publishTime: new Date(),
          notificationData: [new DataChangeNotification({ monitoredItems })],
        }),
      });
      const bytes = Buffer.from(body(message));
      templates.push({ body: bytes, number: bytes.indexOf(Buffer.from([0x5a, 0x5a, 0x5a, 0x5a])) });
    }
  };

  const publish = () => {
    while (waiting.length > 0 && (INTERVAL === 0 ? templates.length > 0 : due.length > 0)) {
      const which = INTERVAL === 0 ? number % templates.length : due.shift()!;
      const template = templates[which]!;
      const { handle, id } = waiting.shift()!;
      template.body.writeUInt32LE(handle, HANDLE);
      template.body.writeUInt32LE(++number, template.number);
      // The socket may keep what it cannot send at once, while the template is changed for the next.
      send('MSG', token, Buffer.from(template.body), id);
    }
  };

  const begin = () => {
    clearInterval(timer);
    prepare();
    if (INTERVAL > 0)
      timer = setInterval(() => {
        if (due.length < 10 * templates.length) due.push(...templates.keys());
        publish();
      }, INTERVAL);
    publish();
  };

  const answer = (type: number, message: Buffer, id: number) => {
    const stream = new BinaryStream(message);
    stream.length = 4;
    const handle = handleOf(message);
    switch (type) {
      case REQUEST.getEndpoints:
        return reply(new GetEndpointsResponse({ endpoints: [endpoint(socket.localPort ?? 0)] }), handle, id);
      case REQUEST.createSession: {
        const request = new CreateSessionRequest();
        request.decode(stream);
        const made = new CreateSessionResponse({
          sessionId: resolveNodeId('ns=1;i=1'),
          authenticationToken: resolveNodeId('ns=1;i=2'),
          revisedSessionTimeout: 300_000,
          serverNonce: Buffer.alloc(32, 7),
          serverEndpoints: [endpoint(socket.localPort ?? 0)],
        });
        return reply(made, handle, id);
      }
      case REQUEST.activateSession:
        return reply(new ActivateSessionResponse({ serverNonce: Buffer.alloc(32, 9) }), handle, id);
      case REQUEST.closeSession:
        return reply(new CloseSessionResponse({}), handle, id);
      case REQUEST.browse: {
        const request = new BrowseRequest();
        request.decode(stream);
        // The supertype of the one data type that there is.
        const references = [{ nodeId: expanded('i=29'), isForward: false }];
        const results = (request.nodesToBrowse ?? []).map(() => new BrowseResult({ references }));
        return reply(new BrowseResponse({ results }), handle, id);
      }
      case REQUEST.translate: {
        const request = new TranslateBrowsePathsToNodeIdsRequest();
        request.decode(stream);
        const results = (request.browsePaths ?? []).map(({ relativePath }) => {
          const name = relativePath.elements?.[0]?.targetName.name ?? '';
          const targetId = PROPERTIES[name];
          if (targetId === undefined) return new BrowsePathResult({ statusCode: StatusCodes.BadNoMatch });
          return new BrowsePathResult({ targets: [{ targetId, remainingPathIndex: 0xffff_ffff }] });
        });
        return reply(new TranslateBrowsePathsToNodeIdsResponse({ results }), handle, id);
      }
      case REQUEST.read: {
        const request = new ReadRequest();
        request.decode(stream);
        const results = (request.nodesToRead ?? []).map(({ nodeId, attributeId }) =>
          attributeId === AttributeIds.DataType
            ? TYPE
            : (VALUES_OF.get(String(nodeId)) ??
              (nodeId.value === 2255
                ? new DataValue({
                    value: {
                      dataType: DataType.String,
                      arrayType: VariantArrayType.Array,
                      value: ['http://opcfoundation.org/UA/', 'urn:bench', 'urn:tags'],
                    },
                  })
                : new DataValue({ value: { dataType: DataType.UInt32, value: 0 } }))),
        );
        return reply(new ReadResponse({ results }), handle, id);
      }
      case REQUEST.createSubscription:
        return reply(
          new CreateSubscriptionResponse({
            subscriptionId: 1,
            revisedPublishingInterval: 1_000,
            revisedLifetimeCount: 1_000,
            revisedMaxKeepAliveCount: 5,
          }),
          handle,
          id,
        );
      case REQUEST.createItems: {
        const items = message.readInt32LE(countAt(message));
        count += items;
        send('MSG', token, created(items, handle), id);
        clearTimeout(timer);
        timer = setTimeout(begin, 200);
        return;
      }
      case REQUEST.publish:
        waiting.push({ handle, id });
        return publish();
      default:
        throw new Error(`no answer to requests of type ${type}`);
    }
  };

  socket.on('data', (bytes: Buffer) => {
    pending = pending.length === 0 ? bytes : Buffer.concat([pending, bytes]);
    while (pending.length >= 8 && pending.length >= pending.readUInt32LE(4)) {
      const chunk = pending.subarray(0, pending.readUInt32LE(4));
      pending = pending.subarray(chunk.length);
      const kind = chunk.toString('latin1', 0, 3);
      if (kind === 'HEL') {
        const ack = Buffer.alloc(28);
        ack.write('ACKF', 'latin1');
        ack.writeUInt32LE(28, 4);
        ack.writeUInt32LE(CHUNK, 12);
        ack.writeUInt32LE(CHUNK, 16);
        socket.write(ack);
      } else if (kind === 'OPN') {
        const policy = Buffer.from(NONE);
        const security = Buffer.alloc(4 + policy.length + 8, 0xff);
        security.writeUInt32LE(policy.length, 0);
        policy.copy(security, 4);
        // policy, no certificate, no thumbprint; then sequence number and request id
        const head = 12 + 4 + chunk.readUInt32LE(12) + 8;
        const id = chunk.readUInt32LE(head + 4);
        const opened = new OpenSecureChannelResponse({
          securityToken: { channelId: 1, tokenId: 1, createdAt: new Date(), revisedLifetime: 3_600_000 },
          serverNonce: Buffer.alloc(0),
        });
        const bytes = Buffer.from(body(opened));
        bytes.writeUInt32LE(handleOf(chunk.subarray(head + 8)), HANDLE);
        send('OPN', security, bytes, id);
      } else if (kind === 'MSG') {
        parts.push(chunk.subarray(24));
        if (chunk[3] !== 0x46) continue;
        const whole = Buffer.concat(parts);
        parts = [];
        answer(whole.readUInt16LE(2), whole, chunk.readUInt32LE(20));
      } else socket.end();
    }
  });
  socket.on('error', () => socket.destroy());
  socket.on('close', () => clearInterval(timer));
}

/** Bytes of the authentication token behind the type id: a node id of two, four or more bytes. */
function tokenLength(message: Buffer): number {
  const kind = message[4];
  return kind === 0 ? 2 : kind === 1 ? 4 : 7;
}

const handleOf = (message: Buffer) => message.readUInt32LE(4 + tokenLength(message) + 8);

/** Where a CreateMonitoredItems request has the number of its items. */
function countAt(message: Buffer): number {
  // type id, token, timestamp, handle, returnDiagnostics, audit id, timeout, additional header, subscription, timestamps
  const audit = 4 + tokenLength(message) + 8 + 4 + 4;
  const length = Math.max(0, message.readInt32LE(audit));
  return audit + 4 + length + 4 + 3 + 4 + 4;
}

/** So many good results. */
function created(items: number, handle: number): Buffer {
  const result = Buffer.alloc(4 + 4 + 8 + 4 + 3);
  result.writeDoubleLE(1_000, 8);
  result.writeUInt32LE(10, 16);
  const head = Buffer.alloc(4 + 24 + 4);
  head[0] = 1;
  head.writeUInt16LE(754, 2);
  head.writeUInt32LE(handle, HANDLE);
  // service result, diagnostics (1), string table (4), additional header (3)
  head.writeInt32LE(-1, 21);
  head.writeInt32LE(items, 28);
  return Buffer.concat([head, ...Array.from({ length: items }, () => result), Buffer.from([0xff, 0xff, 0xff, 0xff])]);
}

function endpoint(port: number): EndpointDescription {
  return new EndpointDescription({
    endpointUrl: `opc.tcp://127.0.0.1:${port}`,
    securityMode: MessageSecurityMode.None,
    securityPolicyUri: NONE,
    transportProfileUri: 'http://opcfoundation.org/UA-Profile/Transport/uatcp-uasc-uabinary',
    userIdentityTokens: [{ policyId: 'anonymous', tokenType: UserTokenType.Anonymous }],
    server: { applicationUri: 'urn:bench' },
  });
}

const server = createServer((socket) => {
  socket.setNoDelay(true);
  serve(socket);
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (address !== null && typeof address === 'object') console.log(address.port);
});
