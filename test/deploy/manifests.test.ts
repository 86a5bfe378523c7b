// The committed deployments are those that the builder makes, nothing is wrong with them, and each rule finds what it is
// there for.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createOptionsOf, settings } from '../../deploy/iot-edge/build/manifest.ts';
import { type Finding, findings } from '../../deploy/iot-edge/build/rules.ts';
import { variants } from '../../deploy/iot-edge/build/variants.ts';
import { exampleSite, files } from '../../scripts/manifests.ts';

const FOLDER = fileURLToPath(new URL('../../deploy/iot-edge/manifests', import.meta.url));
const all = variants(exampleSite());

describe('the committed deployments', () => {
  it('are current: npm run manifests', () => {
    const made = files(exampleSite());
    for (const [file, text] of made) expect(readFileSync(join(FOLDER, file), 'utf8'), file).toBe(text);
    const there = readdirSync(FOLDER, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    expect(there.length).toBe(made.size);
  });

  it.each(all.map((one) => [one.file, one] as const))('%s: nothing is wrong with it', (_, { content, kind }) => {
    expect(findings(content, kind)).toEqual([]);
  });

  it('run the gateway on a plain host with the same limits', () => {
    const unit = readFileSync(join(FOLDER, 'container/fieldgate.service'), 'utf8');
    for (const option of [
      '--user 10001:10001',
      '--read-only',
      '--cap-drop ALL',
      '--security-opt no-new-privileges:true',
      '--memory 1073741824 --memory-swap 1073741824',
      '--tmpfs /tmp:rw,noexec,nosuid,nodev,size=64m',
      '--publish 127.0.0.1:9600:9600',
      '--volume /etc/fieldgate:/config:ro',
    ]) {
      expect(unit).toContain(option);
    }
  });
});

describe('createOptions', () => {
  it('are cut into pieces of 512 characters at most and joined again, whatever is in them', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string({ unit: 'grapheme' }), fc.string({ maxLength: 2_000, unit: 'grapheme' }), {
          maxKeys: 8,
        }),
        (options) => {
          const { image, ...pieces } = settings('a:1', options);
          expect(image).toBe('a:1');
          for (const piece of Object.values(pieces)) expect(piece.length).toBeLessThanOrEqual(512);
          expect(createOptionsOf(pieces)).toEqual(JSON.parse(JSON.stringify(options)));
        },
      ),
    );
  });

  it('of more than a twin can hold are refused', () => {
    expect(() => settings('a:1', { a: 'x'.repeat(60_000) })).toThrow(RangeError);
  });
});

// biome-ignore lint/suspicious/noExplicitAny: a planted fault may be anywhere in a document
type Document = any;
const plain = () => structuredClone(all.find(({ file }) => file === 'single/plain.json')!.content) as Document;
const layer = () => structuredClone(all.find(({ file }) => file === 'layer-fieldgate.json')!.content) as Document;
const agent = (document: Document) => document.modulesContent.$edgeAgent['properties.desired'];
const hub = (document: Document) => document.modulesContent.$edgeHub['properties.desired'];
/** Changes the createOptions of the gateway. */
const options = (change: (options: Document) => void) => (document: Document) => {
  const { fieldgate } = agent(document).modules;
  const { image, ...pieces } = fieldgate.settings;
  const joined = createOptionsOf(pieces) as Document;
  change(joined);
  fieldgate.settings = settings(image, joined);
};

