// The certificate matrix: servers that show every kind of wrong certificate, or change their word on the way. For each
// one the same must hold: refused with the reason in words and its StatusCode, not a byte of the user on the wire, no
// secured channel even asked for where the certificate alone was enough to refuse, and another source that goes on.

// @peculiar/x509 is built on a container that needs this polyfill before anything else of it loads.
import 'reflect-metadata';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ExtendedKeyUsage, KeyUsageFlags } from '@peculiar/x509';

import {
  CreateSessionResponse,
  EndpointDescription,
  GetEndpointsResponse,
  MessageSecurityMode,
  SecurityPolicy,
  UserTokenType,
} from 'node-opcua-client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { OpcUaOptions } from '../../agent/src/adapters/opcua/adapter.ts';
import { openPki } from '../../agent/src/adapters/opcua/security/pki.ts';
import { pkiTrusting } from '../adapters/opcua/rig.ts';
import { type Minted, mint, revocationList } from '../support/mint.ts';
import { until } from '../support/until.ts';
import { type CertificateServer, certificateServer, PASSWORD, type Shown, USER } from './certificate-server.ts';
import { type Neighbour, startNeighbour, watch } from './watched.ts';

const URI = 'urn:lavera:plc7';
const HOSTS = ['127.0.0.1', 'localhost'];
const right = { name: 'PLC 7', uri: URI, hosts: HOSTS };

let neighbour: Neighbour;

beforeAll(async () => {
  neighbour = await startNeighbour();
});
afterAll(() => neighbour?.stop());

/** A PKI folder with these in it. */
function pki(content: { trusted?: Minted[]; issuers?: Minted[]; lists?: Buffer[] }): string {
  const folder = pkiTrusting(...(content.trusted ?? []).map(({ der }) => der));
  for (const place of ['issuers/certs', 'issuers/crl']) mkdirSync(join(folder, place), { recursive: true });
  for (const [i, { pem }] of (content.issuers ?? []).entries()) {
    writeFileSync(join(folder, 'issuers/certs', `${i}.pem`), pem);
  }
  for (const [i, list] of (content.lists ?? []).entries()) writeFileSync(join(folder, 'issuers/crl', `${i}.crl`), list);
  return folder;
}

const optionsFor = (server: CertificateServer, folder: string): OpcUaOptions => ({
  name: 'plc7',
  endpoint: server.endpoint,
  user: { name: USER, password: async () => PASSWORD },
  publishing: 100,
  pki: folder,
  applicationUri: 'urn:test:gateway:fieldgate',
  tags: [],
});

interface Refused {
  readonly code: string;
  readonly reason: string;
  readonly server: CertificateServer;
}

/** What becomes of a source at such a server, and that nothing else suffered. */
async function refused(shown: Shown, folder: string, more: Partial<OpcUaOptions> = {}): Promise<Refused> {
  const server = await certificateServer(shown);
  const before = neighbour.supervisor.stats();
  const source = watch({ ...optionsFor(server, folder), ...more });
  try {
    const { state } = await until('it is refused', () => {
      const stats = source.supervisor.stats();
      expect(stats.connects).toBe(0);
      return stats.state.state === 'waiting' ? { state: stats.state } : undefined;
    });
    expect(source.log.join('\n')).toContain(JSON.stringify(state.reason).slice(1, -1));
    const wire = server.wire();
    for (const secret of [USER, PASSWORD]) {
      expect(wire.includes(secret), `${secret} on the wire`).toBe(false);
      expect(wire.includes(Buffer.from(secret, 'utf16le'))).toBe(false);
    }
    expect(server.identities).toEqual([]);
    await until('the neighbour goes on', () => neighbour.received() > before.received);
    expect(neighbour.supervisor.stats().connects).toBe(1);
    return { code: state.code, reason: state.reason, server };
  } finally {
    await source.supervisor.stop();
    await server.stop();
  }
}

const showing = (leaf: Minted, ...more: Minted[]): Shown => ({
  chain: [leaf, ...more].map(({ pem }) => pem),
  keyPem: leaf.keyPem,
  applicationUri: URI,
});

