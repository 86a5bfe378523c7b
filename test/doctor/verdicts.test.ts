// Doctor's verdicts: what the figures and codes of a probe mean. The probes themselves are tried in test/cli.

import { describe, expect, it } from 'vitest';
import { addressKind } from '../../agent/src/adapters/reach.ts';
import { judgeClock } from '../../agent/src/doctor/clock.ts';
import { judgeDisk } from '../../agent/src/doctor/disk.ts';
import { judgeEnvironment, judgeHubName } from '../../agent/src/doctor/edge.ts';
import { judgeSpace, refusedBy } from '../../agent/src/doctor/folder.ts';
import { Late, type Look } from '../../agent/src/doctor/look.ts';
import { judgeMachine } from '../../agent/src/doctor/machine.ts';
import { judgeConnect } from '../../agent/src/doctor/port.ts';
import { judgeFailure, judgeTls } from '../../agent/src/doctor/tls.ts';
import { walk } from '../../agent/src/doctor/walk.ts';
import { judgeWorkload } from '../../agent/src/doctor/workload.ts';

const failure = (code: string) => Object.assign(new Error(code), { code });

/** Whatever is not well says what to do. */
function mended(look: Look): Look {
  if (look.verdict !== 'good') expect(look.mend).toMatch(/\w{3}/);
  return look;
}

it.each([
  ['10.20.1.15', 'private'],
  ['172.31.255.255', 'private'],
  ['172.32.0.1', 'public'],
  ['192.168.1.1', 'private'],
  ['100.64.0.1', 'private'],
  ['20.50.1.2', 'public'],
  ['127.0.0.1', 'this host'],
  ['::1', 'this host'],
  ['fd00::1', 'private'],
  ['2603:1020::1', 'public'],
  ['169.254.1.1', 'link-local'],
  ['fe80::1', 'link-local'],
])('%s is %s', (address, kind) => expect(addressKind(address)).toBe(kind));

describe('the disk', () => {
  const times = (most: number, rare: number) => [...Array(95).fill(most), ...Array(5).fill(rare)] as number[];
  it.each([
    ['fast', times(1, 4), 'good', /1\.0 ms each \(median\), 4\.0 ms at most/],
    ['slow now and then', times(1, 400), 'odd', /400 ms at most/],
    ['slow', times(150, 170), 'odd', /150 ms each/],
    ['stuck', times(3_000, 3_000), 'broken', /3000 ms each/],
  ] as const)('%s', (_, took, verdict, says) => {
    const look = mended(judgeDisk(took, 100));
    expect(look.verdict).toBe(verdict);
    expect(look.what).toMatch(says);
    expect(look.what).toContain('after at most 100ms (buffer.commitInterval)');
  });

  it('that is slower than the commits are often says what that costs', () => {
    expect(judgeDisk(times(150, 170), 100).mend).toContain('slower than asked');
    expect(judgeDisk(times(60, 70), 1_000).mend).toContain('iostat');
  });
});

describe('the data folder', () => {
  const GB = 1_000_000_000;
  const space = (type: number, free: number, used = 0) =>
    judgeSpace('/data', { type, free, used }, 4 * GB).map((look) => `${mended(look).step} ${look.verdict}`);
  it.each([
    ['ext4', 0xef53, 10 * GB, ['space good']],
    ['a disk smaller than maxSize', 0xef53, 3 * GB, ['space odd']],
    ['no space', 0xef53, 1_000_000, ['space broken']],
    ['NFS', 0x6969, 10 * GB, ['file system broken', 'space good']],
    // statfs gives a signed 32-bit number on some platforms
    ['CIFS', 0xff534d42 | 0, 10 * GB, ['file system broken', 'space good']],
    ['tmpfs', 0x01021994, 10 * GB, ['file system odd', 'space good']],
    ["the container's layer", 0x794c7630, 10 * GB, ['file system odd', 'space good']],
  ])('%s', (_, type, free, looks) => expect(space(type, free)).toEqual(looks));

  it('what the buffer has already is room, too', () => expect(space(0xef53, 3 * GB, 2 * GB)).toEqual(['space good']));

  it.each([
    ['EROFS', /read-only/],
    ['ENOSPC', /full/],
    ['EACCES', /chown/],
    ['ENOENT', /make it/],
  ])('a write refused with %s', (code, says) => {
    expect(refusedBy(code, '/data', '')).toMatchObject({ verdict: 'broken', mend: expect.stringMatching(says) });
  });
});

it.each([
  [4_000, 'good'],
  [-4_000, 'good'],
  [6_000, 'odd'],
  [-299_000, 'odd'],
  [301_000, 'broken'],
  [-301_000, 'broken'],
])('a clock that is %d ms off is %s', (offset, verdict) => {
  expect(mended(judgeClock(offset, 'the other')).verdict).toBe(verdict);
});

it('little memory is odd', () => {
  expect(judgeMachine(512e6, 2, 10_001).map(({ verdict }) => verdict)).toEqual(['good', 'good']);
  expect(mended(judgeMachine(128e6, 1, 0)[1]!)).toMatchObject({ verdict: 'odd', what: '128 MB of memory, 1 core' });
});

