// What the Terraform code promises about itself: shared interface files are one text, the firewall's data fits what the
// stack does with it, and stacks are tested with the variables of every environment.

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { testCommands } from '../../cloud/terraform/testing/run/targets.ts';
import { scratch } from '../support/scratch.ts';

const root = join(import.meta.dirname, '../..');
const modules = join(root, 'cloud/terraform/modules');

describe('interface files', () => {
  it.each([
    ['variables.interfaces.tf', 9],
    ['variables.private-endpoints.tf', 7],
  ])('%s is the same text in every module that has it', (name, least) => {
    const texts = readdirSync(modules, { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith(name))
      .map((path) => readFileSync(join(modules, path), 'utf8'));
    expect(texts.length).toBeGreaterThanOrEqual(least);
    expect(new Set(texts).size).toBe(1);
  });
});

describe('deploy/iot-edge/egress.json', () => {
  const egress = JSON.parse(readFileSync(join(root, 'deploy/iot-edge/egress.json'), 'utf8')) as {
    profiles: Record<string, string>;
    rules: { name: string; profile: string; protocol: string; port: number; fqdns: string[]; why: string }[];
  };

  it('has rules of known profiles and protocols, each with its reason and a name of its own', () => {
    expect(new Set(egress.rules.map(({ name }) => name)).size).toBe(egress.rules.length);
    for (const { name, profile, protocol, port, fqdns, why } of egress.rules) {
      expect(Object.keys(egress.profiles), name).toContain(profile);
      expect(['https', 'http', 'tcp'], name).toContain(protocol);
      expect(port, name).toBeGreaterThan(0);
      expect(fqdns.length, name).toBeGreaterThan(0);
      expect(why.length, name).toBeGreaterThan(10);
    }
  });

  it('uses wildcards by name only, and no placeholder that the stack does not fill', () => {
    for (const { name, protocol, fqdns } of egress.rules) {
      for (const fqdn of fqdns) {
        if (protocol === 'tcp') expect(fqdn, name).not.toContain('*');
        expect(fqdn.replace(/\{(iotHub|dps|registry|region)\}/g, 'x'), name).toMatch(/^(\*\.)?[a-z0-9.-]+$/);
      }
    }
  });

  it('lets the transports of the gateway and of edgeHub through: MQTT, AMQP and HTTPS', () => {
    const toHub = egress.rules.filter(({ fqdns }) => fqdns.some((name) => name.startsWith('{iotHub}.')));
    expect(toHub.map(({ port }) => port).sort((a, b) => a - b)).toEqual([443, 5671, 8883]);
  });
});

describe('the tests of a stack', () => {
  const folder = scratch();
  const stack = (name: string, envs: readonly string[], tests: readonly string[]) => {
    const path = join(folder, name);
    mkdirSync(join(path, 'tests/unit'), { recursive: true });
    mkdirSync(join(path, 'envs'), { recursive: true });
    for (const env of envs) writeFileSync(join(path, 'envs', `${env}.tfvars`), '');
    for (const test of tests) writeFileSync(join(path, 'tests/unit', `${test}.tftest.hcl`), '');
    return path;
  };

  it('run with the variables of their environment, the others with the first', () => {
    expect(testCommands(stack('data', ['preprod', 'prod'], ['preprod', 'prod', 'shared']))).toEqual([
      [
        '-filter=tests/unit/preprod.tftest.hcl',
        '-filter=tests/unit/shared.tftest.hcl',
        '-var-file=envs/preprod.tfvars',
      ],
      ['-filter=tests/unit/prod.tftest.hcl', '-var-file=envs/prod.tfvars'],
    ]);
  });

  it('run for an environment without tests of its own too', () => {
    expect(testCommands(stack('sandbox', ['a', 'b'], ['shared']))).toEqual([
      ['-filter=tests/unit/shared.tftest.hcl', '-var-file=envs/a.tfvars'],
      ['-filter=tests/unit/shared.tftest.hcl', '-var-file=envs/b.tfvars'],
    ]);
  });

  it('run once where there are no environments', () => {
    expect(testCommands(stack('module', [], ['unit']))).toEqual([[]]);
  });
});
