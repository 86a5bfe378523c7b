// A provider that knows its schema and its rules and nothing else: it listens on a Unix socket and answers what
// Terraform and OpenTofu ask of a mocked provider. One server serves every command of a test run (TF_REATTACH_PROVIDERS),
// which spares each command the start of five processes.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import type { ProviderSchema } from '../schema/schema.ts';
import { configOf, schemaMessage } from './wire.ts';

/** One finding about a configuration; numbers in the path are indices of lists. */
export interface Finding {
  readonly path: readonly (string | number)[];
  /** What is wrong, in one line. */
  readonly what: string;
  /** What to write instead, and where that is documented. */
  readonly mend: string;
}

export type Validate = (kind: 'resource' | 'data', type: string, config: unknown) => readonly Finding[];

interface ConfigRequest {
  readonly type_name: string;
  readonly config: { readonly msgpack?: Uint8Array; readonly json?: Uint8Array } | null;
}

type Answer<Request> = (request: Request) => object;

const DEFINITION = loadSync(join(import.meta.dirname, 'plugin.proto'), { keepCase: true, enums: String });
const SERVICE = (grpc.loadPackageDefinition(DEFINITION) as unknown as { tfplugin5: { Provider: { service: never } } })
  .tfplugin5.Provider.service;

function diagnostic({ path, what, mend }: Finding): object {
  const steps = path.map((step) => (typeof step === 'number' ? { element_key_int: step } : { attribute_name: step }));
  return { severity: 'ERROR', summary: what, detail: mend, attribute: { steps } };
}

/** Terraform shows a failed call without its reason, so what goes wrong here is a diagnostic of its own. */
function guarded<Request>(answer: Answer<Request>): grpc.handleUnaryCall<Request, object> {
  return (call, reply) => {
    try {
      reply(null, answer(call.request));
    } catch (error) {
      const what = `the test bench failed: ${error instanceof Error ? (error.stack ?? error.message) : error}`;
      reply(null, { diagnostics: [{ severity: 'ERROR', summary: what, detail: '' }] });
    }
  };
}

function handlers(schema: ProviderSchema, validate: Validate): grpc.UntypedServiceImplementation {
  const message = schemaMessage(schema);
  const check = (kind: 'resource' | 'data') =>
    guarded<ConfigRequest>(({ type_name, config }) => ({
      diagnostics: validate(kind, type_name, configOf(config)).map(diagnostic),
    }));
  return {
    GetSchema: guarded(() => message),
    PrepareProviderConfig: guarded<{ config: object }>(({ config }) => ({ prepared_config: config })),
    ValidateResourceTypeConfig: check('resource'),
    ValidateDataSourceConfig: check('data'),
    // a state that a mock made has the schema it was made with
    UpgradeResourceState: guarded<{ raw_state?: { json?: Uint8Array } }>(({ raw_state }) => ({
      upgraded_state: { json: raw_state?.json ?? new Uint8Array() },
    })),
    Configure: guarded(() => ({})),
    Stop: guarded(() => ({})),
  };
}

export interface Served {
  readonly socket: string;
  close(): void;
}

/** Listens until closed. The socket's folder is gone afterwards. */
export async function serve(name: string, schema: ProviderSchema, validate: Validate): Promise<Served> {
  const folder = mkdtempSync(join(tmpdir(), 'fieldgate-tf-'));
  const socket = join(folder, `${name}.sock`);
  // the whole schema is larger than the 4 MB that are the default
  const server = new grpc.Server({ 'grpc.max_send_message_length': -1, 'grpc.max_receive_message_length': -1 });
  server.addService(SERVICE, handlers(schema, validate));
  await new Promise<void>((resolve, reject) => {
    const credentials = grpc.ServerCredentials.createInsecure();
    server.bindAsync(`unix:${socket}`, credentials, (error) => (error ? reject(error) : resolve()));
  });
  return {
    socket,
    close: () => {
      server.forceShutdown();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The sources under which each provider is known. */
const SOURCES: Readonly<Record<string, string>> = {
  azurerm: 'hashicorp/azurerm',
  azuread: 'hashicorp/azuread',
  random: 'hashicorp/random',
  time: 'hashicorp/time',
  azapi: 'azure/azapi',
};

/** What TF_REATTACH_PROVIDERS must say for commands to use these servers; both registries' names are in it. */
export function reattach(served: Readonly<Record<string, Served>>): string {
  const entries = Object.entries(served).flatMap(([name, { socket }]) =>
    ['registry.terraform.io', 'registry.opentofu.org'].map((registry) => [
      `${registry}/${SOURCES[name] ?? name}`,
      { Protocol: 'grpc', ProtocolVersion: 5, Pid: process.pid, Test: true, Addr: { Network: 'unix', String: socket } },
    ]),
  );
  return JSON.stringify(Object.fromEntries(entries));
}
