// No connection that is not secure, no credential for a server nobody trusted, and faults that say how to mend it.

import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { MessageSecurityMode, SecurityPolicy } from 'node-opcua-client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ConnectionFacts } from '../../../../agent/src/adapters/adapter.ts';
import { type OpcUaOptions, opcuaAdapter } from '../../../../agent/src/adapters/opcua/adapter.ts';
import { openPki } from '../../../../agent/src/adapters/opcua/security/pki.ts';
import { Fault } from '../../../../agent/src/model/fault.ts';
import { type OpcUaSim, startOpcUaServer } from '../../../../sim/refinery/opcua.ts';
import { type CertificateServer, certificateServer, PASSWORD, USER } from '../../../hostile/certificate-server.ts';
import { type Minted, mint } from '../../../support/mint.ts';
import { scratch } from '../../../support/scratch.ts';
import { until } from '../../../support/until.ts';
import { recorder } from '../../recorder.ts';
import { pkiTrusting, QUICK } from '../rig.ts';

let sim: OpcUaSim;
let trusting: string;

beforeAll(async () => {
  sim = await startOpcUaServer({ folder: scratch(), tags: 20, ticking: false, insecure: true });
  trusting = pkiTrusting(sim.certificate);
});
afterAll(() => sim?.close());

const options = (more: Partial<OpcUaOptions> = {}): OpcUaOptions => ({
  name: 'dcs',
  endpoint: sim.endpoint,
  security: { policy: 'Basic256Sha256', mode: 'SignAndEncrypt' },
  user: { name: sim.user, password: async () => sim.password },
  publishing: 100,
  pki: trusting,
  applicationUri: 'urn:test:gateway:fieldgate',
  tags: [],
  ...more,
});

/** Connects and closes; the fault, or undefined when it connected. */
async function attempt(given: OpcUaOptions): Promise<Fault | undefined> {
  const adapter = opcuaAdapter(given, QUICK);
  try {
    await adapter.connect(new AbortController().signal);
    return undefined;
  } catch (error) {
    if (error instanceof Fault) return error;
    throw error;
  } finally {
    await adapter.close();
  }
}

const day = (offset: number) => new Date(Date.now() + offset * 86_400_000).toISOString().slice(0, 10);

describe('the server must be trusted', () => {
  test('an unknown certificate is refused before the password is even fetched; trusted, it connects', async () => {
    let fetched = 0;
    const password = async () => {
      fetched += 1;
      return sim.password;
    };
    const given = options({ pki: scratch(), user: { name: sim.user, password } });
    const fault = await attempt(given);
    expect(fault?.code).toBe('source.untrusted');
    expect(fault?.message).toContain('Crude unit 1 DCS');
    expect(fault?.message).toContain(`fieldgate certificates trust ${sim.thumbprint}`);
    expect(fetched).toBe(0);
    expect(sim.counters().sessions).toBe(0);

    const pki = await openPki(given.pki);
    const rejected = (await pki.list()).filter(({ place }) => place === 'rejected');
    expect(rejected.map(({ thumbprint }) => thumbprint)).toEqual([sim.thumbprint]);
    expect(rejected[0]?.applicationUri).toBe('urn:lavera:dcs:server');

    expect(await pki.trust('00'.repeat(20))).toBeUndefined();
    expect((await pki.trust(sim.thumbprint.toUpperCase()))?.place).toBe('trusted');
    expect(await attempt(given)).toBeUndefined();
    expect(fetched).toBe(1);

    expect((await pki.reject(sim.thumbprint))?.place).toBe('rejected');
    expect((await attempt(given))?.code).toBe('source.untrusted');
  });

  test('what another process changes in the folders holds for the next attempt', async () => {
    const { renameSync, readdirSync } = await import('node:fs');
    const given = options({ pki: scratch() });
    expect((await attempt(given))?.code).toBe('source.untrusted');
    const [file] = readdirSync(join(given.pki, 'rejected'));
    renameSync(join(given.pki, 'rejected', file!), join(given.pki, 'trusted/certs', file!));
    expect(await attempt(given)).toBeUndefined();
  });

  test('many sources may ask at once', async () => {
    const all = await Promise.all(Array.from({ length: 5 }, (_, i) => attempt(options({ name: `dcs${i}` }))));
    expect(all).toEqual(Array(5).fill(undefined));
    expect((await (await openPki(trusting)).list()).filter(({ place }) => place === 'rejected')).toEqual([]);
  });

  test('a waiver covers an untrusted certificate, to the end of its last day', async () => {
    const insecure = (until: string) => options({ pki: scratch(), insecure: { acceptedBy: 'OT security', until } });
    expect(await attempt(insecure(day(0)))).toBeUndefined();
    expect((await attempt(insecure(day(-1))))?.code).toBe('source.untrusted');
  });

  test('the gateway shows a certificate with its ApplicationUri and host name', async () => {
    await attempt(options());
    const own = (await (await openPki(trusting)).list()).find(({ place }) => place === 'own');
    expect(own?.applicationUri).toBe('urn:test:gateway:fieldgate');
    expect(readFileSync(join(trusting, 'own/private/private_key.pem'), 'utf8')).toContain('PRIVATE KEY');
  });
});

