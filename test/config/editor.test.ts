// The published schema in an editor: the YAML language server, as VS Code runs it, completes keys, explains them and
// marks what is wrong. It is driven over its standard input and output, in the protocol that editors speak.

import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../support/until.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const SERVER = createRequire(import.meta.url).resolve('yaml-language-server/bin/yaml-language-server');
const SCHEMA = pathToFileURL(join(ROOT, 'fieldgate.schema.json')).href;

interface Diagnostic {
  readonly message: string;
  readonly range: { readonly start: { readonly line: number; readonly character: number } };
}

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: {
    readonly uri?: string;
    readonly diagnostics?: readonly Diagnostic[];
    readonly items?: readonly { readonly section?: string }[];
  };
  readonly result?: unknown;
  readonly error?: { readonly message: string };
}

/** What an engineer has in his settings: the schema for all YAML files. */
const YAML = {
  schemas: { [SCHEMA]: '*.yaml' },
  schemaStore: { enable: false },
  validate: true,
  completion: true,
  hover: true,
};

function settings(asked: Message['params']): unknown[] {
  return (asked?.items ?? []).map(({ section }) => (section === 'yaml' ? YAML : null));
}

/** An editor: one text at a time, with a bar where the cursor is. */
class Editor {
  readonly #server: ChildProcessWithoutNullStreams = spawn(process.execPath, [SERVER, '--stdio']);
  readonly #waiting = new Map<number, (message: Message) => void>();
  readonly #marks = new Map<string, readonly Diagnostic[]>();
  #rest = Buffer.alloc(0);
  #last = 0;

  constructor() {
    this.#server.stdout.on('data', (chunk: Buffer) => {
      this.#rest = Buffer.concat([this.#rest, chunk]);
      for (let message = this.#next(); message !== undefined; message = this.#next()) this.#take(message);
    });
    // Writing to a server that has just ended: whoever waits for an answer has a deadline.
    this.#server.stdin.on('error', () => {});
  }

  #next(): Message | undefined {
    const head = this.#rest.indexOf('\r\n\r\n');
    const length = Number(/Content-Length: (\d+)/.exec(this.#rest.subarray(0, Math.max(0, head)).toString())?.[1]);
    if (head < 0 || this.#rest.length < head + 4 + length) return undefined;
    const text = this.#rest.subarray(head + 4, head + 4 + length).toString();
    this.#rest = this.#rest.subarray(head + 4 + length);
    return JSON.parse(text) as Message;
  }

  #take(message: Message): void {
    const { id, method, params } = message;
    if (method === 'textDocument/publishDiagnostics') this.#marks.set(params!.uri!, params!.diagnostics!);
    else if (method === undefined) this.#waiting.get(id!)?.(message);
    else if (id !== undefined)
      this.#send({ id, result: method === 'workspace/configuration' ? settings(params) : null });
  }

  #send(message: object): void {
    const text = JSON.stringify({ jsonrpc: '2.0', ...message });
    this.#server.stdin.write(`Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`);
  }

  async ask<T>(method: string, params: object): Promise<T> {
    const id = ++this.#last;
    let answer: Message | undefined;
    this.#waiting.set(id, (message) => {
      answer = message;
    });
    this.#send({ id, method, params });
    const { result, error } = await until(`an answer to ${method}`, () => answer, 20_000);
    if (error !== undefined) throw new Error(error.message);
    return result as T;
  }

  async start(): Promise<void> {
    await this.ask('initialize', {
      processId: process.pid,
      rootUri: null,
      capabilities: {
        workspace: { configuration: true },
        textDocument: { completion: { completionItem: { snippetSupport: true } }, hover: {} },
      },
    });
    this.#send({ method: 'initialized', params: {} });
    // It has taken its settings when it marks what only the schema knows.
    await until('a server that knows the schema', async () => (await this.marks('version: 2\n')).length > 0);
  }

  /** Opens a text; `|` is the cursor. */
  open(marked: string) {
    const text = marked.replace('|', '');
    const before = marked.slice(0, Math.max(0, marked.indexOf('|'))).split('\n');
    const uri = `file:///lavera-${++this.#last}.yaml`;
    this.#send({
      method: 'textDocument/didOpen',
      params: { textDocument: { uri, languageId: 'yaml', version: 1, text } },
    });
    const place = { textDocument: { uri }, position: { line: before.length - 1, character: before.at(-1)!.length } };
    return { uri, place };
  }

  async offered(marked: string): Promise<readonly { readonly label: string; readonly documentation?: unknown }[]> {
    const { items } = await this.ask<{ items: { label: string }[] }>(
      'textDocument/completion',
      this.open(marked).place,
    );
    return items;
  }

  async hover(marked: string): Promise<string> {
    return JSON.stringify(await this.ask('textDocument/hover', this.open(marked).place));
  }

  /** What is marked, once the server has judged the text: an empty list means a clean one. */
  async marks(text: string): Promise<readonly Diagnostic[]> {
    const { uri } = this.open(text);
    return until('the judgement', () => this.#marks.get(uri), 20_000);
  }

  end(): void {
    this.#server.kill('SIGKILL');
  }
}

