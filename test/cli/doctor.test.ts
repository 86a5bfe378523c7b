// `fieldgate doctor` on a small site, well at first, then with one thing after the other broken: what it names as the
// first broken link, and what it says to do. All peers are real: a DCS, a PLC, edgeHub with its workload API, brokers.

import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { Aedes } from 'aedes';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { dispatch } from '../../agent/src/cli/commands.ts';
import type { Look } from '../../agent/src/doctor/look.ts';
import { type LocalHub, startHub } from '../../sim/hub/hub.ts';
import { type ModbusSim, startModbusServer } from '../../sim/refinery/modbus.ts';
import { type OpcUaSim, startOpcUaServer } from '../../sim/refinery/opcua.ts';
import { startAgent } from '../support/agent.ts';
import { type Minted, mint, type Wish } from '../support/mint.ts';
import { output } from '../support/output.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';

const MAIN = join(import.meta.dirname, '../../agent/src/main.ts');
let dcs: OpcUaSim;
let plc: ModbusSim;
let edge: LocalHub;
let folder: string;

beforeAll(async () => {
  const kept = scratch();
  [dcs, plc, edge] = await Promise.all([
    startOpcUaServer({ folder: kept, tags: 20, ticking: false }),
    startModbusServer({ site: 'flare', tags: 20, ticking: false }),
    startHub({ folder: join(kept, 'hub') }),
  ]);
});
afterAll(() => Promise.all([dcs?.close(), plc?.close(), edge?.close()]));

beforeEach(() => {
  folder = scratch();
  mkdirSync(join(folder, 'data/pki/trusted/certs'), { recursive: true });
  writeFileSync(join(folder, 'data/pki/trusted/certs/dcs.der'), dcs.certificate);
  writeFileSync(join(folder, 'password'), dcs.password);
});

interface Wishes {
  readonly hub?: string;
  readonly dcs?: string | false;
  readonly plc?: string | false;
  readonly data?: string;
}

/** The mapping of the site, in a folder of its own. */
function mapping(wishes: Wishes = {}): string {
  const file = join(folder, 'site.yaml');
  const opcua =
    wishes.dcs === false
      ? ''
      : `  dcs:
    protocol: opcua
    endpoint: ${wishes.dcs ?? dcs.endpoint}
    user: { name: ${dcs.user}, passwordFile: ${join(folder, 'password')} }
    tags: { A: { node: "nsu=${dcs.namespace};s=${dcs.signals[0]!.name}" } }
`;
  const modbus =
    wishes.plc === false
      ? ''
      : `  plc: { protocol: modbus-tcp, timeout: 300ms, ${wishes.plc ?? `host: 127.0.0.1, port: ${plc.port}`}, tags: { B: { address: "holding:0" } } }
`;
  writeFileSync(
    file,
    `version: 1
site: lavera
gateway: gw-1
hub: ${wishes.hub ?? '{ type: iot-edge }'}
buffer: { path: ${wishes.data ?? join(folder, 'data')}/buffer.db, maxSize: 10MB }
sources:
${opcua}${modbus}`,
  );
  return file;
}

/** Without the DCS, whose sessions take their time. */
const light = { dcs: false } as const;

interface Result {
  readonly code: number;
  readonly first?: Look & { readonly kind: string };
  readonly sections: readonly { readonly kind: string; readonly title: string; readonly looks: readonly Look[] }[];
  /** `step verdict`, by section's kind; of sources by their names. */
  readonly links: Readonly<Record<string, readonly string[]>>;
  look(section: string, step: string): Look | undefined;
}

async function doctor(file: string, env: NodeJS.ProcessEnv = {}, ...args: string[]): Promise<Result> {
  const io = output({ FIELDGATE_HTTP: '127.0.0.1:1', ...edge.environment, ...env });
  const code = await dispatch(['doctor', file, '--json', ...args], io);
  expect(io.errors()).toBe('');
  return result(code, io.text());
}

