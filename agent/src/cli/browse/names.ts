// Tag names for variables: the variable's own name where no other has it, else with as much of its path before it as
// tells it from the others. Plants name a thousand variables PV.

interface Named {
  readonly name: string;
  readonly path: string;
  readonly node: string;
}

/** Longest name that a mapping takes. */
const LONGEST = 256;

/** A name for each, all different, none of those taken. */
export function names(found: readonly Named[], taken: readonly string[]): string[] {
  const used = new Set(taken);
  const result: string[] = Array(found.length);
  let open = found.map((one, at) => ({ at, steps: steps(one) }));
  const deepest = open.reduce((most, { steps }) => Math.max(most, steps.length), 1);
  for (let depth = 1; depth <= deepest && open.length > 0; depth++) {
    const byName = Map.groupBy(open, ({ steps }) => fitting(steps.slice(-depth).join('.')));
    open = [];
    for (const [name, group] of byName) {
      if (group.length > 1 || used.has(name) || name === '') open.push(...group);
      else {
        used.add(name);
        result[group[0]!.at] = name;
      }
    }
  }
  // The same path twice: only the node id is left.
  for (const { at } of open) {
    const base = fitting(found[at]!.node.slice(-LONGEST + 8)) || 'tag';
    let name = base;
    for (let i = 2; used.has(name); i++) name = `${base} ${i}`;
    used.add(name);
    result[at] = name;
  }
  return result;
}

/**
 * As a mapping takes it: no control characters, no blanks at the ends, not the name of a source's events; empty when
 * it takes none of that name.
 */
const fitting = (name: string): string =>
  name
    .toWellFormed()
    .replace(/^__proto__$/, '')
    .replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, '_')
    .replace(/:events$/, '_events')
    .slice(-LONGEST)
    .toWellFormed()
    .trim();

/** The names along a path, the variable's own last; without the folder that everything lies in. */
function steps({ path, name }: Named): string[] {
  const all = (path.match(/\/(?:&.|[^/&])+/gs) ?? []).map((step) => step.slice(1).replace(/&(.)/gs, '$1'));
  const own = all.length > 0 ? all : [name];
  return own[0] === 'Objects' && own.length > 1 ? own.slice(1) : own;
}
