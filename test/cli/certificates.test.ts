// `fieldgate certificates` as a person at the gateway uses it.

import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { beforeEach, expect, test } from 'vitest';
import { openPki } from '../../agent/src/adapters/opcua/security/pki.ts';
import { command } from '../../agent/src/cli/certificates.ts';
import { mint, revocationList } from '../support/mint.ts';
import { scratch } from '../support/scratch.ts';

let folder: string;
beforeEach(() => {
  folder = join(scratch(), 'pki');
});

async function certificates(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const texts = { out: '', err: '' };
  const stream = (name: 'out' | 'err') =>
    new Writable({
      write(chunk, _, done) {
        texts[name] += chunk;
        done();
      },
    });
  const io = { out: stream('out'), err: stream('err'), env: {} };
  const code = await command.run(args.includes('--pki') ? args : [...args, '--pki', folder], io);
  return { code, ...texts };
}

/** As a gateway that met this server leaves it. */
async function met(status = 'BadCertificateUntrusted') {
  const leaf = await mint({ name: 'PLC 7', uri: 'urn:lavera:plc7', hosts: ['plc7'] });
  const [entry] = await (async () => {
    const pki = openPki(folder);
    await pki.keep(leaf.der, 'plc7', '10.1.1.7', [{ status, what: 'not made out for the host 10.1.1.7' }]);
    return (await pki.list()).filter(({ place }) => place === 'rejected');
  })();
  return { leaf, thumbprint: entry?.thumbprint ?? '' };
}

test('an empty folder; none at all is not made by looking for it', async () => {
  expect(await certificates('list')).toMatchObject({ code: 1, err: expect.stringContaining(`no folder ${folder}`) });
  expect(existsSync(folder)).toBe(false);
  openPki(folder);
  expect(await certificates('list')).toMatchObject({ code: 0, out: expect.stringContaining('no certificates yet') });
  expect((await certificates('list', '--json')).out).toBe('[]\n');
});

test('list shows whose, who met it, why it was refused and how long it lasts, for people and for programs', async () => {
  const { thumbprint } = await met();
  const { out } = await certificates('list');
  expect(out).toContain(`rejected  ${thumbprint}    364 days left  CN=PLC 7`);
  expect(out).toContain('plc7 met it at 10.1.1.7 on 20');
  expect(out).toContain('not made out for the host');
  const [entry] = JSON.parse((await certificates('list', '--json')).out) as Record<string, unknown>[];
  expect(entry).toMatchObject({ place: 'rejected', thumbprint, daysLeft: 364, applicationUri: 'urn:lavera:plc7' });
  expect(entry?.note).toMatchObject({ source: 'plc7' });
});

test('trust and reject move it to and fro', async () => {
  const { thumbprint } = await met();
  expect(await certificates('trust', thumbprint.toUpperCase())).toEqual({
    code: 0,
    out: `trusted: ${thumbprint}  CN=PLC 7\n`,
    err: '',
  });
  expect((await openPki(folder).list()).map(({ place }) => place)).toEqual(['trusted']);
  expect((await certificates('trust', '0'.repeat(40))).err).toContain('no rejected certificate');
  expect((await certificates('reject', thumbprint)).code).toBe(0);
  expect((await openPki(folder).list()).map(({ place }) => place)).toEqual(['rejected']);
  expect((await certificates('reject', thumbprint)).code).toBe(1);
});

test('a thumbprint as people type it', async () => {
  const { thumbprint } = await met();
  const colons = thumbprint.toUpperCase().match(/../g)!.join(':');
  const json = async (...args: string[]) => JSON.parse((await certificates(...args, '--json')).out) as unknown;
  expect(await json('trust', colons)).toMatchObject({ done: 'trusted', thumbprint, place: 'trusted' });
  expect(await json('reject', thumbprint.slice(0, 8))).toMatchObject({ done: 'rejected', thumbprint });
  const err = async (...args: string[]) => {
    const { code, err } = await certificates(...args);
    expect(code).toBe(1);
    return err;
  };
  expect(await err('trust', thumbprint.slice(0, 6))).toContain('too short');
  const last = thumbprint.at(-1) === '0' ? '1' : '0';
  expect(await err('trust', thumbprint.slice(0, -1) + last)).toContain(`did you mean ${thumbprint}?`);
  expect(await err('trust', '0'.repeat(64))).toContain('SHA-256');
  expect(await err('reject', thumbprint)).toContain('among rejected: CN=PLC 7');
  const other = openPki(folder);
  const twin = Buffer.from((await mint({ name: 'PLC 8' })).der);
  await other.keep(twin, 'plc8', 'plc8', []);
  expect((await other.list()).length).toBe(2);
});

