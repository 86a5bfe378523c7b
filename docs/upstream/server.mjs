// A server that says what a reproduction wants it to say: node-opcua's own secure channel, and one function for each
// service. It belongs beside every reproduction of this folder that imports it.

import { createServer } from 'node:net';
import {
  ActivateSessionResponse,
  AttributeIds,
  CloseSessionResponse,
  CreateMonitoredItemsResponse,
  CreateSessionResponse,
  CreateSubscriptionResponse,
  DataChangeNotification,
  DataType,
  DataValue,
  DeleteMonitoredItemsResponse,
  DeleteSubscriptionsResponse,
  EndpointDescription,
  GetEndpointsResponse,
  LogLevel,
  MessageSecurityMode,
  MonitoredItemNotification,
  NodeId,
  NotificationMessage,
  OPCUAClient,
  PublishResponse,
  ReadResponse,
  SecurityPolicy,
  ServiceFault,
  StatusCodes,
  setErrorLogger,
  setLogLevel,
  setWarningLogger,
  TimestampsToReturn,
  UserTokenType,
  Variant,
} from 'node-opcua-client';
import { ServerSecureChannelLayer } from 'node-opcua-secure-channel';

setLogLevel(LogLevel.Emergency);
setWarningLogger(() => {});
setErrorLogger(() => {});
const LIMIT = setTimeout(() => {
  process.stdout.write('no verdict in 25 s\n');
  process.exit(2);
}, 25_000);

/** Ends the process: exit code 1 and what was found where the defect is there, 0 where it is gone. */
export function end(defect, found) {
  process.stdout.write(`${defect ? 'DEFECT' : 'gone'}: ${found}\n`);
  clearTimeout(LIMIT);
  process.exit(defect ? 1 : 0);
}

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits for `condition`, at most 8 s; false when it never came true. */
export async function until(condition) {
  for (let i = 0; i < 800 && !condition(); i++) await sleep(10);
  return condition();
}

export const fault = (serviceResult) => new ServiceFault({ responseHeader: { serviceResult } });

/** The answer to a Publish request: one value of one item, or a keep-alive where `value` is undefined. */
export function published(sequenceNumber, value, clientHandle = 1) {
  const monitoredItems = [
    new MonitoredItemNotification({
      clientHandle,
      value: new DataValue({ value: new Variant({ dataType: DataType.Double, value }), sourceTimestamp: new Date() }),
    }),
  ];
  const notificationData = value === undefined ? [] : [new DataChangeNotification({ monitoredItems })];
  const publishTime = new Date();
  return new PublishResponse({
    subscriptionId: 1,
    availableSequenceNumbers: [],
    moreNotifications: false,
    notificationMessage: new NotificationMessage({ sequenceNumber, publishTime, notificationData }),
  });
}

const nonce = () => Buffer.from(Array.from({ length: 32 }, () => Math.floor(Math.random() * 256)));

const TRANSPORT = 'http://opcfoundation.org/UA-Profile/Transport/uatcp-uasc-uabinary';

const USUAL = {
  GetEndpoints: ({ endpointUrl }) =>
    new GetEndpointsResponse({
      endpoints: [
        new EndpointDescription({
          endpointUrl,
          server: { applicationUri: 'urn:server', applicationName: { text: 'server' } },
          securityMode: MessageSecurityMode.None,
          securityPolicyUri: SecurityPolicy.None,
          transportProfileUri: TRANSPORT,
          userIdentityTokens: [{ policyId: 'anonymous', tokenType: UserTokenType.Anonymous }],
        }),
      ],
    }),
  CreateSession: () =>
    new CreateSessionResponse({
      sessionId: new NodeId(NodeId.NodeIdType?.NUMERIC ?? 1, 1, 1),
      authenticationToken: new NodeId(NodeId.NodeIdType?.NUMERIC ?? 1, 77, 1),
      revisedSessionTimeout: 60_000,
      serverNonce: nonce(),
      serverEndpoints: [],
    }),
  ActivateSession: () => new ActivateSessionResponse({ serverNonce: nonce() }),
  CloseSession: () => new CloseSessionResponse({}),
  CreateSubscription: ({ requestedPublishingInterval, requestedLifetimeCount, requestedMaxKeepAliveCount }) =>
    new CreateSubscriptionResponse({
      subscriptionId: 1,
      revisedPublishingInterval: requestedPublishingInterval,
      revisedLifetimeCount: requestedLifetimeCount,
      revisedMaxKeepAliveCount: requestedMaxKeepAliveCount,
    }),
  CreateMonitoredItems: ({ itemsToCreate }) =>
    new CreateMonitoredItemsResponse({
      results: itemsToCreate.map(({ requestedParameters }, i) => ({
        monitoredItemId: i + 1,
        revisedSamplingInterval: requestedParameters.samplingInterval,
        revisedQueueSize: requestedParameters.queueSize,
      })),
    }),
  DeleteMonitoredItems: ({ monitoredItemIds }) =>
    new DeleteMonitoredItemsResponse({ results: monitoredItemIds.map(() => StatusCodes.Good) }),
  DeleteSubscriptions: ({ subscriptionIds }) =>
    new DeleteSubscriptionsResponse({ results: subscriptionIds.map(() => StatusCodes.Good) }),
  Read: ({ nodesToRead }) =>
    new ReadResponse({ results: nodesToRead.map(() => new DataValue({ statusCode: StatusCodes.BadNodeIdUnknown })) }),
  // Publish requests wait until `publish` answers them.
  Publish: () => undefined,
};