function result(code: number, text: string): Result {
  const { first, sections } = JSON.parse(text) as Pick<Result, 'sections'> & { first?: Result['first'] };
  const named = (one: Result['sections'][number]) => (one.kind === 'source' ? one.title.split('  ')[0]! : one.kind);
  return {
    code,
    ...(first !== undefined && { first }),
    sections,
    links: Object.fromEntries(
      sections.map((one) => [named(one), one.looks.map(({ step, verdict }) => `${step} ${verdict}`)]),
    ),
    look: (section, step) => sections.find((one) => named(one) === section)?.looks.find((look) => look.step === step),
  };
}

const broken = (kind: string, step: string, says: string | RegExp, mend: string | RegExp) => ({
  code: 1,
  first: expect.objectContaining({
    kind,
    step,
    verdict: 'broken',
    what: expect.stringMatching(says),
    mend: expect.stringMatching(mend),
  }),
});

const portOf = (server: Server) => (server.address() as AddressInfo).port;

async function listening<T extends Server>(server: T): Promise<T> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return server;
}

/** Takes connections, and is silent. */
async function blackHole(): Promise<number> {
  const sockets: Socket[] = [];
  onTestFinished(() => sockets.forEach((socket) => void socket.destroy()));
  return portOf(await listening(createServer((socket) => void sockets.push(socket.on('error', () => undefined)))));
}

describe('a site that is well', () => {
  it('is told to the end of every chain, and leaves nothing behind', async () => {
    const { code, first, links, look } = await doctor(mapping());
    expect({ code, first }).toEqual({ code: 0, first: undefined });
    expect(links.machine).toEqual(expect.arrayContaining(['memory good', 'gateway good', 'mapping good']));
    expect(links.data).toEqual(expect.arrayContaining(['folder good', 'space good']));
    expect(look('data', 'sync')?.what).toMatch(/100 ?ms.*commitInterval/);
    expect(links.hub).toEqual([
      'environment good', 'socket good', 'workload good', 'hub name odd', 'name good', 'route good', 'port good', 'tls good',
    ]); // biome-ignore format: one line
    expect(look('hub', 'tls')?.what).toMatch(/localhost, vouched for by fieldgate local hub CA, 36\d days left/);
    expect(links.dcs).toEqual([
      'name good', 'route good', 'port good', 'security good', 'certificate good', 'certificate good', 'login good', 'server good', 'limits good', 'clock good', 'namespaces good', 'tags good',
    ]); // biome-ignore format: one line
    expect(links.plc).toEqual(['name good', 'route good', 'port good', 'unit 1 good', 'tags good', 'poll good']);
    expect(edge.clients).toBe(0);
  });

  it('knows the gateway that runs, and what it says of its hub', async () => {
    const probe = await listening(createServer());
    const http = `127.0.0.1:${portOf(probe)}`;
    await new Promise((resolve) => probe.close(resolve));
    const file = mapping({ hub: `{ type: jsonl, path: ${folder}/out.jsonl, compression: none }`, dcs: false });
    const agent = startAgent(['run', '--config', file], { FIELDGATE_HTTP: http });
    onTestFinished(() => void agent.end('SIGKILL'));
    await until('the gateway is ready', () =>
      fetch(`http://${http}/readyz`)
        .then(({ ok }) => ok)
        .catch(() => false),
    );
    const found = await until('its hub is connected', async () => {
      const one = await doctor(file, { FIELDGATE_HTTP: http });
      return one.look('hub', 'connection')?.verdict === 'good' ? one : undefined;
    });
    expect(found.look('machine', 'gateway')?.what).toMatch(/^gw-1 runs here, release /);
    expect(found.code).toBe(0);
    await agent.end('SIGTERM');
  });
});

describe('the machine', () => {
  it('a mapping with mistakes: hub and sources are not known, the machine is looked at all the same', async () => {
    const file = join(folder, 'wrong.yaml');
    writeFileSync(file, 'version: 1\nsite: lavera\nhubb: { type: jsonl, path: "-" }\nsources: {}\n');
    const found = await doctor(file);
    expect(found).toMatchObject(
      broken('machine', 'mapping', /^3 mistakes, the first at .*wrong\.yaml:1: /, /^fieldgate check /),
    );
    expect(found.links).not.toHaveProperty('hub');
  });

  it('FIELDGATE_HTTP that is none, and another program at that port', async () => {
    expect(await doctor(mapping(light), { FIELDGATE_HTTP: 'here' })).toMatchObject(
      broken('machine', 'gateway', /FIELDGATE_HTTP is "here"/, /./),
    );
    const other = await listening(createHttpServer((_, response) => void response.end('hello')));
    const found = await doctor(mapping(light), { FIELDGATE_HTTP: `127.0.0.1:${portOf(other)}` });
    expect(found.look('machine', 'gateway')).toMatchObject({ verdict: 'odd' });
  });
});

