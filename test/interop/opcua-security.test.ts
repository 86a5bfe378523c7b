// Security against asyncua, which shares no code with node-opcua: every policy and mode, users by name and by
// certificate, the gateway's own certificate judged by somebody else's rules.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ConnectionFacts } from '../../agent/src/adapters/adapter.ts';
import { type OpcUaOptions, opcuaAdapter } from '../../agent/src/adapters/opcua/adapter.ts';
import { pkiTrusting } from '../adapters/opcua/rig.ts';
import { type Minted, mint } from '../support/mint.ts';
import { scratch } from '../support/scratch.ts';
import { interopPython, type Peer, startPeer } from './python.ts';

const python = await interopPython();

describe.skipIf(python === undefined)('asyncua', () => {
  let peer: Peer;
  let folder: string;
  let options: OpcUaOptions;

  beforeAll(async () => {
    folder = scratch();
    const user = await mint({ name: 'operator' });
    writeFileSync(join(folder, 'user.der'), user.der);
    keep('user', user);
    peer = await startPeer(python!, 'asyncua_security_server.py', [folder]);
    const { endpoint, certificate } = peer.ready as { endpoint: string; certificate: string };
    options = {
      name: 'asyncua',
      endpoint,
      user: { name: 'fieldgate', password: async () => 'crude oil' },
      publishing: 200,
      pki: pkiTrusting(Buffer.from(certificate, 'base64')),
      applicationUri: 'urn:test:gateway:fieldgate',
      tags: [],
    };
  });
  afterAll(() => peer?.stop());

  const keep = (name: string, { pem, keyPem }: Minted) => {
    writeFileSync(join(folder, `${name}.pem`), pem);
    writeFileSync(join(folder, `${name}.key`), keyPem, { mode: 0o600 });
  };
  const certificateOf = (name: string) => ({
    certificate: join(folder, `${name}.pem`),
    key: join(folder, `${name}.key`),
  });

  async function connect(more: Partial<OpcUaOptions>): Promise<ConnectionFacts | undefined> {
    let told: ConnectionFacts | undefined;
    const adapter = opcuaAdapter({ ...options, ...more, tell: (facts) => (told = facts) });
    try {
      await adapter.connect(new AbortController().signal);
      return told;
    } finally {
      await adapter.close();
    }
  }

  const policies = ['Basic256Sha256', 'Aes128_Sha256_RsaOaep', 'Aes256_Sha256_RsaPss'] as const;

  test('the best policy is found', async () => {
    expect((await connect({}))?.security).toBe('Aes256_Sha256_RsaPss/SignAndEncrypt');
  });

  test.each(policies)('%s: a user name', async (policy) => {
    expect((await connect({ security: { policy } }))?.security).toBe(`${policy}/SignAndEncrypt`);
  });

  test.each(policies.flatMap((policy) => [[policy, 'Sign'] as const, [policy, 'SignAndEncrypt'] as const]))(
    '%s, %s: a user certificate',
    async (policy, mode) => {
      const told = await connect({ security: { policy, mode }, user: certificateOf('user') });
      expect(told?.security).toBe(`${policy}/${mode}`);
    },
  );

  test('a stranger with a certificate', async () => {
    keep('stranger', await mint({ name: 'stranger' }));
    await expect(connect({ user: certificateOf('stranger') })).rejects.toMatchObject({ code: 'source.credentials' });
  });

  test('a wrong password', async () => {
    const user = { name: 'fieldgate', password: async () => 'wrong' };
    await expect(connect({ user })).rejects.toMatchObject({ code: 'source.credentials' });
  });

  test('nobody at all', async () => {
    const { user: _, ...anonymous } = options;
    options = anonymous;
    await expect(connect({})).rejects.toMatchObject({ code: 'source.credentials' });
  });
});
