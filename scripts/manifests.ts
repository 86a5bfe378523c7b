// Writes the deployments of deploy/iot-edge/manifests, and asks our rules about any deployment.
//
//   npm run manifests                                     the committed ones, with the names of an example site
//   npm run manifests -- --out DIR --set registry=r.io    for a site: names as in build/variants.ts
//   npm run manifests -- --check FILE…                    what is wrong with deployments, ours or others

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { VERSION } from '../agent/src/version.ts';
import { findings } from '../deploy/iot-edge/build/rules.ts';
import { unit } from '../deploy/iot-edge/build/unit.ts';
import { EXAMPLE, type Site, variants } from '../deploy/iot-edge/build/variants.ts';

const HERE = fileURLToPath(new URL('../deploy/iot-edge/manifests', import.meta.url));

/** Every file with its text, by its path below the folder of manifests. */
export function files(site: Site): Map<string, string> {
  const made = new Map<string, string>();
  for (const { file, content } of variants(site)) made.set(file, `${JSON.stringify(content, null, 2)}\n`);
  const image = `${site.registry}/fieldgate:${site.version}`;
  const { data, config, secrets } = site;
  made.set('container/fieldgate.service', unit(image, { data, config, secrets }));
  return made;
}

export const exampleSite = (): Site => ({ ...EXAMPLE, version: VERSION });

function main(): number {
  const { values, positionals } = parseArgs({
    options: { out: { type: 'string' }, set: { type: 'string', multiple: true }, check: { type: 'boolean' } },
    allowPositionals: true,
  });
  if (values.check === true) return check(positionals);
  if (positionals.length > 0) return usage(`"${positionals[0]}" is not expected; did you mean --check?`);
  const site: Record<string, string> = { ...exampleSite() };
  for (const pair of values.set ?? []) {
    const [name = '', value] = pair.split(/=(.*)/s);
    if (!Object.hasOwn(site, name) || value === undefined)
      return usage(`--set ${pair}: write NAME=VALUE with one of ${Object.keys(site).join(', ')}`);
    site[name] = value;
  }
  const folder = values.out ?? HERE;
  for (const [file, text] of files(site as unknown as Site)) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), text);
    console.log(join(folder, file));
  }
  return 0;
}

function check(paths: readonly string[]): number {
  if (paths.length === 0) return usage('--check needs a file');
  let wrong = 0;
  for (const path of paths) {
    let document: unknown;
    try {
      document = JSON.parse(readFileSync(path, 'utf8'));
    } catch (error) {
      console.error(`${path}: ${error instanceof Error ? error.message : error}`);
      wrong++;
      continue;
    }
    const agent = (document as { modulesContent?: { $edgeAgent?: object } } | null)?.modulesContent?.$edgeAgent ?? {};
    const found = findings(document, 'properties.desired' in agent ? 'manifest' : 'layer');
    for (const { rule, at, what } of found) console.log(`${path}: ${at}: ${what} [${rule}]`);
    if (found.length === 0) console.log(`${path}: nothing found`);
    wrong += found.length;
  }
  return wrong === 0 ? 0 : 1;
}

function usage(problem: string): number {
  console.error(`manifests: ${problem}`);
  return 2;
}

if (import.meta.main) process.exitCode = main();