describe('the data folder', () => {
  it('a file where the folder should be', async () => {
    writeFileSync(join(folder, 'taken'), '');
    const found = await doctor(mapping({ dcs: false, data: join(folder, 'taken') }));
    expect(found).toMatchObject(broken('data', 'folder', /taken is a file/, /buffer\.path/));
  });

  /** As a user who is not root, for whom permissions count. */
  async function asOther(file: string): Promise<Result> {
    if (process.getuid?.() !== 0) return doctor(file);
    process.seteuid?.(10_001);
    try {
      return await doctor(file);
    } finally {
      process.seteuid?.(0);
    }
  }

  it('a folder that this user may not write', async () => {
    chmodSync(folder, 0o755);
    const locked = join(folder, 'locked');
    mkdirSync(locked, { mode: 0o500 });
    expect(await asOther(mapping({ dcs: false, data: locked }))).toMatchObject(
      broken('data', 'folder', /cannot be written for user \d+ \(EACCES\)/, /install -d -o 10001/),
    );
  });

  it('a buffer that somebody else made', async () => {
    chmodSync(folder, 0o755);
    const open = join(folder, 'open');
    mkdirSync(open);
    chmodSync(open, 0o777);
    writeFileSync(join(open, 'buffer.db'), '', { mode: 0o400 });
    expect(await asOther(mapping({ dcs: false, data: open }))).toMatchObject(
      broken('data', 'buffer', /buffer\.db is there and cannot be opened.*EACCES/, /chown/),
    );
  });

  it('a folder that is not there yet is no fault', async () => {
    const found = await doctor(mapping({ dcs: false, data: join(folder, 'a/b/c') }));
    expect(found.look('data', 'folder')).toMatchObject({
      verdict: 'good',
      what: expect.stringContaining('first start'),
    });
    rmSync(join(folder, 'a'), { recursive: true, force: true });
  });

  it.skipIf(spawnSync('strace', ['-V']).status !== 0)('a disk that takes 80 ms to sync', async () => {
    const file = mapping({ dcs: false, hub: `{ type: jsonl, path: "-", compression: none }` });
    const child = spawn('strace', [
      '-f', '-qq', '-o', '/dev/null', '-e', 'trace=fdatasync', '-e', 'inject=fdatasync:delay_exit=80000', process.execPath, MAIN, 'doctor', file, '--json',
    ], { env: { ...process.env, FIELDGATE_HTTP: 'off' } }); // biome-ignore format: one line
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => (text += chunk));
    const code = await new Promise<number>((resolve) => child.on('close', (one) => resolve(one ?? -1)));
    const found = result(code, text);
    expect(found.look('data', 'sync')).toMatchObject({ verdict: 'odd' });
    expect(found.look('data', 'sync')?.what).toMatch(/synced writes took (8|9|1\d)\d ms each/);
    expect(found.code).toBe(0);
  });
});