/**
 * @param answers by service, `{ Read: (request, { usual }) => response }`; no response: no answer. Those not named are
 *   answered as usual, those that nobody knows with BadServiceUnsupported
 * @param parent certificate and key of a server with security
 */
export async function startServer(answers = {}, parent = {}) {
  const channels = new Set();
  const requests = [];
  const waiting = [];
  const nothing = {
    certificateManager: { checkCertificate: async () => StatusCodes.Good },
    getCertificate: () => null,
    getCertificateChain: () => [],
    getEndpointDescription: () => ({}),
    getKeyOperations: () => null,
  };
  const listener = createServer((socket) => {
    socket.on('error', () => {});
    const channel = new ServerSecureChannelLayer({ parent: { ...nothing, ...parent }, timeout: 30_000 });
    channels.add(channel);
    channel.on('abort', () => channels.delete(channel));
    channel.on('message', async (message) => {
      const { request } = message;
      const service = request.constructor.name.replace(/Request$/, '');
      if (service === 'CloseSecureChannel') return channel.close(() => {});
      requests.push({ service, request });
      const answer = answers[service] ?? USUAL[service] ?? (() => fault(StatusCodes.BadServiceUnsupported));
      const usual = () => USUAL[service]?.(request);
      const response = await answer(request, { usual });
      const reply = (each) => channel.send_response('MSG', each, message);
      if (response) reply(response);
      else if (service === 'Publish') waiting.push(reply);
    });
    channel.init(socket, () => {});
  });
  await new Promise((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const server = {
    endpoint: `opc.tcp://127.0.0.1:${listener.address().port}`,
    requests,
    /** Requests of this service that have come. */
    of: (service) => requests.filter((each) => each.service === service).map(({ request }) => request),
    /** Publish requests that wait for an answer. */
    get waiting() {
      return waiting.length;
    },
    /** Answers the oldest Publish request that waits, as soon as one does. */
    async publish(response) {
      await until(() => waiting.length > 0);
      waiting.shift()?.(response);
    },
    /** Breaks every connection. */
    cut() {
      waiting.length = 0;
      for (const channel of channels) channel.abruptlyInterrupt();
    },
  };
  return server;
}

/** A client of this server with one subscription and one item in it; `values` are those that its handler was given. */
export async function subscribed(server) {
  const client = OPCUAClient.create({
    endpointMustExist: false,
    connectionStrategy: { initialDelay: 100, maxDelay: 200, maxRetry: -1 },
  });
  await client.connect(server.endpoint);
  const session = await client.createSession();
  const subscription = await session.createSubscription2({
    requestedPublishingInterval: 100,
    requestedLifetimeCount: 1_000,
    requestedMaxKeepAliveCount: 10,
    publishingEnabled: true,
  });
  const item = await subscription.monitor(
    { nodeId: 'ns=1;s=A', attributeId: AttributeIds.Value },
    { samplingInterval: 100, queueSize: 10 },
    TimestampsToReturn.Both,
  );
  const values = [];
  item.on('changed', ({ value }) => values.push(value.value));
  return { client, session, subscription, item, values };
}
