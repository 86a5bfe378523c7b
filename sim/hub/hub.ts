// The local hub: what a module meets on a real IoT Edge device, in one object. It speaks edgeHub's MQTT and AMQP over TLS and
// the workload API, keeps account of all that it acknowledged, and can be told to fail in every way the field knows.

import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { mkdir, readFile, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer } from 'node:tls';
import { Account, type AccountOptions, type Received } from './account.ts';
import { Acks } from './acks.ts';
import { certificatesOf } from './certificates.ts';
import { Faults } from './faults.ts';
import { openGate } from './gate.ts';
import type { MethodAnswer } from './head.ts';
import { type Heads, openHeads } from './heads.ts';
import type { Identity } from './token.ts';
import { type Properties, Twin } from './twin.ts';
import { openWorkload, type Workload } from './workload.ts';

/** A message as recorded. */
export interface Receipt extends Received {
  /** The module's output it came from. */
  readonly output: string | undefined;
  /** ms since 1970, with fractions. */
  readonly at: number;
}

export interface HubOptions extends AccountOptions {
  /** Where certificates, key and sockets live. A hub started again in the same folder has the same identity. */
  readonly folder: string;
  /** Default 0: any. */
  readonly port?: number;
  /** Default `edge-01`. */
  readonly deviceId?: string;
  /** Default `fieldgate`. */
  readonly moduleId?: string;
  /** The latest messages are kept up to this many bytes of body. Default 16 MB; 0 keeps none. */
  readonly keepBytes?: number;
  /** Called for every message when it is on record, before it is acknowledged. Must return quickly. */
  readonly onMessage?: (receipt: Receipt) => void;
  /** As `onMessage`, without the body: for latencies. */
  readonly onReceipt?: (receipt: { properties: Receipt['properties']; bytes: number; at: number }) => void;
}

export interface LocalHub {
  readonly port: number;
  /** What the IoT Edge runtime sets for a module: the IOTEDGE_* variables. */
  readonly environment: Readonly<Record<string, string>>;
  /** The other way in, without the workload API: EdgeHubConnectionString and EdgeModuleCACertificateFile. */
  readonly developmentEnvironment: Readonly<Record<string, string>>;
  readonly connectionString: string;
  readonly caFile: string;
  readonly faults: Faults;
  readonly account: Account;
  /** The latest messages, oldest first, bounded by `keepBytes`. */
  readonly messages: readonly Receipt[];
  /** Why the hub refused or closed connections of its own accord; the latest 100. */
  readonly refusals: readonly string[];
  /** Network connections that stand, and clients that are connected, by either protocol. */
  readonly connections: number;
  readonly clients: number;
  /** Calls taken by the workload API. */
  readonly requests: Workload['requests'];
  readonly twin: { readonly desired: Properties; readonly reported: Properties };
  /** Merges a patch into the desired properties and pushes it. */
  desire(patch: Properties): void;
  /** Calls a direct method; rejects after `timeoutMs` (default 5,000). */
  invoke(method: string, payload: unknown, timeoutMs?: number): Promise<MethodAnswer>;
  /** The protocol heads of this life, for what only one of them can do. */
  readonly heads: Pick<Heads, 'mqtt' | 'amqp'>;
  /** Ends everything; legal twice. */
  close(): Promise<void>;
}

const HOST_NAME = 'local.azure-devices.net';
const GENERATION = '1';
const MOST_REFUSALS = 100;
const KEEP_BYTES = 16_000_000;
/** A unix socket's path takes at most 107 bytes on Linux, 103 on macOS. */
const MOST_PATH_BYTES = 100;

