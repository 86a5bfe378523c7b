// The host's files: each is TOML or JSON that the runtime takes, and fits the deployments.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'smol-toml';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { EdgeAgentDesired } from '../../deploy/iot-edge/build/manifest.ts';
import { RUNTIME_IMAGES } from '../../deploy/iot-edge/build/runtime.ts';
import { variants } from '../../deploy/iot-edge/build/variants.ts';
import { exampleSite } from '../../scripts/manifests.ts';

const FOLDER = fileURLToPath(new URL('../../deploy/iot-edge/host', import.meta.url));

const uri = z.string().regex(/^(file:\/\/\/etc\/aziot\/|pkcs11:)\S+$/);
const renew = z.strictObject({ rotate_key: z.boolean(), threshold: z.string(), retry: z.string() });
const issued = z.strictObject({
  method: z.enum(['est', 'local_ca']),
  common_name: z.string(),
  auto_renew: renew.optional(),
});
const identity = { identity_cert: z.union([uri, issued]), identity_pk: uri };

/** The keys of Azure/iotedge edgelet/contrib/config/linux/template.toml that are used, and no other. */
const config = z.strictObject({
  hostname: z.string(),
  parent_hostname: z.string().optional(),
  trust_bundle_cert: uri,
  allow_elevated_docker_permissions: z.literal(false),
  provisioning: z.discriminatedUnion('source', [
    z.strictObject({
      source: z.literal('dps'),
      global_endpoint: z.url({ protocol: /^https$/ }),
      id_scope: z.string(),
      attestation: z.discriminatedUnion('method', [
        z.strictObject({ method: z.literal('x509'), registration_id: z.string(), ...identity }),
        z.strictObject({ method: z.literal('tpm'), registration_id: z.string() }),
      ]),
    }),
    z.strictObject({
      source: z.literal('manual'),
      iothub_hostname: z.string(),
      device_id: z.string(),
      authentication: z.strictObject({ method: z.literal('x509'), ...identity }),
    }),
  ]),
  cert_issuance: z
    .strictObject({
      est: z.strictObject({
        trusted_certs: z.array(uri),
        auth: z.strictObject({ bootstrap_identity_cert: uri, bootstrap_identity_pk: uri }),
        urls: z.strictObject({ default: z.url() }),
      }),
    })
    .optional(),
  edge_ca: z.union([z.strictObject({ cert: uri, pk: uri }), issued]),
  agent: z.strictObject({
    name: z.literal('edgeAgent'),
    type: z.literal('docker'),
    imagePullPolicy: z.literal('on-create'),
    config: z.strictObject({ image: z.string() }),
    env: z.strictObject({ UpstreamProtocol: z.string() }),
  }),
  moby_runtime: z.strictObject({ uri: z.string(), network: z.literal('azure-iot-edge') }),
});

const upstreamOf = (file: string): string => {
  const { content } = variants(exampleSite()).find((one) => one.file === file)!;
  const desired = content.modulesContent.$edgeAgent['properties.desired'] as EdgeAgentDesired;
  return desired.systemModules.edgeHub.env!.UpstreamProtocol!.value;
};

describe.each(readdirSync(FOLDER).filter((name) => name.endsWith('.toml')))('%s', (name) => {
  const found = config.parse(parse(readFileSync(join(FOLDER, name), 'utf8')));

  it('fits the deployment: the same agent, the same protocol', () => {
    expect(found.agent.config.image.split('/').at(-1)).toBe(RUNTIME_IMAGES.edgeAgent);
    const manifest = found.parent_hostname === undefined ? 'base.json' : 'single/nested-child.json';
    expect(found.agent.env.UpstreamProtocol).toBe(upstreamOf(manifest));
  });

  it('names one device', () => {
    const { provisioning } = found;
    const id = provisioning.source === 'dps' ? provisioning.attestation.registration_id : provisioning.device_id;
    expect(id).toBe(found.hostname);
  });

  it('says where what is issued comes from', () => {
    const text = JSON.stringify(found);
    expect(text.includes('"method":"est"')).toBe(found.cert_issuance !== undefined);
  });
});

it('daemon.json gives containers a name server, and their logs a bound', () => {
  const daemon = JSON.parse(readFileSync(join(FOLDER, 'daemon.json'), 'utf8'));
  expect(daemon.dns).toHaveLength(1);
  expect(daemon['log-opts']).toMatchObject({ 'max-size': '20m' });
});