describe('certificates that nobody should rely on', () => {
  interface Case {
    readonly shown: Shown;
    readonly folder: string;
    /** StatusCodes and words of the reason. */
    readonly says: readonly string[];
  }
  const authority = () => mint({ name: 'Plant CA', authority: true });
  const selfSigned = async (wish: Partial<Parameters<typeof mint>[0]>, ...says: string[]): Promise<Case> => {
    const leaf = await mint({ ...right, ...wish });
    return { shown: showing(leaf), folder: pki({ trusted: [leaf] }), says };
  };
  /** Signed by an authority that is trusted. */
  const signed = async (lists: (ca: Minted, leaf: Minted) => Promise<Buffer[]>, ...says: string[]): Promise<Case> => {
    const ca = await authority();
    const leaf = await mint({ ...right, issuer: ca });
    return { shown: showing(leaf, ca), folder: pki({ trusted: [ca], lists: await lists(ca, leaf) }), says };
  };

  const CASES: Record<string, () => Promise<Case>> = {
    'self-signed and unknown': async () => {
      const leaf = await mint(right);
      return { shown: showing(leaf), folder: pki({}), says: ['BadCertificateUntrusted', 'certificates trust'] };
    },
    expired: () => selfSigned({ from: -30, to: -1 }, 'BadCertificateTimeInvalid', 'ended on'),
    'not yet valid': () => selfSigned({ from: 2, to: 30 }, 'BadCertificateTimeInvalid', 'valid from', 'clocks'),
    'wrong key usage': () =>
      selfSigned({ usage: KeyUsageFlags.keyCertSign }, 'BadCertificateUseNotAllowed', 'signing, encryption'),
    'wrong extended key usage': () =>
      selfSigned({ purposes: [ExtendedKeyUsage.emailProtection] }, 'BadCertificateUseNotAllowed', 'servers'),
    'another ApplicationUri': () =>
      selfSigned({ uri: 'urn:lavera:plc8' }, 'BadCertificateUriInvalid', 'urn:lavera:plc8', URI),
    'no ApplicationUri': async () => {
      const leaf = await mint({ name: right.name, hosts: HOSTS });
      return { shown: showing(leaf), folder: pki({ trusted: [leaf] }), says: ['BadCertificateUriInvalid'] };
    },
    'another host': () =>
      selfSigned({ hosts: ['plc8.lavera', '10.1.1.8'] }, 'BadCertificateHostNameInvalid', '127.0.0.1', 'plc8.lavera'),
    'SHA-1': () => selfSigned({ hash: 'SHA-1' }, 'BadCertificatePolicyCheckFailed', 'SHA-1'),
    'RSA of 1024 bits': () => selfSigned({ bits: 1_024 }, 'BadCertificatePolicyCheckFailed', '1024 bits'),
    revoked: () => signed(async (ca, leaf) => [await revocationList(ca, [leaf])], 'BadCertificateRevoked'),
    'revoked, on a list that has ended': () =>
      signed(async (ca, leaf) => [await revocationList(ca, [leaf], -1)], 'BadCertificateRevoked'),
    'without a revocation list': () => signed(async () => [], 'BadCertificateRevocationUnknown', 'Plant CA'),
    'with a revocation list that has ended': () =>
      signed(async (ca) => [await revocationList(ca, [], -1)], 'BadCertificateRevocationUnknown', 'ended on'),
    'with a revocation list that somebody else signed': () =>
      signed(async () => [await revocationList(await authority(), [])], 'BadCertificateRevocationUnknown'),
    'an incomplete chain': async () => {
      const root = await mint({ name: 'Group root', authority: true });
      const middle = await mint({ name: 'Plant CA', authority: true, issuer: root });
      const leaf = await mint({ ...right, issuer: middle });
      const lists = [await revocationList(root, []), await revocationList(middle, [])];
      return {
        shown: showing(leaf), // its own certificate alone; nobody here knows Plant CA
        folder: pki({ trusted: [root], lists }),
        says: ['BadCertificateChainIncomplete', 'Plant CA', 'certificates issuer'],
      };
    },
    'another authority of the same name': async () => {
      const [known, impostor] = [await authority(), await authority()];
      const leaf = await mint({ ...right, issuer: impostor });
      return {
        shown: showing(leaf),
        folder: pki({ trusted: [known], lists: [await revocationList(known, [])] }),
        says: ['BadCertificateChainIncomplete', 'another key'],
      };
    },
    'an authority that is none': async () => {
      const server = await mint({ ...right, name: 'PLC 6' });
      const leaf = await mint({ ...right, issuer: server });
      return {
        shown: showing(leaf, server),
        folder: pki({ trusted: [server], lists: [await revocationList(server, [])] }),
        says: ['BadCertificateIssuerUseNotAllowed'],
      };
    },
    'below more authorities than the root allows': async () => {
      const root = await mint({ name: 'Group root', authority: true, below: 0 });
      const middle = await mint({ name: 'Plant CA', authority: true, issuer: root });
      const leaf = await mint({ ...right, issuer: middle });
      const lists = [await revocationList(root, []), await revocationList(middle, [])];
      return {
        shown: showing(leaf, middle),
        folder: pki({ trusted: [root], lists }),
        says: ['BadCertificateIssuerUseNotAllowed', 'Group root', 'above 1'],
      };
    },
    'swapped after it was trusted': async () => {
      const [old, swapped] = [await mint(right), await mint(right)];
      return { shown: showing(swapped), folder: pki({ trusted: [old] }), says: ['BadCertificateUntrusted'] };
    },
  };

  test.each(Object.keys(CASES))('%s', async (name) => {
    const { shown, folder, says } = await CASES[name]!();
    const { code, reason, server } = await refused(shown, folder);
    expect(code).toBe('source.untrusted');
    for (const word of says) expect(reason).toContain(word);
    // Not even a secured channel was asked for.
    expect(server.policies()).toEqual(['SecurityPolicy#None']);
  });

  test('everything that is wrong is told at once', async () => {
    const leaf = await mint({ name: 'PLC 7', uri: 'urn:else', hosts: ['plc8'], from: -9, to: -1, usage: 4 });
    const { reason } = await refused(showing(leaf), pki({}));
    for (const status of ['Untrusted', 'TimeInvalid', 'HostNameInvalid', 'UriInvalid', 'UseNotAllowed']) {
      expect(reason).toContain(`BadCertificate${status}`);
    }
  });

  test('a chain that is complete, listed and trusted connects', async () => {
    const root = await mint({ name: 'Group root', authority: true });
    const middle = await mint({ name: 'Plant CA', authority: true, issuer: root });
    const leaf = await mint({ ...right, issuer: middle });
    const folder = pki({ trusted: [root], lists: [await revocationList(root, []), await revocationList(middle, [])] });
    const server = await certificateServer(showing(leaf, middle));
    const source = watch(optionsFor(server, folder));
    await until('it runs', () => source.supervisor.stats().state.state === 'running');
    expect(server.identities).toHaveLength(1);
    await source.supervisor.stop();
    await server.stop();
  });

  test('a certificate for another host is accepted there once a person says so', async () => {
    const leaf = await mint({ ...right, hosts: ['plc7.lavera'] });
    const folder = pki({});
    await refused(showing(leaf), folder);
    const [entry] = (await openPki(folder).list()).filter(({ place }) => place === 'rejected');
    expect(entry?.note).toMatchObject({ source: 'plc7', host: '127.0.0.1' });
    await openPki(folder).trust(entry?.thumbprint ?? '');
    const server = await certificateServer(showing(leaf));
    const source = watch(optionsFor(server, folder));
    await until('it runs', () => source.supervisor.stats().state.state === 'running');
    await source.supervisor.stop();
    await server.stop();
  });
});

