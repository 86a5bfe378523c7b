// What one test run made, in the shape in which policies ask: resources by type, the module each lies in, the
// environment it is for.

import type { Instance, Result } from '../run/suite.ts';

export interface Resource extends Instance {
  /** Address of the module that holds it, with a dot at the end; '' for the root. */
  readonly module: string;
}

export interface Estate {
  /** `stacks/40-data, run "prod"`. */
  readonly title: string;
  readonly kind: 'stack' | 'example';
  readonly environment: string;
  readonly resources: readonly Resource[];
}

function moduleOf({ address, type, mode }: Instance): string {
  const own = address.lastIndexOf(`${mode === 'data' ? 'data.' : ''}${type}.`);
  return address.slice(0, Math.max(0, own));
}

/** The tag that says which environment a resource belongs to, by majority. */
function environmentOf(resources: readonly Resource[]): string {
  const counts = new Map<string, number>();
  for (const { values } of resources) {
    const environment = (values.tags as Readonly<Record<string, unknown>> | null | undefined)?.environment;
    if (typeof environment === 'string') counts.set(environment, (counts.get(environment) ?? 0) + 1);
  }
  return [...counts].sort((a, b) => b[1] - a[1])[0]?.[0] ?? '';
}

/** Every applied run of a stack or an example: a plan leaves out what an apply decides, so it is not judged. */
export function estatesOf(results: readonly Result[]): Estate[] {
  return results.flatMap(({ target, runs }) => {
    const { kind, name } = target;
    if (kind === 'module') return [];
    return runs
      .filter(({ applied, instances }) => applied && instances.length > 0)
      .map(({ name: run, instances }) => {
        const resources = instances
          .filter(({ mode }) => mode === 'managed')
          .map((instance) => ({ ...instance, module: moduleOf(instance) }));
        return { title: `${name}, run "${run}"`, kind, environment: environmentOf(resources), resources };
      });
  });
}

/** The value at a path; blocks that may be written once are lists of one. */
export function at(values: unknown, path: string): unknown {
  let value = values;
  for (const step of path.split('.')) {
    if (Array.isArray(value)) value = value[0];
    if (value === null || typeof value !== 'object') return undefined;
    value = (value as Readonly<Record<string, unknown>>)[step];
  }
  return value;
}

/** What azapi makes of an ARM type, whichever version of the interface it names. */
export function isArm(resource: Resource, armType: string): boolean {
  return resource.type === 'azapi_resource' && String(resource.values.type).split('@')[0] === armType;
}