describe('TLS', () => {
  const NOW = Date.UTC(2026, 10, 23);
  const DAY = 86_400_000;
  const shown = { error: undefined, subject: 'gw', issuer: 'CA', names: 'DNS:gw', from: NOW - DAY, to: NOW + 90.5 * DAY, version: 'TLSv1.3' }; // biome-ignore format: one line
  const peer = { host: 'gw-1', by: 'the trust bundle', soon: 30 };
  it.each([
    [{}, 'good', /TLSv1\.3, gw, vouched for by CA, 90 days left/],
    [{ to: NOW + 29 * DAY }, 'odd', /29 days left/],
    [{ error: 'CERT_HAS_EXPIRED', to: NOW - 3 * DAY }, 'broken', /ended 3 days ago/],
    [{ error: 'CERT_NOT_YET_VALID', from: NOW + 2 * DAY }, 'broken', /begins in 2 days/],
    [{ error: 'ERR_TLS_CERT_ALTNAME_INVALID' }, 'broken', /is for DNS:gw, not for gw-1/],
    [
      { error: 'SELF_SIGNED_CERT_IN_CHAIN' },
      'broken',
      /nobody in the trust bundle vouches .*SELF_SIGNED_CERT_IN_CHAIN/,
    ],
  ])('%j', (more, verdict, says) => {
    const look = mended(judgeTls({ ...shown, ...more }, peer, NOW));
    expect(look.verdict).toBe(verdict);
    expect(look.what).toMatch(says);
  });

  it.each([
    [new Late(5_000), /takes connections and does not answer: no answer within 5 s/],
    [failure('ERR_SSL_WRONG_VERSION_NUMBER'), /does not speak TLS/],
    [failure('EPROTO'), /does not speak TLS/],
    [failure('ECONNRESET'), /ECONNRESET/],
  ])('an attempt that ends with %s', (thrown, says) => {
    expect(mended(judgeFailure(thrown, 'gw-1:8883'))).toMatchObject({
      verdict: 'broken',
      what: expect.stringMatching(says),
    });
  });
});

it.each([
  [new Late(5_000), /no sign/],
  [failure('ECONNREFUSED'), /nobody listens/],
  [new AggregateError([failure('ECONNREFUSED')]), /nobody listens/],
  [failure('EHOSTUNREACH'), /EHOSTUNREACH/],
])('a connection that ends with %s', (thrown, says) => {
  expect(mended(judgeConnect(thrown, 'gw-1:8883'))).toMatchObject({
    verdict: 'broken',
    what: expect.stringMatching(says),
  });
});

it.each([
  [failure('EACCES'), /may not open/],
  [failure('ECONNREFUSED'), /left behind/],
  [new Late(5_000), /silent/],
  [new Error('odd'), /odd/],
])('a workload API that ends with %s', (thrown, says) => {
  expect(mended(judgeWorkload(thrown, 'unix:///w'))).toMatchObject({
    verdict: 'broken',
    what: expect.stringMatching(says),
  });
});

describe('what the runtime set', () => {
  const all = {
    IOTEDGE_WORKLOADURI: 'unix:///w',
    IOTEDGE_DEVICEID: 'gw-1',
    IOTEDGE_MODULEID: 'fieldgate',
    IOTEDGE_IOTHUBHOSTNAME: 'hub',
    IOTEDGE_AUTHSCHEME: 'sasToken',
    IOTEDGE_MODULEGENERATIONID: '1',
  };
  it.each([
    [all, 'good', 'device gw-1, module fieldgate'],
    [{}, 'broken', 'no IOTEDGE_'],
    [{ ...all, IOTEDGE_DEVICEID: '' }, 'broken', 'IOTEDGE_DEVICEID not set'],
    [{ ...all, IOTEDGE_AUTHSCHEME: 'x509' }, 'broken', 'not sasToken'],
  ])('%j', (environment, verdict, says) => {
    expect(mended(judgeEnvironment(environment))).toMatchObject({ verdict, what: expect.stringContaining(says) });
  });

  it.each([
    ['10.10.2.5', false, 'good', 'private endpoint'],
    ['20.50.1.2', false, 'odd', 'public address'],
    [undefined, false, 'odd', 'only edgeHub has to'],
    [undefined, true, 'broken', 'cannot be resolved'],
  ])('the hub at %s', (address, direct, verdict, says) => {
    const look = mended(judgeHubName('x.azure-devices.net', address, direct));
    expect(look).toMatchObject({ verdict, what: expect.stringContaining(says) });
  });
});

describe('walking along sections', () => {
  const look = (step: string): Look => ({ step, verdict: 'good', what: step });
  const section = (title: string, make: (signal: AbortSignal) => AsyncIterable<Look>) => ({
    title,
    kind: 'test',
    look: make,
  });

  it('tells them in their order, whichever ends first, and no more at once than may be', async () => {
    let busy = 0;
    let most = 0;
    const gates = Array.from({ length: 5 }, () => Promise.withResolvers<void>());
    const sections = gates.map(({ promise }, i) =>
      section(`s${i}`, async function* () {
        most = Math.max(most, ++busy);
        yield look('first');
        // The last ones are let go first.
        if (i >= 3) gates[i - 3]?.resolve();
        await promise;
        yield look('second');
        busy--;
      }),
    );
    for (const { resolve } of gates.slice(2)) resolve();
    const told: string[] = [];
    for await (const one of walk(sections, new AbortController().signal, undefined, 3))
      told.push(`${one.section.title} ${one.look.step}`);
    expect(told).toEqual([0, 1, 2, 3, 4].flatMap((i) => [`s${i} first`, `s${i} second`]));
    expect(most).toBe(3);
  });

  it('a section that throws is broken by that, the others go on; called off, nothing is waited for', async () => {
    const ending = new AbortController();
    const sections = [
      section('a', async function* () {
        yield look('one');
        throw new Error('boom');
      }),
      section('b', async function* () {
        yield look('two');
        await new Promise(() => undefined);
      }),
    ];
    const told: string[] = [];
    for await (const { look } of walk(sections, ending.signal)) {
      told.push(`${look.step} ${look.verdict} ${look.what}`);
      if (look.step === 'two') ending.abort();
    }
    expect(told).toEqual([
      'one good one',
      'doctor broken could not go on: boom',
      'two good two',
      'time broken called off',
    ]);
  });
});