describe('servers that change their word', () => {
  const trusted = async (more: Partial<Shown>) => {
    const leaf = await mint(right);
    return { shown: { ...showing(leaf), ...more }, folder: pki({ trusted: [leaf] }) };
  };
  const copies = (endpoints: readonly EndpointDescription[] | null) =>
    (endpoints ?? []).map(
      (one) => new EndpointDescription({ ...one, server: one.server, userIdentityTokens: one.userIdentityTokens }),
    );

  test('only an open endpoint is offered', async () => {
    const { shown, folder } = await trusted({ policies: [SecurityPolicy.None], modes: [MessageSecurityMode.None] });
    const { code, reason, server } = await refused(shown, folder);
    expect(code).toBe('source.configuration');
    expect(reason).toContain('it offers None/None');
    expect(server.policies()).toEqual(['SecurityPolicy#None']);
  });

  test('the better policy is hidden on the open connection', async () => {
    const { shown, folder } = await trusted({
      twist: (response, secured) => {
        if (!(response instanceof GetEndpointsResponse) || secured) return;
        response.endpoints = copies(response.endpoints).filter(
          ({ securityPolicyUri }) => securityPolicyUri === SecurityPolicy.Basic256Sha256,
        );
      },
    });
    const { code, reason } = await refused(shown, folder);
    expect(code).toBe('source.untrusted');
    expect(reason).toContain('Aes256_Sha256_RsaPss/SignAndEncrypt');
    expect(reason).toContain('hidden');
  });

  test.each([
    ['the secured list of endpoints', GetEndpointsResponse],
    ['the session', CreateSessionResponse],
  ])('another certificate in %s', async (_, kind) => {
    const other = await mint(right);
    const { shown, folder } = await trusted({
      twist: (response, secured) => {
        if (!(response instanceof kind) || !secured) return;
        if (response instanceof CreateSessionResponse) response.serverCertificate = other.der;
        if (response instanceof GetEndpointsResponse) {
          response.endpoints = copies(response.endpoints);
          for (const one of response.endpoints) one.serverCertificate = other.der;
        }
      },
    });
    const { code, reason } = await refused(shown, folder);
    expect(code).toBe('source.untrusted');
    expect(reason).toContain('another certificate');
  });

  test.each<[string, (signature: Buffer) => Buffer]>([
    ['none', () => Buffer.alloc(0)],
    ['that of another session', (signature) => Buffer.from(signature).reverse()],
  ])('a session whose signature of the server is %s', async (_, spoil) => {
    const { shown, folder } = await trusted({
      twist: (response) => {
        if (!(response instanceof CreateSessionResponse)) return;
        response.serverSignature.signature = spoil(response.serverSignature.signature as Buffer);
      },
    });
    const { code, reason } = await refused(shown, folder);
    expect(code).toBe('source.untrusted');
    expect(reason).toContain('BadApplicationSignatureInvalid');
  });

  test('the open list shows the certificate of a trusted server, whose key this one has not', async () => {
    const [real, impostor] = [await mint(right), await mint(right)];
    const { reason, code } = await refused(
      {
        ...showing(impostor),
        twist: (response) => {
          if (!(response instanceof GetEndpointsResponse)) return;
          response.endpoints = copies(response.endpoints);
          for (const one of response.endpoints) one.serverCertificate = real.der;
        },
      },
      pki({ trusted: [real] }),
    );
    expect(code).toBeOneOf(['source.refused', 'source.closed', 'source.protocol', 'source.timeout']);
    expect(reason).toContain('plc7: opening the secure channel');
  });

  const weaken = (uri: string) => (response: unknown, secured: boolean) => {
    if (!secured) return;
    if (!(response instanceof GetEndpointsResponse)) return;
    response.endpoints = copies(response.endpoints);
    for (const { userIdentityTokens } of response.endpoints) {
      for (const token of userIdentityTokens ?? []) {
        if (token.tokenType === UserTokenType.UserName) token.securityPolicyUri = uri;
      }
    }
  };

  test.each([SecurityPolicy.None, SecurityPolicy.Basic128Rsa15])(
    'the encryption of the password is taken back: %s',
    async (policy) => {
      const { shown, folder } = await trusted({ twist: weaken(policy) });
      const { code } = await refused(shown, folder);
      expect(code).toBeOneOf(['source.untrusted', 'source.insecure']);
    },
  );
});

