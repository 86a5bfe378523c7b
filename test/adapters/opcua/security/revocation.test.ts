// Revocation lists that are not simply whole: deltas, partial ones, several of different age.

import 'reflect-metadata';
import { Extension } from '@peculiar/x509';
import { beforeAll, expect, test } from 'vitest';
import { openPki, type Pki } from '../../../../agent/src/adapters/opcua/security/pki.ts';
import { type Minted, mint, revocationList } from '../../../support/mint.ts';
import { scratch } from '../../../support/scratch.ts';

let ca: Minted;
let leaf: Minted;
beforeAll(async () => {
  ca = await mint({ name: 'Plant CA', authority: true });
  leaf = await mint({ name: 'PLC 7', uri: 'urn:lavera:plc7', hosts: ['plc7'], issuer: ca });
});

const delta = new Extension('2.5.29.27', true, Buffer.from([0x02, 0x01, 0x01]));
const scope = (...fields: number[]) => new Extension('2.5.29.28', true, Buffer.from([0x30, fields.length, ...fields]));
const PLACE = [0xa0, 0x06, 0xa0, 0x04, 0x86, 0x02, 0x61, 0x3a];

/** The findings with these lists, the authority trusted. */
async function findings(...lists: Buffer[]): Promise<string[]> {
  const pki: Pki = openPki(scratch());
  await pki.add(ca.der, 'trusted');
  for (const each of lists) await pki.add(each, 'issuers');
  const found = await pki.judge(leaf.der, { host: 'plc7', applicationUri: 'urn:lavera:plc7' }, new Date());
  return found.map(({ status }) => status);
}

const whole = (revoked: Minted[] = [], from = -10) => revocationList(ca, revoked, 20, { from });
const partial = (extension: Extension, revoked: Minted[] = [], more: { from?: number; reason?: number } = {}) =>
  revocationList(ca, revoked, 20, { from: -1, ...more, extensions: [extension] });

test('the newest whole list counts', async () => {
  expect(await findings(await whole())).toEqual([]);
  expect(await findings(await whole([leaf]), await whole([], -1))).toEqual([]);
  expect(await findings(await whole([]), await whole([leaf], -1))).toEqual(['BadCertificateRevoked']);
});

test('a newer delta list does not hide what the whole one revokes, and adds to it', async () => {
  expect(await findings(await whole([leaf]), await partial(delta))).toEqual(['BadCertificateRevoked']);
  expect(await findings(await whole(), await partial(delta, [leaf]))).toEqual(['BadCertificateRevoked']);
  expect(await findings(await whole(), await partial(delta, [leaf], { from: -11 }))).toEqual([]);
  expect(await findings(await whole(), await partial(delta, [leaf], { reason: 8 }))).toEqual([]);
});

test('a delta or a partial list alone vouches for nothing', async () => {
  expect(await findings(await partial(delta))).toEqual(['BadCertificateRevocationUnknown']);
  const others = [scope(0x82, 0x01, 0xff), scope(0x83, 0x02, 0x07, 0x80), scope(0x84, 0x01, 0xff), scope(0x81, 0x80)];
  for (const each of others) expect(await findings(await partial(each))).toEqual(['BadCertificateRevocationUnknown']);
  const strange = new Extension('1.2.3.4', true, Buffer.from([0x05, 0x00]));
  expect(await findings(await partial(strange))).toEqual(['BadCertificateRevocationUnknown']);
});

test('a list that is about all certificates of its kind is whole, wherever it is to be had', async () => {
  expect(await findings(await partial(scope(...PLACE)))).toEqual([]);
  expect(await findings(await partial(scope(...PLACE, 0x81, 0x01, 0xff)))).toEqual([]);
  expect(await findings(await partial(scope(...PLACE), [leaf]))).toEqual(['BadCertificateRevoked']);
});
