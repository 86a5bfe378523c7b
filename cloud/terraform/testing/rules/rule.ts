// A table of rules for resource types, and the walk that applies it to a configuration. What is null is left to the
// schema, what is unknown passes: a later run with known values finds it.

import type { Finding } from '../provider/server.ts';
import type { Check } from './check.ts';

type Config = Readonly<Record<string, unknown>>;

/** Judges arguments of one block together. */
export interface Relation {
  /** Undefined when all is well; `at` is the argument to point at, the block itself when it is empty. */
  judge(block: Config): { readonly at: string; readonly what: string; readonly mend: string } | undefined;
  /** Arguments of the block that break it. A value of ANY is taken from the schema by its type. */
  readonly wrong: readonly Config[];
  readonly names: readonly string[];
}

/** Stands for any value of the right type in an example. */
export const ANY = '<any>';

export interface RuleSet {
  /** Path within the resource → what its value must be: `sku.name`. */
  readonly fields?: Readonly<Record<string, Check | readonly Check[]>>;
  /** Path of a block, '' for the resource itself → what must hold in each such block. */
  readonly relations?: Readonly<Record<string, readonly Relation[]>>;
}

export interface TypeRules extends RuleSet {
  /** The page that says so. */
  readonly source: string;
}

export type Rules = Readonly<Record<string, RuleSet>>;

const isUnknown = (value: unknown) => typeof value === 'symbol';

/** Whether something was written: an empty list counts as nothing, as Terraform's SDK has it. */
function isSet(value: unknown): boolean {
  if (value === null || value === undefined) return false;
  return !(Array.isArray(value) && value.length === 0);
}

const list = (names: readonly string[]) => names.join(', ');

/** At most one of these. */
export function conflicts(...names: readonly string[]): Relation {
  return {
    judge: (block) => {
      const set = names.filter((name) => isSet(block[name]));
      if (set.length <= 1 || set.some((name) => isUnknown(block[name]))) return undefined;
      return { at: set[1]!, what: `${list(set)} exclude each other`, mend: `Keep one of them and remove the rest.` };
    },
    wrong: [Object.fromEntries(names.slice(0, 2).map((name) => [name, ANY]))],
    names,
  };
}

/** One of these and no more. */
export function exactlyOne(...names: readonly string[]): Relation {
  return {
    judge: (block) => {
      if (names.some((name) => isUnknown(block[name]))) return undefined;
      const set = names.filter((name) => isSet(block[name]));
      if (set.length === 1) return undefined;
      const what = set.length === 0 ? `one of ${list(names)} is missing` : `${list(set)} exclude each other`;
      return { at: set[1] ?? '', what, mend: `Write exactly one of ${list(names)}.` };
    },
    wrong: [{}, Object.fromEntries(names.slice(0, 2).map((name) => [name, ANY]))],
    names,
  };
}

export function atLeastOne(...names: readonly string[]): Relation {
  return {
    judge: (block) =>
      names.some((name) => isUnknown(block[name]) || isSet(block[name]))
        ? undefined
        : { at: '', what: `one of ${list(names)} is missing`, mend: `Write at least one of ${list(names)}.` },
    wrong: [{}],
    names,
  };
}

/** Whoever writes `name` must write the others too. */
export function requires(name: string, ...others: readonly string[]): Relation {
  return {
    judge: (block) => {
      if (!isSet(block[name])) return undefined;
      const missing = others.filter((other) => !isUnknown(block[other]) && !isSet(block[other]));
      if (missing.length === 0) return undefined;
      return { at: name, what: `${name} needs ${list(missing)}`, mend: `Add ${list(missing)}, or remove ${name}.` };
    },
    wrong: [{ [name]: ANY }],
    names: [name, ...others],
  };
}

/** When `name` has one of these values, the others must be written. */
export function requiresWhen(name: string, values: readonly unknown[], ...others: readonly string[]): Relation {
  return {
    judge: (block) => {
      if (!values.includes(block[name])) return undefined;
      const missing = others.filter((other) => !isUnknown(block[other]) && !isSet(block[other]));
      if (missing.length === 0) return undefined;
      const what = `${name} = ${JSON.stringify(block[name])} needs ${list(missing)}`;
      return { at: name, what, mend: `Add ${list(missing)}.` };
    },
    wrong: [{ [name]: values[0] }],
    names: [name, ...others],
  };
}

/** `name` has a meaning only when `other` has one of these values. */
export function onlyWhen(name: string, other: string, values: readonly unknown[]): Relation {
  return {
    judge: (block) => {
      if (!isSet(block[name]) || isUnknown(block[other]) || block[name] === false) return undefined;
      if (values.includes(block[other])) return undefined;
      const allowed = values.map((value) => JSON.stringify(value)).join(' or ');
      return { at: name, what: `${name} needs ${other} = ${allowed}`, mend: `Set ${other}, or remove ${name}.` };
    },
    wrong: [{ [name]: ANY }],
    names: [name, other],
  };
}

/** Every value at a path with the path it really has; blocks in sets have no index, and cannot be told apart. */
function* valuesAt(
  config: unknown,
  path: readonly string[],
  at: readonly (string | number)[] = [],
): Generator<readonly [readonly (string | number)[], unknown]> {
  const [step, ...rest] = path;
  if (step === undefined) {
    yield [at, config];
    return;
  }
  if (config === null || typeof config !== 'object') return;
  if (Array.isArray(config)) {
    for (const [index, item] of config.entries()) yield* valuesAt(item, path, [...at, index]);
  } else {
    yield* valuesAt((config as Config)[step], rest, [...at, step]);
  }
}

/** Blocks at a path, one by one; '' is the resource itself. */
function* blocksAt(config: unknown, path: string): Generator<readonly [readonly (string | number)[], Config]> {
  for (const [at, value] of valuesAt(config, path === '' ? [] : path.split('.'))) {
    const blocks = Array.isArray(value)
      ? value.map((item, index) => [[...at, index], item] as const)
      : [[at, value] as const];
    for (const [where, block] of blocks) {
      if (block !== null && typeof block === 'object') yield [where, block as Config];
    }
  }
}

/** All findings of one type's rules on one configuration. */
export function apply(rules: TypeRules, config: unknown): Finding[] {
  const found: Finding[] = [];
  for (const [path, given] of Object.entries(rules.fields ?? {})) {
    const label = path.slice(path.lastIndexOf('.') + 1);
    for (const [at, value] of valuesAt(config, path.split('.'))) {
      if (!isSet(value) || isUnknown(value)) continue;
      for (const check of [given].flat()) {
        const mend = check.judge(value);
        if (mend === undefined) continue;
        found.push({
          path: at,
          what: `${label} ${mend.split(/[;.] /)[0]}`,
          mend: `${label} ${mend}.\n${rules.source}`,
        });
        break;
      }
    }
  }
  for (const [path, relations] of Object.entries(rules.relations ?? {})) {
    for (const [at, block] of blocksAt(config, path)) {
      for (const relation of relations) {
        const broken = relation.judge(block);
        if (broken === undefined) continue;
        const where = broken.at === '' ? at : [...at, broken.at];
        found.push({ path: where, what: broken.what, mend: `${broken.mend}\n${rules.source}` });
      }
    }
  }
  return found;
}
