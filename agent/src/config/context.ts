// What the check of a whole mapping shares: what was found so far, and what tags there are.

import type { YamlFile } from './document.ts';
import type { Mistake } from './mistake.ts';
import type { Origin } from './origin.ts';
import type { Faults } from './templates/instance.ts';
import type { Template } from './templates/template.ts';
import type { TextFile } from './text.ts';

export interface Context {
  readonly yaml: YamlFile;
  readonly env: NodeJS.ProcessEnv;
  readonly today: Date;
  readonly mistakes: Mistake[];
  readonly warnings: Mistake[];
  /** Tags of all sources so far, and where each stands. */
  readonly names: Map<string, Origin>;
  /** Undefined for one with a mistake. */
  readonly templates: ReadonlyMap<string, Template | undefined>;
  /** Names of the templates that an instance names. */
  readonly usedTemplates: Set<string>;
  /** Mistakes of templates, which each instance would repeat. */
  readonly faults: Faults;
  /** Reads a CSV file that the mapping names, and remembers that it did. */
  readonly readTable: (path: string) => Promise<TextFile>;
  /** Reads a profile that the mapping names, and remembers that it did. */
  readonly readProfile: (path: string) => Promise<TextFile>;
  /** Learns every tag as it is written, with templates expanded; its value is what YAML gives. */
  readonly onTag?: ((source: string, name: string, value: unknown, from: TagPlace) => void) | undefined;
}

/** How a tag came into the mapping. */
export type TagPlace = 'yaml' | 'file' | 'template';