describe('the connection must be secure', () => {
  const none = { policy: 'None', mode: 'None' } as const;

  test('policy None needs a waiver that still holds', async () => {
    const fault = await attempt(options({ security: none }));
    expect(fault?.code).toBe('source.insecure');
    const over = await attempt(options({ security: none, insecure: { acceptedBy: 'OT', until: day(-1) } }));
    expect(over?.code).toBe('source.insecure');
    expect(over?.message).toContain(day(-1));
    expect(await attempt(options({ security: none, insecure: { acceptedBy: 'OT', until: day(0) } }))).toBeUndefined();
  });

  test('a password does not travel without encryption', async () => {
    const security = { policy: 'Basic256Sha256', mode: 'Sign' } as const;
    expect((await attempt(options({ security })))?.code).toBe('source.insecure');
  });

  test.each(['Basic256Sha256', 'Aes128_Sha256_RsaOaep', 'Aes256_Sha256_RsaPss'] as const)(
    '%s connects',
    async (policy) => {
      expect(await attempt(options({ security: { policy, mode: 'SignAndEncrypt' } }))).toBeUndefined();
    },
  );

  test('the best that both know, where the mapping names none', async () => {
    const told: ConnectionFacts[] = [];
    const { security: _, ...unnamed } = options({ tell: (facts) => told.push(facts) });
    expect(await attempt(unnamed)).toBeUndefined();
    expect(await attempt({ ...unnamed, security: { policy: 'Basic256Sha256' } })).toBeUndefined();
    expect(told.map(({ security }) => security)).toEqual([
      'Aes256_Sha256_RsaPss/SignAndEncrypt',
      'Basic256Sha256/SignAndEncrypt',
    ]);
  });

  test.each(['Basic256Sha256', 'Aes128_Sha256_RsaOaep', 'Aes256_Sha256_RsaPss'] as const)(
    '%s signs without encrypting where that is accepted',
    async (policy) => {
      const given = options({ security: { policy, mode: 'Sign' }, insecure: { acceptedBy: 'OT', until: day(1) } });
      expect(await attempt(given)).toBeUndefined();
    },
  );

  test('a security the server does not offer is named, with what it does offer', async () => {
    const strict = await startOpcUaServer({ folder: scratch(), tags: 20, ticking: false });
    try {
      const insecure = { acceptedBy: 'OT', until: day(1) };
      const fault = await attempt(options({ endpoint: strict.endpoint, security: none, insecure }));
      expect(fault?.code).toBe('source.configuration');
      expect(fault?.message).toContain('Basic256Sha256/SignAndEncrypt');
    } finally {
      await strict.close();
    }
  });
});

