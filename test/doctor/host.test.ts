// `fieldgate doctor --host` on the files of a prepared host, made from our own templates, then with one thing after the
// other as it should not be.

import {
  chmodSync,
  chownSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { dispatch } from '../../agent/src/cli/commands.ts';
import { judgeConfig } from '../../agent/src/doctor/host/config.ts';
import { judgeDaemon } from '../../agent/src/doctor/host/engine.ts';
import { foldersOf, judgeFolder } from '../../agent/src/doctor/host/folders.ts';
import { installed, judgePackages } from '../../agent/src/doctor/host/packages.ts';
import { judgeTime } from '../../agent/src/doctor/host/time-sync.ts';
import type { Look } from '../../agent/src/doctor/look.ts';
import { output } from '../support/output.ts';
import { scratch } from '../support/scratch.ts';

const TEMPLATES = join(import.meta.dirname, '../../deploy/iot-edge/host');
const template = (name: string) => readFileSync(join(TEMPLATES, name), 'utf8');
const bad = (looks: readonly Look[]) =>
  looks
    .filter(({ verdict }) => verdict !== 'good')
    .map(({ step, verdict, mend }) => `${step} ${verdict}${mend ? '' : ' without a mend'}`);

describe('config.toml', () => {
  it.each(readdirSync(TEMPLATES).filter((name) => name.endsWith('.toml')))('our template %s is well', (name) => {
    expect(bad(judgeConfig(template(name)))).toEqual([]);
  });

  const file = template('dps-x509-file.toml');
  it.each<[string, string | RegExp, string, string[]]>([
    ['no CA for edgeHub', /^\[edge_ca\][^[]*/m, '', ['edge CA broken']],
    ['no roots', /^trust_bundle_cert.*$/m, '', ['trust bundle broken']],
    ['privileged containers', 'permissions = false', 'permissions = true', ['elevation odd']],
    ['privileged containers by default', /^allow_elevated.*$/m, '', ['elevation odd']],
    ['another protocol', '"Amqp"', '"amqps"', ['protocol broken']],
    ['no protocol', /^UpstreamProtocol.*$/m, '', ['protocol odd']],
    ['an agent that moves', 'agent:1.6.1', 'agent:1.6', ['agent odd']],
    ['a key in a file', 'method = "x509"', 'method = "symmetric_key"', ['provisioning odd']],
    ['two names', 'registration_id = "gw-cdu1-01"', 'registration_id = "gw-2"', ['provisioning odd']],
    ['no source of identity', 'source = "dps"', '', ['provisioning broken']],
    ['no TOML', '[provisioning]', '[provisioning', ['config.toml broken']],
  ])('%s', (_, wanted, instead, found) => {
    const text = file.replace(wanted, instead);
    expect(text).not.toBe(file);
    expect(bad(judgeConfig(text))).toEqual(found);
  });

  it('says where it is no TOML', () => {
    expect(judgeConfig('a = 1\nb = = 2\n')[0]?.what).toMatch(/config\.toml:2:5 is no TOML/);
  });
});

it.each<[string, string, string[]]>([
  ['our template', template('daemon.json'), []],
  ['no name server', '{"log-driver":"local"}', ['dns odd']],
  ['a public one', '{"dns":["10.10.1.4","8.8.8.8"],"log-driver":"local"}', ['dns odd']],
  ['logs without a bound', '{"dns":["10.10.1.4"]}', ['logs odd']],
  ['logs with a bound', '{"dns":["10.10.1.4"],"log-opts":{"max-size":"10m"}}', []],
  ['no JSON', '{', ['daemon.json broken']],
])('daemon.json: %s', (_, text, found) => expect(bad(judgeDaemon(text))).toEqual(found));

it.each([
  [0, { uid: 10_001, mode: 0o40700 }, 'good'],
  [0, { uid: 0, mode: 0o40700 }, 'broken'],
  [0, { uid: 10_001, mode: 0o40755 }, 'odd'],
  [1, { uid: 1_000, mode: 0o40700 }, 'good'],
  [1, { uid: 10_001, mode: 0o40700 }, 'broken'],
  [2, { uid: 0, mode: 0o40755 }, 'good'],
  [2, { uid: 0, mode: 0o40700 }, 'broken'],
])('folder %d as %j is %s', (which, found, verdict) => {
  const look = judgeFolder(foldersOf('/srv/fieldgate/data', '/srv/iotedge/edgehub')[which]!, found);
  expect(look.verdict).toBe(verdict);
  if (verdict !== 'good') expect(look.mend).toMatch(/install -d|chmod/);
});

describe('packages', () => {
  const status = (edge: string, engine: string) =>
    `Package: aziot-edge\nStatus: install ok installed\nVersion: ${edge}\n\nPackage: gone\nStatus: deinstall ok config-files\nVersion: 1\n\nPackage: ${engine}\nStatus: install ok installed\nVersion: 27.1\n`;
  it.each([
    [status('1.6.0-1', 'moby-engine'), []],
    [status('1.6.0-1', 'docker-ce'), []],
    [status('1.5.40-1', 'moby-engine'), ['aziot-edge odd']],
    [status('1.6.0-1', 'podman'), ['engine broken']],
    ['', ['aziot-edge broken', 'engine broken']],
  ])('%j', (text, found) => expect(bad(judgePackages(installed(text)))).toEqual(found));

  it('that were removed do not count', () => expect(installed(status('1', 'x')).has('gone')).toBe(false));
});

it.each([
  ['NTP=yes\nNTPSynchronized=yes\n', 'good'],
  ['NTP=yes\nNTPSynchronized=no\n', 'odd'],
  ['NTP=no\nNTPSynchronized=no\n', 'odd'],
])('timedatectl %j is %s', (shown, verdict) => expect(judgeTime(shown).verdict).toBe(verdict));

describe('fieldgate doctor --host', () => {
  /** A prepared host below a folder. */
  function prepared(): string {
    const root = scratch();
    const put = (path: string, text: string) => {
      mkdirSync(join(root, path, '..'), { recursive: true });
      writeFileSync(join(root, path), text);
    };
    put(
      'var/lib/dpkg/status',
      'Package: aziot-edge\nStatus: install ok installed\nVersion: 1.6.0-1\n\nPackage: moby-engine\nStatus: install ok installed\nVersion: 27\n',
    );
    put('etc/aziot/config.toml', template('dps-x509-file.toml'));
    mkdirSync(join(root, 'etc/docker'), { recursive: true });
    copyFileSync(join(TEMPLATES, 'daemon.json'), join(root, 'etc/docker/daemon.json'));
    put('run/systemd/timesync/synchronized', '');
    for (const { path, owner, mode } of foldersOf('/srv/fieldgate/data', '/srv/iotedge/edgehub')) {
      mkdirSync(join(root, path), { recursive: true });
      if (owner !== undefined && process.getuid?.() === 0) chownSync(join(root, path), owner, owner);
      chmodSync(join(root, path), mode);
    }
    return root;
  }

  async function doctor(root: string, ...args: string[]) {
    const io = output();
    const code = await dispatch(['doctor', '--host', '--root', root, '--json', ...args], io);
    const { sections } = JSON.parse(io.text()) as { sections: { looks: Look[] }[] };
    return { code, looks: sections.flatMap(({ looks }) => looks) };
  }

  it.skipIf(process.getuid?.() !== 0)('a host prepared as docs/deployment.md says is well', async () => {
    const { code, looks } = await doctor(prepared());
    expect(bad(looks)).toEqual(['the rest unseen without a mend']);
    expect(code).toBe(0);
  });

  it('what is missing is broken, and what may not be read is unseen', async () => {
    const root = prepared();
    rmSync(join(root, 'etc/aziot/config.toml'));
    rmSync(join(root, 'etc/docker/daemon.json'));
    rmSync(join(root, 'var/lib/dpkg/status'));
    mkdirSync(join(root, 'var/lib/dpkg/status'));
    rmSync(join(root, 'srv'), { recursive: true });
    const { code, looks } = await doctor(root, '--data', '/mnt/elsewhere');
    expect(code).toBe(1);
    const found = bad(looks);
    expect(found).toEqual(
      expect.arrayContaining(['aziot-edge unseen', 'config.toml broken', 'daemon.json odd', 'folder broken']),
    );
    expect(looks.find(({ step }) => step === 'folder')?.mend).toBe(
      'sudo install -d -o 10001 -g 10001 -m 700 /mnt/elsewhere',
    );
  });

  it('an empty root is told in words, too', async () => {
    const { looks } = await doctor(scratch());
    expect(bad(looks)).toContain('time unseen');
    expect(looks.every(({ what }) => what.length > 5)).toBe(true);
  });
});