describe('edgeHub', () => {
  it('a process that the runtime did not start', async () => {
    const none = Object.fromEntries(Object.keys(edge.environment).map((name) => [name, undefined]));
    expect(await doctor(mapping(light), none)).toMatchObject(
      broken('hub', 'environment', /no IOTEDGE_/, /docker exec/),
    );
    expect(await doctor(mapping(light), { IOTEDGE_MODULEID: '' })).toMatchObject(
      broken('hub', 'environment', /^IOTEDGE_MODULEID not set/, /./),
    );
  });

  it('a workload socket that is missing, is none, or is left behind', async () => {
    const at = (path: string) => doctor(mapping(light), { IOTEDGE_WORKLOADURI: `unix://${path}` });
    expect(await at(join(folder, 'none.sock'))).toMatchObject(broken('hub', 'socket', /is not there/, /aziot-edged/));
    writeFileSync(join(folder, 'file.sock'), '');
    expect(await at(join(folder, 'file.sock'))).toMatchObject(broken('hub', 'socket', /is no socket/, /./));
    const left = join(folder, 'left.sock');
    spawnSync(process.execPath, [
      '-e',
      `require('net').createServer().listen(${JSON.stringify(left)},()=>process.kill(process.pid,9))`,
    ]);
    expect(await at(left)).toMatchObject(broken('hub', 'workload', /left behind/, /iotedge system/));
  });

  it.skipIf(process.getuid?.() !== 0)('a workload socket that this user may not open', async () => {
    const path = join(folder, 'w.sock');
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(path, resolve));
    onTestFinished(() => void server.close());
    chmodSync(path, 0o600);
    chmodSync(folder, 0o755);
    chmodSync(join(folder, 'data'), 0o777);
    chmodSync(join(folder, 'data/pki'), 0o777);
    const file = mapping(light);
    process.seteuid?.(10_001);
    onTestFinished(() => process.seteuid?.(0));
    const found = await doctor(file, { IOTEDGE_WORKLOADURI: `unix://${path}` });
    process.seteuid?.(0);
    expect(found).toMatchObject(broken('hub', 'workload', /may not open .*EACCES/, /10001/));
  });

  it.each([
    ['hang', undefined, /is silent: no answer within 5 s/],
    ['error', 'sign', /was answered 500/],
    ['empty', 'sign', /no digest/],
    ['empty', 'trust-bundle', /no trust bundle/],
  ] as const)('a workload API that fails: %s %s', async (kind, call, says) => {
    edge.faults.workload(kind, call);
    onTestFinished(() => edge.faults.workload(undefined));
    expect(await doctor(mapping(light))).toMatchObject(broken('hub', 'workload', says, /iotedge system/));
  });

  it('edgeHub that is away, and edgeHub that is silent', async () => {
    await edge.faults.down();
    onTestFinished(() => edge.faults.up());
    expect(await doctor(mapping(light))).toMatchObject(
      broken('hub', 'port', /nobody listens.*ECONNREFUSED/, /hub running/),
    );
    await edge.faults.up();
    edge.faults.silence();
    onTestFinished(() => edge.faults.resume());
    expect(await doctor(mapping(light))).toMatchObject(
      broken('hub', 'tls', /does not answer: no answer within 5 s/, /firewall/),
    );
  });

  it('a trust bundle that does not cover its certificate', async () => {
    const other = await startHub({ folder: join(folder, 'other') });
    onTestFinished(() => other.close());
    const { IOTEDGE_GATEWAYHOSTNAME } = other.environment;
    const found = await doctor(mapping(light), { IOTEDGE_GATEWAYHOSTNAME });
    expect(found).toMatchObject(broken('hub', 'tls', /nobody in the trust bundle vouches/, /must hold the CA/));
  });
});