const HEAD = `version: 1
site: lavera
hub: { type: iot-edge }
buffer: { path: data/buffer.db }
sources:
  dcs:
    protocol: opcua
    endpoint: opc.tcp://10.20.1.15:4840
    tags:
      20FIC101.PV:
        node: "ns=2;s=20FIC101.PV"
`;
const PLC = `version: 1
site: lavera
hub: { type: iot-edge }
buffer: { path: data/buffer.db }
sources:
  plc:
    protocol: modbus-tcp
    host: 10.20.4.7
`;

const editor = new Editor();
beforeAll(() => editor.start());
afterAll(() => editor.end());

describe('an editor with the published schema', { timeout: 60_000 }, () => {
  it('offers the keys of an OPC UA tag inside it', async () => {
    const labels = (await editor.offered(`${HEAD}        |`)).map(({ label }) => label);
    expect(labels).toEqual(expect.arrayContaining(['sampling', 'deadband', 'heartbeat', 'unit', 'priority']));
    expect(labels).not.toContain('address');
  });

  it('offers the keys of a Modbus source, and of its tags', async () => {
    const keys = (await editor.offered(`${PLC}    |`)).map(({ label }) => label);
    expect(keys).toEqual(expect.arrayContaining(['port', 'unit', 'tags', 'tagFiles', 'defaults']));
    expect(keys).not.toContain('endpoint');
    const tag = (await editor.offered(`${PLC}    tags:\n      70PT201:\n        |`)).map(({ label }) => label);
    expect(tag).toEqual(expect.arrayContaining(['address', 'type', 'order', 'scale']));
  });

  it('offers the values of a key', async () => {
    const labels = (await editor.offered(HEAD.replace('{ type: iot-edge }', '\n  type: iot-edge\n  format: |'))).map(
      ({ label }) => label,
    );
    expect(labels).toEqual(expect.arrayContaining(['rows', 'columns', 'opcua-pubsub']));
  });

  it('explains a key where the pointer rests', async () => {
    expect(await editor.hover(`${HEAD}        dead|band: 0.5%\n`)).toMatch(/percent|range|engineering/i);
    expect(await editor.hover(HEAD.replace('endpoint', 'end|point'))).toContain('opc.tcp://');
  });

  it('marks a wrong key in its place, and nothing in a clean mapping', async () => {
    expect(await editor.marks(HEAD)).toEqual([]);
    const [mark, ...more] = await editor.marks(`${HEAD}        sampeling: 1s\n`);
    expect(more).toEqual([]);
    expect(mark).toMatchObject({
      range: { start: { line: 11, character: 8 } },
      message: expect.stringContaining('sampeling'),
    });
  });

  it('marks a wrong value', async () => {
    const marks = await editor.marks(HEAD.replace('iot-edge }', 'iot-edge, format: row }'));
    expect(marks.map(({ range }) => range.start.line)).toContain(2);
  });
});
