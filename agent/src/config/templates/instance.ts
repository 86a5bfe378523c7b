// One use of a template, with its parameters, and where it stands: in a list of the YAML or in a row of a CSV file.
// A mistake in what comes out has two ends. Where the template leaves no choice it is the template's, told once for all
// instances; where a parameter went in, it is the instance's.

import type { Part, YamlFile } from '../document.ts';
import { shown } from '../issues.ts';
import type { Mistake, Path } from '../mistake.ts';
import { nearest } from '../nearest.ts';
import type { Origin } from '../origin.ts';
import { type Pattern, parametersOf, type Value } from './holes.ts';
import { holesAt, type Template, type TemplateTag } from './template.ts';

/** Where an instance is written; without a key, the instance as a whole. */
export type Place = (key: string | undefined, part: Part, message: string, suggestion?: string) => Mistake;

/** What is written for an instance: its keys, without `template`. */
export type Written = Readonly<Record<string, unknown>>;

export interface Instance {
  readonly template: Template;
  readonly values: ReadonlyMap<string, Value>;
  readonly place: Place;
}

/**
 * The values of a template's parameters; undefined when one is missing or wrong.
 * @param source how a value is written, for numbers that are meant as text
 */
export function valuesOf(
  template: Template,
  written: Written,
  place: Place,
  source: (key: string) => string | undefined,
  mistakes: Mistake[],
): ReadonlyMap<string, Value> | undefined {
  const before = mistakes.length;
  const values = new Map<string, Value>();
  for (const key of Object.keys(written)) {
    if (template.parameters.has(key)) continue;
    const suggestion = nearest(key, template.parameters.keys());
    mistakes.push(place(key, 'key', `template ${template.name} has no parameter "${key}"`, suggestion));
  }
  const missing: string[] = [];
  let sound = true;
  for (const [key, { type, default: fallback }] of template.parameters) {
    const given = Object.hasOwn(written, key) ? written[key] : undefined;
    if (given === undefined) {
      if (fallback === undefined) missing.push(key);
      else values.set(key, fallback);
    } else if (type === 'number' && typeof given !== 'number') {
      mistakes.push(place(key, 'value', `${key} is ${shown(given)}: template ${template.name} needs a number here`));
    } else if (typeof given === 'number' || typeof given === 'string') {
      values.set(key, type === 'text' && typeof given === 'number' ? (source(key) ?? String(given)) : given);
    } else {
      // The schema has said that it is neither.
      sound = false;
    }
  }
  if (missing.length > 0) {
    const message = `template ${template.name} needs ${missing.join(' and ')} here`;
    mistakes.push(place(undefined, 'value', message));
  }
  return sound && mistakes.length === before ? values : undefined;
}

/** Mistakes of templates that have been told, by place, and for how many tags. */
export type Faults = Map<string, { readonly mistake: Mistake; tags: number }>;

/** The origin of a tag that an instance made. */
export function ofInstance(
  yaml: YamlFile,
  faults: Faults,
  { template, place }: Instance,
  tag: TemplateTag,
  name: string,
): Origin {
  const at = (path: Path) => ['templates', template.name, 'tags', tag.key, ...path];
  /** At the parameter that fills the pattern's holes. */
  const atInstance = (pattern: Pattern, message: string, inTemplate: Path, suggestion?: string): Mistake => {
    const [parameter] = parametersOf(pattern);
    const { file, line, column } = yaml.mistake(inTemplate, 'value', '');
    const text = `${name} is made by template ${template.name} at`;
    return { ...place(parameter, 'value', message, suggestion), related: { text, file, line, column } };
  };
  return {
    name: (message) => atInstance(tag.name, message, at([])),
    mistake(path, part, message, suggestion) {
      // A key is the template's, whatever is filled into its value.
      const pattern = part === 'key' ? undefined : holesAt(tag, path);
      if (pattern !== undefined) return atInstance(pattern, message, at(path), suggestion);
      const key = JSON.stringify([...at(path), part]);
      const known = faults.get(key);
      if (known !== undefined) {
        known.tags++;
        return undefined;
      }
      const { file, line, column } = place(undefined, 'value', '');
      const text = `in ${name}, made at`;
      const mistake = { ...yaml.mistake(at(path), part, message, suggestion), related: { text, file, line, column } };
      faults.set(key, { mistake, tags: 1 });
      return mistake;
    },
  };
}

/** The mistakes, with the number of tags that each mistake of a template is repeated in. */
export function withCounts(mistakes: readonly Mistake[], faults: Faults): Mistake[] {
  const counts = new Map([...faults.values()].map(({ mistake, tags }) => [mistake, tags]));
  return mistakes.map((mistake) => {
    const more = (counts.get(mistake) ?? 1) - 1;
    if (more === 0 || mistake.related === undefined) return mistake;
    const text = mistake.related.text.replace(/, made at$/, () => ` and ${more} more, made at`);
    return { ...mistake, related: { ...mistake.related, text } };
  });
}