describe('a broker', () => {
  let ca: Minted;
  beforeAll(async () => {
    ca = await mint({ name: 'site CA', authority: true });
  });

  /** A broker with a certificate to order that lets `fieldgate` in with the password `right`. */
  async function broker(wish: Partial<Wish>): Promise<string> {
    const shown = await mint({ name: 'broker', issuer: ca, hosts: ['127.0.0.1'], ...wish });
    const aedes = await Aedes.createBroker();
    aedes.authenticate = (_, name, password, done) =>
      done(null, name === 'fieldgate' && password?.toString() === 'right');
    const server = createTlsServer({ key: shown.keyPem, cert: shown.pem }, aedes.handle);
    server.on('tlsClientError', () => undefined);
    onTestFinished(() => new Promise<void>((resolve) => aedes.close(() => resolve())));
    writeFileSync(join(folder, 'ca.pem'), ca.pem);
    writeFileSync(join(folder, 'broker-password'), 'right');
    return hub(portOf(await listening(server)));
  }

  const hub = (port: number, scheme = 'mqtts') =>
    `{ type: mqtt, url: "${scheme}://127.0.0.1:${port}", ca: ${join(folder, 'ca.pem')}, user: { name: fieldgate, passwordFile: ${join(folder, 'broker-password')} } }`;
  const of = async (wish: Partial<Wish>) => doctor(mapping({ hub: await broker(wish), dcs: false }));

  it('that is well lets the gateway in', async () => {
    const { code, links } = await of({});
    expect(links.hub).toEqual(['name good', 'route good', 'port good', 'tls good', 'login good']);
    expect(code).toBe(0);
  });

  it.each<[string, Partial<Wish>, RegExp, RegExp]>([
    ['of another host', { hosts: ['10.9.8.7'] }, /is for .*10\.9\.8\.7, not for 127\.0\.0\.1/, /name/],
    ['that has ended', { from: -30, to: -10 }, /of broker ended 10 days ago/, /renew/],
    ['that has not begun', { from: 10 }, /begins in 10 days/, /clock/],
  ])('with a certificate %s', async (_, wish, says, mend) => {
    expect(await of(wish)).toMatchObject(broken('hub', 'tls', says, mend));
  });

  it('with a certificate that ends soon is odd; of a CA that nobody named, broken', async () => {
    const soon = await of({ to: 12.5 });
    expect(soon.look('hub', 'tls')).toMatchObject({ verdict: 'odd', what: expect.stringContaining('12 days left') });
    const stranger = await mint({ name: 'stranger', authority: true });
    const found = await of({ issuer: stranger });
    expect(found).toMatchObject(
      broken('hub', 'tls', /nobody in .*ca\.pem vouches for .*broker, made by stranger/, /hold the CA/),
    );
  });

  it('that does not know the password', async () => {
    const text = await broker({});
    writeFileSync(join(folder, 'broker-password'), 'wrong');
    const found = await doctor(mapping({ hub: text, dcs: false }));
    expect(found).toMatchObject(broken('hub', 'login', /does not let the gateway in as fieldgate/, /password/));
  });

  it('without TLS where TLS is asked for, a black hole, a CA file that is not there', async () => {
    writeFileSync(join(folder, 'ca.pem'), ca.pem);
    writeFileSync(join(folder, 'broker-password'), 'right');
    const plain = await listening(
      createServer((socket) => void socket.on('error', () => undefined).end('HTTP/1.1 400\r\n')),
    );
    const ask = (text: string) => doctor(mapping({ hub: text, dcs: false }));
    expect(await ask(hub(portOf(plain)))).toMatchObject(broken('hub', 'tls', /does not speak TLS/, /8883/));
    expect(await ask(hub(await blackHole()))).toMatchObject(broken('hub', 'tls', /no answer within 5 s/, /firewall/));
    rmSync(join(folder, 'ca.pem'));
    expect(await ask(hub(portOf(plain)))).toMatchObject(
      broken('hub', 'tls', /ca\.pem cannot be read/, /"ca" of the hub/),
    );
  });
});

describe('a file as hub', () => {
  it('that is a folder, or lies where nothing can be made', async () => {
    const ask = (path: string) =>
      doctor(mapping({ hub: `{ type: jsonl, path: ${path}, compression: none }`, dcs: false }));
    expect(await ask(folder)).toMatchObject(broken('hub', 'output', /neither a file nor a pipe/, /"path"/));
    expect(await ask(join(folder, 'none/out.jsonl'))).toMatchObject(
      broken('hub', 'folder', /none is not there/, /make it/),
    );
  });
});

describe('an OPC UA source', () => {
  it.each<[string, () => Promise<Wishes> | Wishes, string, RegExp, RegExp]>([
    ['of an unknown name', () => ({ dcs: 'opc.tcp://dcs.invalid:4840' }), 'name', /dcs\.invalid cannot be resolved/, /name server/],
    ['with its port closed', () => ({ dcs: 'opc.tcp://127.0.0.1:1' }), 'port', /ECONNREFUSED/, /firewall/],
    ['that nobody trusted', () => ({ data: join(folder, 'other') }), 'certificate', /certificates trust [0-9a-f]{40}/, /thumbprint/],
    ['with a wrong password', () => writeFileSync(join(folder, 'password'), 'wrong') ?? {}, 'login', /check user name and password/, /file or variable/],
    ['that is a black hole', async () => ({ dcs: `opc.tcp://127.0.0.1:${await blackHole()}` }), 'session', /./, /restart|log/],
  ])('%s', async (_, breaking, step, says, mend) => {
    const found = await doctor(mapping(await breaking()));
    expect(found).toMatchObject(broken('source', step, says, mend));
    // The fault stays where it is.
    expect(found.links.plc).toEqual(['name good', 'route good', 'port good', 'unit 1 good', 'tags good', 'poll good']);
  }); // biome-ignore format: a table

  it.skipIf(spawnSync('faketime', ['-v']).status !== 0)('whose clock is ten minutes off', async () => {
    const child = spawn('faketime', ['-f', '+10m', process.execPath, MAIN, 'doctor', mapping(), '--json'], {
      env: { ...process.env, ...edge.environment, FIELDGATE_HTTP: 'off' },
    });
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => (text += chunk));
    const code = await new Promise<number>((resolve) => child.on('close', (one) => resolve(one ?? -1)));
    expect(result(code, text)).toMatchObject(broken('source', 'clock', /600\.\d s behind|clock/, /NTP|clock/));
  });
});

