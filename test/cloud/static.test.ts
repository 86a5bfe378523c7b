// What can be told of a module without any program: each check finds its planted violation in a module that is otherwise
// in order, and a README whose tables are old.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Target } from '../../cloud/terraform/testing/run/targets.ts';
import { typesOf } from '../../cloud/terraform/testing/schema/packages.ts';
import { inspectLayout } from '../../cloud/terraform/testing/static/layout.ts';
import { currentReadme } from '../../cloud/terraform/testing/static/readme.ts';
import { REMOVED_ARGUMENTS } from '../../cloud/terraform/testing/static/removed.ts';
import { readSource } from '../../cloud/terraform/testing/static/source.ts';
import { scratch } from '../support/scratch.ts';

const FILES: Readonly<Record<string, string>> = {
  'terraform.tf': `terraform {
  required_version = ">= 1.9, < 2.0"
  required_providers {
    azurerm = {
      source  = "hashicorp/azurerm"
      version = "~> 4.73"
    }
  }
}
`,
  'variables.tf': `variable "name" {
  type        = string
  description = "Name of the vault | one line\\nand another."
  validation {
    condition     = startswith(var.name, "kv-")
    error_message = "name must begin with kv-."
  }
}
variable "tags" {
  type        = map(string)
  description = "Tags."
  default     = {}
  nullable    = false
}
`,
  'outputs.tf': `output "name" {
  description = "Name of the vault."
  value       = var.name
}
`,
  'main.tf': `resource "azurerm_key_vault" "this" {
  name                       = var.name
  rbac_authorization_enabled = true
}
`,
  'tests/unit/kv.tftest.hcl': `run "a" {
  expect_failures = [var.name]
}
`,
  'examples/default/main.tf': 'module "kv" {\n  source = "../.."\n}\n',
  'README.md': '# Key vault\n\n<!-- BEGIN_TF_DOCS -->\n<!-- END_TF_DOCS -->\n',
};

async function findings(changes: Readonly<Record<string, string>> = {}): Promise<string[]> {
  const folder = scratch();
  const files = { ...FILES, ...changes };
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  if (changes['README.md'] === undefined) {
    writeFileSync(join(folder, 'README.md'), currentReadme(await readSource(folder)));
  }
  const target: Target = { kind: 'module', folder, name: 'modules/kv' };
  return inspectLayout(target);
}

const PLANTS: Readonly<Record<string, readonly [changes: Readonly<Record<string, string>>, found: RegExp]>> = {
  'a variable outside of its file': [
    { 'main.tf': 'variable "x" {\n  type = string\n  description = "X."\n}\n' },
    /main\.tf:1: a variable block belongs in variables/,
  ],
  'a resource among the outputs': [
    { 'outputs.tf': 'resource "azurerm_resource_group" "x" {}\n' },
    /outputs\.tf:1: holds a resource block/,
  ],
  'a variable without a description': [
    { 'variables.tf': `${FILES['variables.tf']}variable "x" {\n  type = string\n}\n` },
    /variables\.tf:15: variable "x" has no description/,
  ],
  'a variable without a type': [
    { 'variables.tf': `${FILES['variables.tf']}variable "x" {\n  description = "X."\n}\n` },
    /variable "x" has no type/,
  ],
  'a collection that may be null': [
    { 'variables.tf': FILES['variables.tf']!.replace('nullable    = false', '') },
    /variable "tags" is a collection/,
  ],
  'a validation that no test sees': [
    { 'tests/unit/kv.tftest.hcl': 'run "a" {}\n' },
    /no test sees variable "name" refuse/,
  ],
  'an output without a description': [
    { 'outputs.tf': 'output "name" {\n  value = 1\n}\n' },
    /output "name" has no description/,
  ],
  'a provider in a module': [
    { 'providers.tf': 'provider "azurerm" {\n  features {}\n}\n' },
    /a module has no provider block/,
  ],
  'a provider without a pin': [
    { 'terraform.tf': FILES['terraform.tf']!.replace('~> 4.73', '>= 4.0') },
    /azurerm must be pinned/,
  ],
  'a module from elsewhere': [
    { 'main.tf': 'module "x" {\n  source = "Azure/naming/azurerm"\n}\n' },
    /main\.tf:1: module "x" comes from Azure\/naming\/azurerm/,
  ],
  'an argument that 5.0 removes': [
    { 'main.tf': FILES['main.tf']!.replace('rbac_authorization_enabled', 'enable_rbac_authorization') },
    /main\.tf:1: azurerm_key_vault\.enable_rbac_authorization is gone in azurerm 5\.0: write rbac/,
  ],
  'one in a dynamic block': [
    {
      'main.tf':
        'resource "azurerm_monitor_diagnostic_setting" "x" {\n  dynamic "metric" {\n    for_each = []\n    content {}\n  }\n}\n',
    },
    /azurerm_monitor_diagnostic_setting\.metric is gone/,
  ],
  'a type that 5.0 removes': [{ 'main.tf': 'resource "azurerm_app_service" "x" {}\n' }, /azurerm_app_service is gone/],
  'another stack’s state': [{ 'main.tf': 'data "terraform_remote_state" "x" {}\n' }, /terraform_remote_state opens/],
  'a provisioner': [
    { 'main.tf': 'resource "azurerm_key_vault" "x" {\n  provisioner "local-exec" {\n    command = "true"\n  }\n}\n' },
    /a provisioner runs/,
  ],
  'a README with old tables': [{ 'README.md': FILES['README.md']! }, /README\.md:1: its tables are not current/],
  'a file that cannot be read': [{ 'main.tf': 'resource "a" {\n' }, /main\.tf:1,\d+-\d+/],
};

describe('the layout of a module', () => {
  it('has nothing found when it is in order', async () => {
    expect(await findings()).toEqual([]);
  });

  it.each(Object.keys(PLANTS))('%s is found', async (title) => {
    const [changes, expected] = PLANTS[title]!;
    const found = await findings(changes);
    expect(found.join('\n')).toMatch(expected);
  });
});

describe('the tables of a README', () => {
  it('are one row for each input and output, and leave the rest alone', async () => {
    const folder = scratch();
    for (const name of ['terraform.tf', 'variables.tf', 'outputs.tf', 'main.tf'])
      writeFileSync(join(folder, name), FILES[name]!);
    writeFileSync(join(folder, 'README.md'), '# Mine\n\n<!-- BEGIN_TF_DOCS -->\nold\n<!-- END_TF_DOCS -->\n\nBelow.\n');
    const readme = currentReadme(await readSource(folder));
    expect(readme).toContain('| name | `string` | **required** | Name of the vault \\| one line<br>and another. |');
    expect(readme).toContain('| tags | `map(string)` | `{}` | Tags. |');
    expect(readme).toContain('- `azurerm_key_vault`');
    expect(readme).toMatch(/^# Mine\n/);
    expect(readme).toMatch(/\n\nBelow\.\n$/);
    expect(readme).not.toContain('old');
    writeFileSync(join(folder, 'README.md'), readme);
    expect(currentReadme(await readSource(folder))).toBe(readFileSync(join(folder, 'README.md'), 'utf8'));
  });
});

describe('the list of removed arguments', () => {
  it('holds what azurerm 4.73 still takes: what it does not take, it refuses itself', () => {
    const { resources } = typesOf('azurerm', console.log);
    for (const [type, removed] of Object.entries(REMOVED_ARGUMENTS)) {
      const { attributes, blocks } = resources[type]!;
      const known = [...attributes, ...blocks].map(({ name }) => name);
      for (const argument of Object.keys(removed)) expect(known, `${type}.${argument}`).toContain(argument);
    }
  });
});