test('trust says what it cannot settle', async () => {
  const host = await met('BadCertificateHostNameInvalid');
  expect((await certificates('trust', host.thumbprint)).out).toContain('accepted at the host 10.1.1.7');
  const { thumbprint } = await met('BadCertificateUriInvalid');
  expect((await certificates('trust', thumbprint)).out).toContain('still refused: not made out');
});

test('certificates and revocation lists come from files', async () => {
  const ca = await mint({ name: 'Plant CA', authority: true });
  const at = (name: string, content: string | Buffer) => {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };
  expect((await certificates('trust', at('ca.pem', ca.pem))).out).toMatch(
    /^trusted: certificate [0-9a-f]{40} {2}CN=Plant CA/,
  );
  expect((await certificates('issuer', at('ca.der', ca.der))).code).toBe(0);
  const list = await certificates('issuer', at('ca.crl', await revocationList(ca, [ca])));
  expect(list.out).toBe('issuers: revocation list of CN=Plant CA, 1 entries\n');
  expect(existsSync(join(folder, 'issuers/crl'))).toBe(true);
  const key = await certificates('trust', at('ca.key', ca.keyPem));
  expect(key).toMatchObject({ code: 1, err: expect.stringContaining('that is a private key') });
  const sub = await mint({ name: 'Unit CA', authority: true, issuer: ca });
  const chain = at('chain.pem', sub.pem + ca.pem);
  expect((await certificates('issuer', chain)).out.match(/issuers: certificate/g)).toHaveLength(2);
  expect(await certificates('trust', chain)).toMatchObject({ code: 1, err: expect.stringContaining('2 certificates') });
  const wrong = await certificates('issuer', at('letter.txt', 'Dear Sir'));
  expect(wrong).toMatchObject({ code: 1, err: expect.stringContaining('neither a certificate nor a revocation list') });
  expect(await certificates('trust', '/no/such/file')).toMatchObject({
    code: 1,
    err: expect.stringContaining('ENOENT'),
  });
});

test('create makes it once, --force again', async () => {
  expect(await certificates('create')).toMatchObject({ code: 1, err: expect.stringContaining('name the mapping') });
  const base = scratch();
  const file = join(base, 'site.yaml');
  writeFileSync(
    file,
    `version: 1
site: lavera
gateway: gw1
hub: { type: jsonl, path: "-" }
buffer: { path: ${join(base, 'data/buffer.db')} }
sources:
  plc7:
    protocol: opcua
    endpoint: opc.tcp://127.0.0.1:4840
    tags: { A: { node: "ns=1;s=A" } }
`,
  );
  const run = (...more: string[]) => certificates('create', file, '--pki', join(base, 'data/pki'), ...more);
  const first = await run();
  expect(first).toMatchObject({ code: 0, out: expect.stringContaining('urn:lavera:gw1:fieldgate') });
  expect(await run()).toMatchObject({ code: 1, err: expect.stringContaining('--force') });
  const second = await run('--force');
  expect(second.code).toBe(0);
  expect(second.out).not.toBe(first.out);

  // A certificate that is damaged is replaced when a person says so, and named until then.
  writeFileSync(join(base, 'data/pki/own/certs/fieldgate.pem'), 'rubbish');
  const third = await run('--force');
  expect(third).toMatchObject({ code: 0, out: expect.stringContaining('urn:lavera:gw1:fieldgate') });
});

test('what makes no sense is said', async () => {
  await expect(certificates('distrust')).rejects.toThrow('none of list, trust, reject, issuer, create');
  await expect(certificates('lst')).rejects.toThrow('did you mean "list"');
  openPki(folder);
  await expect(certificates('reject', 'plc7')).rejects.toThrow('"plc7" is none');
  await expect(certificates('reject')).rejects.toThrow('needs the thumbprint');
  await expect(certificates('trust')).rejects.toThrow('needs a thumbprint');
});

test('a server that shows a new certificate every time does not fill the disk', async () => {
  const pki = openPki(folder);
  const leaf = await mint({ name: 'hostile', bits: 1_024 });
  mkdirSync(join(folder, 'rejected'), { recursive: true });
  for (let i = 0; i < 150; i++) writeFileSync(join(folder, 'rejected', `${i}.der`), leaf.der);
  await pki.keep(leaf.der, 'plc7', 'plc7', []);
  expect((await pki.list()).length).toBe(100);
});
