// A module's files as data, read without Terraform: HashiCorp's parser as WebAssembly gives JSON.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

// its declarations would bring a browser's globals into every file of this repository
const require = createRequire(import.meta.url);
const { parse } = require('@cdktn/hcl2json') as { parse(name: string, text: string): Promise<object> };

type Body = Readonly<Record<string, unknown>>;
/** Blocks of one kind: by label, or by two labels; each a list of bodies. */
type Blocks = Readonly<Record<string, unknown>>;

export interface Source {
  /** Name, such as `main.tf`, → its text and its blocks by kind. */
  readonly files: ReadonlyMap<string, { readonly text: string; readonly blocks: Blocks }>;
  /** Texts of the tests in tests/unit. */
  readonly tests: string;
  readonly readme: string | undefined;
  /** What could not be read, with the parser's words. */
  readonly broken: readonly string[];
}

export async function readSource(folder: string): Promise<Source> {
  const files = new Map<string, { text: string; blocks: Blocks }>();
  const broken: string[] = [];
  for (const name of readdirSync(folder)
    .filter((file) => file.endsWith('.tf'))
    .sort()) {
    const text = readFileSync(join(folder, name), 'utf8');
    try {
      files.set(name, { text, blocks: (await parse(name, text)) as Blocks });
    } catch (error) {
      broken.push(error instanceof Error ? error.message : String(error));
    }
  }
  const unit = join(folder, 'tests', 'unit');
  const tests = existsSync(unit) ? readdirSync(unit).filter((file) => file.endsWith('.hcl')) : [];
  const readme = join(folder, 'README.md');
  return {
    files,
    tests: tests.map((file) => readFileSync(join(unit, file), 'utf8')).join('\n'),
    readme: existsSync(readme) ? readFileSync(readme, 'utf8') : undefined,
    broken,
  };
}

export interface Named {
  readonly file: string;
  readonly name: string;
  readonly body: Body;
}

const first = (value: unknown): Body => ((Array.isArray(value) ? value[0] : value) ?? {}) as Body;

/** Blocks with one label, such as variables and outputs, of all files, by name. */
export function blocksOf(source: Source, kind: string): Named[] {
  return [...source.files]
    .flatMap(([file, { blocks }]) =>
      Object.entries((blocks[kind] ?? {}) as Blocks).map(([name, value]) => ({ file, name, body: first(value) })),
    )
    .sort((a, b) => a.name.localeCompare(b.name));
}

export interface Typed extends Named {
  readonly type: string;
}

/** Blocks with two labels: resources and data sources. */
export function typedBlocksOf(source: Source, kind: 'resource' | 'data'): Typed[] {
  return blocksOf(source, kind).flatMap(({ file, name: type, body }) =>
    Object.entries(body).map(([name, value]) => ({ file, type, name, body: first(value) })),
  );
}

/** The line on which a block opens; 1 where it cannot be told. */
export function lineOf(source: Source, file: string, opening: RegExp): number {
  const lines = source.files.get(file)?.text.split('\n') ?? [];
  return Math.max(1, lines.findIndex((line) => opening.test(line)) + 1);
}

/** An expression as it was written: the parser wraps it in ${…}. */
export function expression(value: unknown): string {
  return typeof value === 'string' ? value.replace(/^\$\{([\s\S]*)\}$/, '$1') : JSON.stringify(value);
}