describe('while it is connected', () => {
  /** Runs until it ends by itself; the fault with which it did. */
  async function session(given: OpcUaOptions, during: () => Promise<void> | void): Promise<unknown> {
    const adapter = opcuaAdapter(given, { ...QUICK, recheck: 50 });
    try {
      await adapter.connect(new AbortController().signal);
      const ended = adapter.run(recorder(), new AbortController().signal).catch((error: unknown) => error);
      await during();
      return await ended;
    } finally {
      await adapter.close();
    }
  }

  test('a waiver ends, and the session with it', async () => {
    let now = new Date('2027-03-31T23:59:00Z');
    const insecure = { acceptedBy: 'OT security', until: '2027-03-31' };
    const told: ConnectionFacts[] = [];
    const given = options({ pki: scratch(), insecure, today: () => now, tell: (facts) => told.push(facts) });
    const fault = await session(given, async () => {
      await until('it is looked at again', () => told.length > 3);
      now = new Date('2027-04-01T00:00:00Z');
    });
    expect(fault).toMatchObject({ code: 'source.untrusted' });
    expect(told[0]?.remarks.join()).toContain('accepted by OT security until 2027-03-31: nobody has trusted it');
  });

  test('policy None ends with its waiver', async () => {
    let now = new Date('2027-03-31T12:00:00Z');
    const insecure = { acceptedBy: 'OT security', until: '2027-03-31' };
    const given = options({ security: { policy: 'None', mode: 'None' }, insecure, today: () => now });
    const fault = await session(given, () => {
      now = new Date('2027-04-01T00:00:01Z');
    });
    expect(fault).toMatchObject({ code: 'source.insecure', message: expect.stringContaining('2027-03-31') });
  });

  test('a certificate that somebody rejects', async () => {
    const given = options({ pki: pkiTrusting(sim.certificate) });
    const fault = await session(given, async () => {
      await openPki(given.pki).reject(sim.thumbprint);
    });
    expect(fault).toMatchObject({ code: 'source.untrusted' });
  });

  test('a certificate that ends', async () => {
    let now = new Date();
    const told: ConnectionFacts[] = [];
    const given = options({ today: () => now, tell: (facts) => told.push(facts) });
    const server = () => told.at(-1)?.certificates.find(({ of }) => of === 'server');
    const fault = await session(given, async () => {
      await until('it is told', server);
      const end = new Date(server()?.validTo ?? '');
      expect(told.at(-1)?.remarks).toEqual([]);
      now = new Date(end.getTime() - 3 * 86_400_000);
      await until('its end is remarked', () => told.at(-1)?.remarks.some((text) => text.includes('ends in 3 days')));
      now = new Date(end.getTime() + 1);
    });
    expect(fault).toMatchObject({ code: 'source.untrusted', message: expect.stringContaining('ended on') });
  });

  test("the gateway's own certificate: its successor is made in time, and shown", async () => {
    let now = new Date();
    const told: ConnectionFacts[] = [];
    // What ends in the meantime of the server's is not what this is about.
    const insecure = { acceptedBy: 'OT security', until: day(5 * 365 - 45) };
    const given = options({ pki: scratch(), insecure, today: () => now, tell: (facts) => told.push(facts) });
    const shown = (whose: string) => told.at(-1)?.certificates.find(({ of }) => of === whose);
    const fault = await session(given, async () => {
      const own = await until('it is told', () => shown('gateway'));
      now = new Date(Date.parse(own.validTo) - 50 * 86_400_000);
      const next = await until('its successor', () => shown('next'));
      expect(shown('gateway')).toEqual(own);
      expect(told.at(-1)?.remarks.join()).toContain(`have its successor ${next.thumbprint}`);
      now = new Date(Date.parse(own.validTo) - 40 * 86_400_000);
    });
    expect(fault).toMatchObject({ code: 'source.untrusted' });
  });
});