describe("the gateway's own certificate", () => {
  const folderWithOwn = async (wish: Partial<Parameters<typeof mint>[0]>, trusted: Minted) => {
    const folder = pki({ trusted: [trusted] });
    const own = await mint({ name: 'fieldgate', uri: 'urn:test:gateway:fieldgate', hosts: HOSTS, ...wish });
    for (const place of ['own/certs', 'own/private']) mkdirSync(join(folder, place), { recursive: true });
    writeFileSync(join(folder, 'own/certs/fieldgate.pem'), own.pem);
    writeFileSync(join(folder, 'own/private/private_key.pem'), own.keyPem);
    return folder;
  };

  test('signed by an authority and expired, it is not shown to anybody', async () => {
    const leaf = await mint(right);
    const ca = await mint({ name: 'Plant CA', authority: true });
    const folder = await folderWithOwn({ issuer: ca, from: -30, to: -1 }, leaf);
    const { code, reason, server } = await refused(showing(leaf), folder);
    expect(code).toBe('source.configuration');
    expect(reason).toContain('own/certs/fieldgate.pem ended on');
    expect(server.wire()).toHaveLength(0);
  });

  test('made by itself and expired, a new one takes its place', async () => {
    const leaf = await mint(right);
    const folder = await folderWithOwn({ from: -30, to: -1 }, leaf);
    const before = readFileSync(join(folder, 'own/certs/fieldgate.pem'), 'utf8');
    const server = await certificateServer(showing(leaf));
    const source = watch(optionsFor(server, folder));
    await until('it runs', () => source.supervisor.stats().state.state === 'running');
    expect(readFileSync(join(folder, 'own/old/fieldgate.pem'), 'utf8')).toBe(before);
    expect(readFileSync(join(folder, 'own/certs/fieldgate.pem'), 'utf8')).not.toBe(before);
    await source.supervisor.stop();
    await server.stop();
  });
});