describe('a Modbus source', () => {
  it('whose device is silent, has another unit number, or is none', async () => {
    const at = (port: number, unit = 1) =>
      mapping({ plc: `host: 127.0.0.1, port: ${port}, unit: ${unit}`, dcs: false });
    const says = /0 of 1 tags are read: no unit answers/;
    const silent = await doctor(at(await blackHole()));
    expect(silent).toMatchObject(broken('source', 'tags', says, /"unit" of the mapping/));
    expect(silent.look('plc', 'unit 1')).toMatchObject({ verdict: 'odd', what: 'no reply within 300 ms' });
    expect(await doctor(at(plc.port, 77))).toMatchObject(broken('source', 'tags', /^0 of 1 tags are read/, /./));
    expect(await doctor(at(1))).toMatchObject(broken('source', 'port', /ECONNREFUSED/, /firewall/));
    const unknown = mapping({ plc: 'host: plc.invalid', dcs: false });
    expect(await doctor(unknown)).toMatchObject(broken('source', 'name', /plc\.invalid cannot be resolved/, /numbers/));
  });
});

describe('the clock', () => {
  it.each([
    [0, 'good', /^within/],
    [-60_000, 'odd', /ahead of/],
    [3_600_000, 'broken', /3(59|60)\d\.\d s behind .*tokens/],
  ] as const)('of a web server that is %d ms ahead', async (offset, verdict, says) => {
    const server = await listening(
      createHttpServer((_, response) => {
        response.setHeader('date', new Date(Date.now() + offset).toUTCString()).end();
      }),
    );
    const found = await doctor(mapping({ dcs: false }), {}, '--time', `http://127.0.0.1:${portOf(server)}/`);
    expect(found.look('clock', 'clock')).toMatchObject({ verdict, what: expect.stringMatching(says) });
    expect(found.code).toBe(verdict === 'broken' ? 1 : 0);
  });

  it('that cannot be asked is unseen', async () => {
    const found = await doctor(mapping({ dcs: false }), {}, '--time', 'http://127.0.0.1:1/');
    expect(found.look('clock', 'clock')).toMatchObject({ verdict: 'unseen', mend: expect.stringContaining('--time') });
  });
});

describe('the report', () => {
  it('names the first broken link at the end, in plain text', async () => {
    const io = output({ FIELDGATE_HTTP: 'off', ...edge.environment });
    expect(await dispatch(['doctor', mapping({ dcs: false, plc: 'host: 127.0.0.1, port: 1' })], io)).toBe(1);
    const text = io.text();
    expect(text).not.toContain('\u001b');
    expect(text).toMatch(/^ {2}BROKEN {2}port {9}\S.*ECONNREFUSED.*\n {23}→ is the device on/m);
    expect(text).toMatch(
      /\nThe first broken link is plc, port: .*\n {2}→ is the device on.*\n1 broken, \d+ odd, \d+ good/,
    );
  });

  it.each([[[], 'FILE is missing'], [['x.yaml', '--root', '/'], '--root goes with --host'], [['x.yaml', '--time', 'ntp'], '--time ntp']])(
    'wrong usage %j', async (args, says) => {
      const io = output();
      expect(await dispatch(['doctor', ...args], io)).toBe(2);
      expect(io.errors()).toContain(says);
    }); // biome-ignore format: one line
});