/** Starts a hub on 127.0.0.1. It is ready when the promise resolves. */
export async function startHub(options: HubOptions): Promise<LocalHub> {
  const { folder, port = 0, deviceId = 'edge-01', moduleId = 'fieldgate', keepBytes = KEEP_BYTES } = options;
  await mkdir(folder, { recursive: true });
  const certificates = await certificatesOf(folder);
  const identity: Identity = { hostName: HOST_NAME, deviceId, moduleId, key: await keyOf(folder) };
  const account = new Account(options);
  const twin = new Twin();
  const acks = new Acks();
  const messages: Receipt[] = [];
  const refusals: string[] = [];
  let keptBytes = 0;

  function record(
    { output, id, contentType, contentEncoding, properties }: Omit<Receipt, 'at' | 'body'>,
    body: Buffer,
  ) {
    const at = performance.timeOrigin + performance.now();
    const receipt: Receipt = { output, id, contentType, contentEncoding, properties, body, at };
    account.receive(receipt);
    messages.push(receipt);
    keptBytes += body.length;
    while (keptBytes > keepBytes && messages.length > 0) keptBytes -= messages.shift()!.body.length;
    options.onReceipt?.({ properties, bytes: body.length, at });
    options.onMessage?.(receipt);
  }

  const openLife = () =>
    openHeads(
      {
        identity,
        twin,
        acks,
        record,
        refusal: () => faults.refusal,
        refused(reason) {
          refusals.push(reason);
          if (refusals.length > MOST_REFUSALS) refusals.shift();
        },
      },
      () => faults.connectLost,
    );

  // Sockets of a deep folder live elsewhere: their paths are bounded by the kernel.
  const elsewhere = Buffer.byteLength(join(folder, 'workload.sock')) > MOST_PATH_BYTES;
  const sockets = elsewhere ? mkdtempSync(join(tmpdir(), 'hub-')) : folder;
  const inner = join(sockets, 'hub.sock');
  let heads: Heads = await openLife();
  const server = createServer({ key: certificates.key, cert: certificates.certificate }, (connection) => {
    connection.on('error', () => undefined);
    heads.handle(connection);
  });
  // A handshake that fails concerns the client alone.
  server.on('tlsClientError', () => undefined);
  await unlink(inner).catch(() => undefined);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(inner, resolve);
  });
  const workload = await openWorkload(join(sockets, 'workload.sock'), identity, GENERATION, certificates.ca);
  const gate = await openGate(port, inner);
  const faults = new Faults(gate, acks, workload, async () => {
    const former = heads;
    heads = await openLife();
    gate.cut();
    await former.close();
  });

  const gatewayHostName = `localhost:${gate.port}`;
  const connectionString = `HostName=${HOST_NAME};DeviceId=${deviceId};ModuleId=${moduleId};SharedAccessKey=${identity.key};GatewayHostName=${gatewayHostName}`;
  let closing: Promise<void> | undefined;

  async function shut(): Promise<void> {
    faults.end();
    await gate.shut();
    await heads.close();
    await new Promise<void>((resolve) => server.close(() => resolve()));
    await workload.close();
    if (elsewhere) rmSync(sockets, { recursive: true, force: true });
  }

  return {
    port: gate.port,
    environment: {
      IOTEDGE_WORKLOADURI: workload.uri,
      IOTEDGE_DEVICEID: deviceId,
      IOTEDGE_MODULEID: moduleId,
      IOTEDGE_IOTHUBHOSTNAME: HOST_NAME,
      IOTEDGE_AUTHSCHEME: 'sasToken',
      IOTEDGE_MODULEGENERATIONID: GENERATION,
      IOTEDGE_GATEWAYHOSTNAME: gatewayHostName,
    },
    developmentEnvironment: {
      EdgeHubConnectionString: connectionString,
      EdgeModuleCACertificateFile: certificates.caFile,
    },
    connectionString,
    caFile: certificates.caFile,
    faults,
    account,
    messages,
    refusals,
    get connections() {
      return gate.connections;
    },
    get clients() {
      return heads.mqtt.clients + heads.amqp.clients;
    },
    requests: workload.requests,
    twin,
    desire(patch) {
      const change = twin.desire(patch);
      for (const head of [heads.mqtt, heads.amqp]) head.push(change);
    },
    invoke: (method, payload, timeoutMs = 5_000) =>
      (heads.amqp.clients > 0 ? heads.amqp : heads.mqtt).invoke(method, payload, timeoutMs),
    get heads() {
      return heads;
    },
    close() {
      closing ??= shut();
      return closing;
    },
  };
}

/** The module's key, base64, made at the first start in `folder`. */
async function keyOf(folder: string): Promise<string> {
  const file = join(folder, 'module.key');
  try {
    return await readFile(file, 'utf8');
  } catch {
    const key = randomBytes(32).toString('base64');
    await writeFile(file, key, { mode: 0o600 });
    return key;
  }
}
