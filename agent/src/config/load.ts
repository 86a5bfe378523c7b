// Loads a mapping: reads the YAML and its CSV files, checks everything, and fills in every default. Promises: never
// throws for what a file holds; a mapping is either clean as a whole or comes back as the list of all its mistakes.

import { hostname as hostnameOfMachine } from 'node:os';
import type { Context } from './context.ts';
import { readYaml } from './document.ts';
import { name as sourceName } from './fields.ts';
import { type Finding, findings, plainWords, shown } from './issues.ts';
import { type Mistake, type Path, sortMistakes } from './mistake.ts';
import type { Plant, ResolvedSource } from './plant.ts';
import { isFields } from './protocols/protocol.ts';
import { portsTwice } from './protocols/serial-ports.ts';
import { type Mapping, mappingFrame, mappingSchema } from './schema.ts';
import { readSource } from './source.ts';
import { misplaced, substitute } from './substitute.ts';
import { withCounts } from './templates/instance.ts';
import { readTemplates } from './templates/template.ts';
import { readText } from './text.ts';

export type Loaded = {
  readonly warnings: readonly Mistake[];
  /** Every file that was read, as it was read: the mapping first. */
  readonly files: readonly LoadedFile[];
} & ({ readonly mapping: Mapping; readonly plant: Plant } | { readonly mistakes: readonly Mistake[] });

export interface LoadedFile {
  readonly path: string;
  /** Undefined when it could not be read. */
  readonly text: string | undefined;
}

export interface LoadOptions {
  /** For `${NAME}` and IOTEDGE_DEVICEID. */
  readonly env?: NodeJS.ProcessEnv;
  readonly hostname?: string;
  /** The day on which waivers are judged. */
  readonly today?: Date;
  /** Learns every tag as it is written, with templates expanded. */
  readonly onTag?: Context['onTag'];
}

/** Loads and checks a mapping. `'mistakes' in loaded` tells the two outcomes apart. */
export async function loadMapping(file: string, options: LoadOptions = {}): Promise<Loaded> {
  const { env = process.env, hostname = hostnameOfMachine(), today = new Date() } = options;
  const files: LoadedFile[] = [];
  const readFile = async (path: string, kind: 'yaml' | 'table') => {
    const found = await readText(path, kind);
    files.push({ path, text: 'text' in found ? found.text : undefined });
    return found;
  };
  const read = await readFile(file, 'yaml');
  if ('problem' in read) {
    const { problem: message, line = 0 } = read;
    return { mistakes: [{ file, line, column: Math.min(line, 1), path: [], message }], warnings: [], files };
  }
  const yaml = readYaml(file, read.text);
  const mistakes = [...yaml.mistakes];
  const warnings = [...yaml.warnings];
  const addTo =
    (into: Mistake[]) =>
    ({ path, part, message, suggestion }: Finding) => {
      into.push(yaml.mistake(path, part, message, suggestion));
    };
  const templates = readTemplates(
    yaml,
    isFields(yaml.value) ? yaml.value.templates : undefined,
    addTo(mistakes),
    addTo(warnings),
  );
  const context: Context = {
    ...{ yaml, env, today, mistakes, warnings, templates, onTag: options.onTag },
    readTable: (path) => readFile(path, 'table'),
    readProfile: (path) => readFile(path, 'yaml'),
    names: new Map(),
    usedTemplates: new Set(),
    faults: new Map(),
  };
  // Of a file that is no YAML nothing else can be said; keys given twice, in contrast, leave the rest readable.
  const checked = yaml.value === undefined ? undefined : await check(context, yaml.value);
  if (isFields(yaml.value)) unusedTemplates(context);
  sortMistakes(warnings, file);
  if (checked === undefined || mistakes.length > 0) {
    return { mistakes: sortMistakes(withCounts(mistakes, context.faults), file), warnings, files };
  }
  const { mapping, sources } = checked;
  const gateway = mapping.gateway ?? gatewayName(env.IOTEDGE_DEVICEID || hostname);
  return { mapping, plant: { site: mapping.site, gateway, sources }, warnings, files };
}

function unusedTemplates({ yaml, templates, usedTemplates, warnings }: Context): void {
  for (const [name, template] of templates) {
    if (template === undefined || usedTemplates.has(name)) continue;
    warnings.push(yaml.mistake(['templates', name], 'key', `template ${name} is not used by any source`));
  }
}

interface Checked {
  readonly mapping: Mapping;
  readonly sources: readonly ResolvedSource[];
}

async function check(context: Context, value: unknown): Promise<Checked | undefined> {
  const { yaml, mistakes, env } = context;
  const add = ({ path, part, message, suggestion }: Finding) => {
    mistakes.push(yaml.mistake(path, part, message, suggestion));
  };
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    const message =
      value === null
        ? 'the mapping is empty: begin with version: 1'
        : `a mapping is keys and values, and this is ${shown(value)}`;
    add({ path: [], part: 'value', message });
    return undefined;
  }

  misplaced(value, [], takesVariables).forEach(add);
  const { sources, templates: _read, ...frame } = value as Record<string, unknown>;
  let unset = false;
  if (isFields(frame.hub) && typeof frame.hub.url === 'string') {
    const { text, finding } = substitute(frame.hub.url, ['hub', 'url'], env);
    frame.hub = { ...frame.hub, url: text };
    unset = finding !== undefined;
    if (finding !== undefined) add(finding);
  }
  const result = mappingFrame.safeParse(frame, { error: plainWords });
  if (!result.success) {
    for (const finding of findings(mappingSchema, frame, result.error.issues, 'the mapping')) {
      if (!(unset && finding.path.join('.') === 'hub.url')) add(finding);
    }
  }

  if (!isFields(sources) || Object.keys(sources).length === 0) {
    const wrong = mappingSchema.pick({ sources: true }).safeParse({ sources }, { error: plainWords });
    if (!wrong.success) findings(mappingSchema, { sources }, wrong.error.issues, 'the mapping').forEach(add);
    return undefined;
  }
  const read: ResolvedSource[] = [];
  for (const [name, source] of Object.entries(sources)) {
    const named = sourceName.safeParse(name);
    if (!named.success) {
      const message = `source name ${JSON.stringify(name)}: ${named.error.issues[0]!.message}`;
      add({ path: ['sources', name], part: 'key', message });
    }
    const one = await readSource(context, name, source);
    if (one !== undefined) read.push(one);
  }
  portsTwice(sources).forEach(add);
  if (!result.success || mistakes.length > 0) return undefined;
  const configs = Object.fromEntries(read.map(({ name, config }) => [name, config]));
  return { mapping: { ...result.data, sources: configs }, sources: read };
}

/** Where variables are filled in, and tags, where a "${" may be part of a node id. */
function takesVariables(path: Path): boolean {
  const [top, , key] = path;
  if (path.length === 2) return top === 'hub' && path[1] === 'url';
  return (
    path.length === 3 &&
    top === 'sources' &&
    (key === 'host' || key === 'endpoint' || key === 'endpoints' || key === 'tags')
  );
}

/** A host's or device's name as a gateway's name: what a topic or a message id cannot carry becomes "-". */
function gatewayName(given: string): string {
  const name = given.replace(/[^A-Za-z0-9._-]/g, '-').replace(/^[^A-Za-z0-9]+/, '');
  return name.slice(0, 128) || 'gateway';
}