describe('each rule finds its planted fault', () => {
  it.each<[string, string, (document: Document) => void]>([
    ['shape', 'an unknown key', (d) => (agent(d).modules.fieldgate.restart = 'always')],
    ['shape', 'schema 1.0 of the hub, without priorities', (d) => (hub(d).schemaVersion = '1.0')],
    ['shape', 'no time to live at all', (d) => delete hub(d).storeAndForwardConfiguration.timeToLiveSecs],
    ['shape', 'a route that is none', (d) => (hub(d).routes.fieldgateLive.route = 'FROM /messages/*')],
    ['ttl', 'a time to live of nothing', (d) => (hub(d).storeAndForwardConfiguration.timeToLiveSecs = 0)],
    ['ttl', 'a route that keeps for a minute', (d) => (hub(d).routes.fieldgateLive.timeToLiveSecs = 60)],
    ['routes', 'no route for the backlog', (d) => delete hub(d).routes.fieldgateBackfill],
    ['routes', 'the backlog goes first', (d) => (hub(d).routes.fieldgateLive.priority = 7)],
    [
      'image',
      'a tag that moves',
      (d) => (agent(d).modules.fieldgate.settings.image = 'registry.example/fieldgate:latest'),
    ],
    ['image', 'no tag', (d) => (agent(d).modules.fieldgate.settings.image = 'registry.example:5000/fieldgate')],
    ['pieces', 'a piece too long', (d) => (agent(d).modules.fieldgate.settings.createOptions += 'x')],
    ['pieces', 'a piece is missing', (d) => delete agent(d).modules.fieldgate.settings.createOptions01],
    ['pieces', 'no JSON', (d) => (agent(d).systemModules.edgeHub.settings = { image: 'a:1', createOptions: '{' })],
    ['restart', 'a module that stays down', (d) => (agent(d).modules.fieldgate.restartPolicy = 'on-failure')],
    ['log', 'a log without bound', options((o) => delete o.HostConfig.LogConfig)],
    ['data', 'no data volume', options((o) => o.HostConfig.Binds.splice(0, 1))],
    ['data', 'a mapping that may be written', options((o) => (o.HostConfig.Binds[1] = '/etc/fieldgate:/config'))],
    ['stop', 'no time to send at the end', options((o) => (o.StopTimeout = 5))],
    ['hardening', 'root', options((o) => (o.User = '0:0'))],
    ['hardening', 'a user by name', options((o) => (o.User = 'node'))],
    ['hardening', 'a root that may be written', options((o) => (o.HostConfig.ReadonlyRootfs = false))],
    ['hardening', 'capabilities', options((o) => (o.HostConfig.CapDrop = ['NET_RAW']))],
    ['hardening', 'a capability given back', options((o) => (o.HostConfig.CapAdd = ['NET_ADMIN']))],
    ['hardening', 'privileges to be gained', options((o) => (o.HostConfig.SecurityOpt = []))],
    ['hardening', 'no seccomp', options((o) => o.HostConfig.SecurityOpt.push('seccomp=unconfined'))],
    ['hardening', 'any number of processes', options((o) => delete o.HostConfig.PidsLimit)],
    ['hardening', 'any amount of memory', options((o) => delete o.HostConfig.Memory)],
    ['hardening', 'swap', options((o) => (o.HostConfig.MemorySwap = -1))],
    ['hardening', 'programs in /tmp', options((o) => (o.HostConfig.Tmpfs = { '/tmp': 'rw' }))],
    ['hardening', "the host's network", options((o) => (o.HostConfig.NetworkMode = 'host'))],
    [
      'hardening',
      'metrics for everybody',
      options((o) => (o.HostConfig.PortBindings['9600/tcp'][0].HostIp = '0.0.0.0')),
    ],
    ['hardening', 'privileged', options((o) => (o.HostConfig.Privileged = true))],
    ['hardening', "the engine's socket", options((o) => o.HostConfig.Binds.push('/var/run/docker.sock:/x'))],
    ['store', "edgeHub's store in its container", (d) => delete agent(d).systemModules.edgeHub.env.storageFolder],
    ['upstream', 'two protocols', (d) => (agent(d).systemModules.edgeAgent.env.UpstreamProtocol.value = 'Mqtt')],
    [
      'upstream',
      'a proxy without WebSockets',
      (d) => (agent(d).systemModules.edgeHub.env.https_proxy = { value: 'http://p' }),
    ],
    [
      'twin',
      'a wish that the gateway refuses',
      (d) => (d.modulesContent.fieldgate['properties.desired'] = { loglevel: 'x' }),
    ],
    ['secret', 'a registry login', (d) => (agent(d).runtime.settings.registryCredentials = { r: { password: 'x' } })],
    ['secret', 'a signature', (d) => (agent(d).modules.fieldgate.env.URL = { value: 'https://x/y?sv=1&sig=abc' })],
  ])('%s: %s', (rule, _, plant) => {
    const document = plain();
    plant(document);
    expect(findings(document, 'manifest').map((found: Finding) => found.rule)).toContain(rule);
  });

  it('layer-path: a layer that would replace all modules', () => {
    const document = layer();
    const key = 'properties.desired.modules.fieldgate';
    document.modulesContent.$edgeAgent['properties.desired.modules'] = document.modulesContent.$edgeAgent[key];
    expect(findings(document, 'layer').map(({ rule }) => rule)).toContain('layer-path');
  });
});
