// Every rule of the bench finds its own planted violation: when the provider is asked, and when the whole way is gone,
// through the program that reads the files and prints where the mistake is.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { openBench } from '../../cloud/terraform/testing/provider/bench.ts';
import { RULED_TYPES, rulesOf, validateResource } from '../../cloud/terraform/testing/rules/rules.ts';
import { run } from '../../cloud/terraform/testing/run/command.ts';
import { findProgram, type Program } from '../../cloud/terraform/testing/run/program.ts';
import { typesOf } from '../../cloud/terraform/testing/schema/packages.ts';
import type { Block } from '../../cloud/terraform/testing/schema/schema.ts';
import { scratch } from '../support/scratch.ts';
import { planted, written } from './plants.ts';

interface Plant {
  readonly title: string;
  readonly type: string;
  readonly block: Block;
  readonly config: Readonly<Record<string, unknown>>;
  /** The argument that the finding is to point at; '' for a relation, which points at one of several. */
  readonly argument: string;
}

const PER_FILE = 40;

let types: Readonly<Record<string, Block>>;
let program: Program;
let plants: readonly Plant[];

function collect(): Plant[] {
  return RULED_TYPES.flatMap((type) => {
    const block = types[type];
    if (block === undefined) throw new Error(`a rule for ${type}, which azurerm does not have`);
    const { fields = {}, relations = {} } = rulesOf(type, block);
    const found: Plant[] = [];
    const add = (title: string, path: string, values: Readonly<Record<string, unknown>>, argument: string) => {
      const config = planted(block, path, values);
      if (config === undefined) throw new Error(`${type}: a rule for ${path}, which the schema does not have`);
      found.push({ title: `${type}: ${title}`, type, block, config, argument });
    };
    for (const [path, checks] of Object.entries(fields)) {
      const argument = path.slice(path.lastIndexOf('.') + 1);
      const parent = path.slice(0, Math.max(0, path.lastIndexOf('.')));
      for (const wrong of [checks].flat().flatMap((check) => [...check.wrong])) {
        add(`${path} = ${JSON.stringify(wrong).slice(0, 60)}`, parent, { [argument]: wrong }, argument);
      }
    }
    for (const [path, list] of Object.entries(relations)) {
      for (const { wrong, names } of list) {
        // what the relation speaks of is absent, unless the example has it
        const absent = Object.fromEntries(names.map((name) => [name, null]));
        for (const values of wrong) add(`${path} ${JSON.stringify(values)}`, path, { ...absent, ...values }, '');
      }
    }
    return found;
  });
}

beforeAll(async () => {
  types = typesOf('azurerm', console.log).resources;
  program = await findProgram(console.log);
  plants = collect();
  // a machine without either program builds one first
}, 30 * 60_000);

describe('the rules', () => {
  it('speak of arguments that the provider has', () => {
    for (const type of RULED_TYPES) {
      const { fields = {}, relations = {} } = rulesOf(type, types[type]!);
      const paths = [
        ...Object.keys(fields),
        ...Object.entries(relations).flatMap(([path, list]) =>
          list.flatMap(({ names }) => names.map((name) => (path === '' ? name : `${path}.${name}`))),
        ),
      ];
      for (const path of paths) expect(settable(types[type]!, path), `${type}: ${path}`).toBe(true);
    }
  });

  it('each find their planted violation', () => {
    expect(plants.length).toBeGreaterThan(500);
    const missed = plants.filter(({ type, block, config, argument }) => {
      const found = validateResource(type, block, config);
      return !found.some(({ path, what }) => path.at(-1) === argument || what.startsWith(argument));
    });
    expect(missed.map(({ title }) => title)).toEqual([]);
  });

  it('let pass what is not known yet', () => {
    const unknown = Symbol('unknown');
    const block = types.azurerm_iothub_endpoint_eventhub!;
    const config = Object.fromEntries(
      block.attributes
        .filter(({ optional, computed, required }) => required || (optional && !computed))
        .map(({ name }) => [name, unknown]),
    );
    expect(validateResource('azurerm_iothub_endpoint_eventhub', block, config)).toEqual([]);
  });

  it('are printed with file and line, whichever program reads the files', async () => {
    // a rule that holds for many types goes the whole way once
    const [first] = [
      ...Map.groupBy(plants, ({ argument, title }) => (argument === '' ? title : title.replace(/^\w+: /, ''))),
    ].reduce(([chosen], [, same]) => [[...chosen, same[0]!]], [[] as Plant[]]);
    const folder = scratch();
    const bench = await openBench([], console.log, RULED_TYPES);
    const env = {
      ...process.env,
      TF_REATTACH_PROVIDERS: bench.reattach,
      TF_CLI_CONFIG_FILE: '',
      CHECKPOINT_DISABLE: '1',
    };
    const missed: string[] = [];
    let exact = 0;
    try {
      // the program's time grows faster than a file's length
      for (let from = 0; from < first.length; from += PER_FILE) {
        const some = first.slice(from, from + PER_FILE);
        const lines = [
          'terraform {',
          '  required_providers {',
          '    azurerm = { source = "hashicorp/azurerm" }',
          '  }',
          '}',
        ];
        const spans = some.map(({ type, block, config }, index) => {
          const start = lines.push(`resource "${type}" "p${index}" {`);
          lines.push(...written(block, config), '}');
          return [start, lines.length] as const;
        });
        writeFileSync(join(folder, 'main.tf'), `${lines.join('\n')}\n`);
        const { stdout, stderr } = await run(program.path, ['validate', '-json'], { cwd: folder, env, seconds: 120 });
        expect(stdout, stderr).not.toBe('');
        const { diagnostics } = JSON.parse(stdout) as { diagnostics: Diagnostic[] };
        some.forEach(({ title, argument }, index) => {
          const [start, end] = spans[index]!;
          const found = diagnostics.find(({ summary, range }) => {
            const line = range?.start.line ?? 0;
            return line >= start && line <= end && summary.includes(argument);
          });
          if (found === undefined) missed.push(title);
          else if (found.range!.start.line > start) exact += 1;
        });
      }
    } finally {
      bench.close();
    }
    console.log(
      `${first.length} planted violations: ${first.length - missed.length} found, ${exact} with the line of the argument`,
    );
    expect(missed).toEqual([]);
    // what is missing, or is in a set, has no line of its own: the resource's is given
    expect(exact / first.length).toBeGreaterThan(0.6);
  }, 300_000);
});

interface Diagnostic {
  readonly summary: string;
  readonly range?: { readonly start: { readonly line: number } };
}

function settable(block: Block, path: string): boolean {
  const [step, ...rest] = path.split('.');
  if (rest.length > 0) {
    const inner = block.blocks.find(({ name }) => name === step);
    const attribute = block.attributes.find(({ name }) => name === step);
    return inner === undefined ? Array.isArray(attribute?.type) : settable(inner.block, rest.join('.'));
  }
  const attribute = block.attributes.find(({ name }) => name === step);
  return attribute?.required === true || attribute?.optional === true || block.blocks.some(({ name }) => name === step);
}