describe('a user with a certificate', () => {
  let server: CertificateServer;
  let user: Minted;
  let pki: string;
  const files = (certificate: string, key: string) => {
    const folder = scratch();
    const user = { certificate: join(folder, 'user.pem'), key: join(folder, 'user.key') };
    writeFileSync(user.certificate, certificate);
    writeFileSync(user.key, key, { mode: 0o600 });
    return user;
  };
  const login = (user: { certificate: string; key: string }, more: Partial<OpcUaOptions> = {}) =>
    options({ endpoint: server.endpoint, pki, user, ...more });

  beforeAll(async () => {
    user = await mint({ name: 'operator' });
    const leaf = await mint({ name: 'PLC 7', uri: 'urn:lavera:plc7', hosts: ['127.0.0.1'] });
    pki = pkiTrusting(leaf.der);
    server = await certificateServer({
      chain: [leaf.pem],
      keyPem: leaf.keyPem,
      applicationUri: 'urn:lavera:plc7',
      policies: [
        SecurityPolicy.Basic256Sha256,
        SecurityPolicy.Aes128_Sha256_RsaOaep,
        SecurityPolicy.Aes256_Sha256_RsaPss,
      ],
      modes: [MessageSecurityMode.Sign, MessageSecurityMode.SignAndEncrypt],
      trustedUsers: [user.der],
    });
  });
  afterAll(() => server?.stop());

  test.each([
    ['Basic256Sha256', 'SignAndEncrypt'],
    ['Aes128_Sha256_RsaOaep', 'SignAndEncrypt'],
    ['Aes256_Sha256_RsaPss', 'SignAndEncrypt'],
    ['Basic256Sha256', 'Sign'],
    ['Aes128_Sha256_RsaOaep', 'Sign'],
    ['Aes256_Sha256_RsaPss', 'Sign'],
  ] as const)('is let in with %s, %s', async (policy, mode) => {
    const told: ConnectionFacts[] = [];
    const given = login(files(user.pem, user.keyPem), {
      security: { policy, mode },
      tell: (facts) => told.push(facts),
    });
    expect(await attempt(given)).toBeUndefined();
    expect(told[0]?.certificates.map(({ of }) => of)).toEqual(['server', 'gateway', 'user']);
    expect(told[0]?.remarks).toEqual([]);
  });

  test.each(
    (['Basic256Sha256', 'Aes128_Sha256_RsaOaep', 'Aes256_Sha256_RsaPss'] as const).flatMap((policy) =>
      (['Sign', 'SignAndEncrypt'] as const).map((mode) => [policy, mode] as const),
    ),
  )('so are a user with a password and nobody, with %s, %s; the password is never in clear', async (policy, mode) => {
    const { user: _, ...nobody } = login(files(user.pem, user.keyPem), { security: { policy, mode } });
    expect(await attempt(nobody)).toBeUndefined();
    const named = { ...nobody, user: { name: USER, password: async () => PASSWORD } };
    const insecure = { acceptedBy: 'OT', until: day(1) };
    expect(await attempt({ ...named, ...(mode === 'Sign' && { insecure }) })).toBeUndefined();
    expect(server.identities.slice(-2).map(({ userIdentityToken }) => userIdentityToken?.constructor.name)).toEqual([
      'AnonymousIdentityToken',
      'UserNameIdentityToken',
    ]);
    expect(server.wire().includes(PASSWORD)).toBe(false);
  });

  test('is not shown to a server that is refused', async () => {
    const before = server.wire().length;
    const fault = await attempt(login(files(user.pem, user.keyPem), { pki: scratch() }));
    expect(fault?.code).toBe('source.untrusted');
    expect(server.wire().length).toBeGreaterThan(before);
    const sent = server.wire().subarray(before);
    // Neither it, whole or in part, nor a secured channel in which it could be.
    expect(sent.includes(user.der.subarray(-64))).toBe(false);
    expect(sent.toString('latin1').match(/SecurityPolicy#\w+/g)).toEqual(['SecurityPolicy#None']);
  });

  test('as DER too', async () => {
    const given = files(user.pem, user.keyPem);
    writeFileSync(given.certificate, user.der);
    expect(await attempt(login(given))).toBeUndefined();
  });

  test('a key that others may read is remarked', async () => {
    const told: ConnectionFacts[] = [];
    const given = files(user.pem, user.keyPem);
    chmodSync(given.key, 0o644);
    expect(await attempt(login(given, { tell: (facts) => told.push(facts) }))).toBeUndefined();
    expect(told[0]?.remarks.join()).toContain(`chmod 600 ${given.key}`);
  });

  test.each<[string, () => Promise<[string, string]>, string]>([
    ['the key of another one', async () => [user.pem, (await mint({ name: 'other' })).keyPem], 'does not belong'],
    ['a key that is encrypted', async () => [user.pem, locked(user.keyPem)], 'openssl pkey'],
    ['a key of an elliptic curve', async () => [user.pem, curve()], 'needs an RSA key'],
    ['a key that is none', async () => [user.pem, 'secret words'], 'damaged or no PEM'],
    ['a certificate that is none', async () => ['nothing', user.keyPem], 'damaged or no PEM'],
    ['a certificate that has ended', async () => of(await mint({ name: 'old', from: -9, to: -1 })), 'ended on'],
    ['one that is not valid yet', async () => of(await mint({ name: 'new', from: 1, to: 9 })), 'compare the clocks'],
  ])('%s is not even tried', async (_, make, says) => {
    const before = server.identities.length;
    const fault = await attempt(login(files(...(await make()))));
    expect(fault).toMatchObject({ code: 'source.credentials', message: expect.stringContaining(says) });
    expect(fault?.message).not.toContain('secret words');
    expect(server.identities).toHaveLength(before);
  });

  test('one that the server does not trust is refused by it', async () => {
    const stranger = await mint({ name: 'stranger' });
    const fault = await attempt(login(files(stranger.pem, stranger.keyPem)));
    expect(fault?.code).toBe('source.credentials');
  });
});

const of = ({ pem, keyPem }: Minted): [string, string] => [pem, keyPem];
const locked = (key: string) =>
  createPrivateKey(key).export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' }) as string;
const curve = () =>
  generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;

describe('who may come in', () => {
  test('a wrong password', async () => {
    const fault = await attempt(options({ user: { name: sim.user, password: async () => 'wrong' } }));
    expect(fault?.code).toBe('source.credentials');
    expect(fault?.message).not.toContain('wrong');
  });

  test('nobody without a name, where the server wants one', async () => {
    const { user: _, ...anonymous } = options();
    const fault = await attempt(anonymous);
    expect(fault?.code).toBe('source.credentials');
    expect(fault?.message).toContain('it takes UserName');
  });

  test('a password that cannot be read', async () => {
    const password = async () => {
      throw new Error('no such file');
    };
    expect((await attempt(options({ user: { name: sim.user, password } })))?.code).toBe('source.credentials');
  });
});

describe('what answers must be an OPC UA server', () => {
  test('a name that does not exist', async () => {
    const fault = await attempt(options({ endpoint: 'opc.tcp://no-such-host.invalid:4840' }));
    expect(fault?.code).toBe('source.unreachable');
  });

  test.each([
    ['closes at once', ''],
    ['speaks HTTP', 'HTTP/1.1 400 Bad Request\r\n\r\n'],
    ['claims a message of 4 GB', Buffer.from('41434b46ffffffff', 'hex')],
  ])('a peer that %s is a fault, no crash', async (_, answer) => {
    const peer = createServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', () => socket.end(answer));
    });
    await new Promise<void>((resolve) => peer.listen(0, '127.0.0.1', resolve));
    const { port } = peer.address() as { port: number };
    const fault = await attempt(options({ endpoint: `opc.tcp://127.0.0.1:${port}` }));
    expect(fault?.code).toBeOneOf(['source.refused', 'source.protocol', 'source.unreachable', 'source.unready']);
    await new Promise((resolve) => peer.close(resolve));
  });
});
