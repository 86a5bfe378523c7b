// The bill of materials of the production image, in CycloneDX 1.6, and what the licences in it are: every package that the
// Dockerfile installs, Node, and the SQLite inside better-sqlite3. Made from the lock file alone, so that a commit gives
// the same bill everywhere; it has no time in it and no registry's address.
//
//   npm run sbom                          writes sbom/fieldgate.cdx.json and sbom/licences.txt
//   npm run sbom -- --out DIR             elsewhere
//
// Exits with 1, and writes both all the same, when a package has no licence, or one that is not in the list below.
//
// `npm sbom --omit dev` is not used: it leaves out what development needs as well (npm 11.19: 128 packages of 397, zod
// and yaml among them).

import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import Sqlite from 'better-sqlite3';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** Licences that ask for no more than to be passed on; MPL-2.0 for files that we do not change. */
const ALLOWED = new Set([
  'MIT',
  'MIT-0',
  'ISC',
  '0BSD',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'Apache-2.0',
  'BlueOak-1.0.0',
  'CC0-1.0',
  'Unlicense',
  'MPL-2.0',
]);

/** Packages whose package.json names no licence, or one in another way: which it is, and where that stands. */
export const WAIVERS: Readonly<
  Record<string, { readonly version: string; readonly licence: string; readonly why: string }>
> = {
  dequeue: { version: '1.0.5', licence: 'BSD-2-Clause', why: 'its LICENSE is the text of BSD-2-Clause' },
  machina: { version: '4.0.2', licence: 'MIT', why: 'its package.json offers MIT or GPL-2.0, its LICENSE is MIT' },
  precond: { version: '0.2.3', licence: 'MIT', why: 'its README names MIT' },
};

/** An entry of the lock file; nothing else of it is used. */
export interface Locked {
  readonly version?: string;
  readonly integrity?: string;
  readonly license?: string;
  readonly dev?: boolean;
  readonly optional?: boolean;
  readonly devOptional?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

export type Lock = Readonly<Record<string, Locked>>;

export interface Component {
  readonly name: string;
  readonly version: string;
  readonly licence: string;
  /** Why the licence is not the one of its package.json. */
  readonly why?: string;
  readonly sha512?: string;
  /** `name@version` of what it asks for. */
  readonly needs: readonly string[];
}

const refOf = ({ name, version }: Pick<Component, 'name' | 'version'>) => `${name}@${version}`;

/** What `npm ci --omit=dev --omit=optional` installs, each name and version once, by name. */
export function installed(lock: Lock, waivers = WAIVERS): Component[] {
  const found = new Map<string, Component>();
  for (const [path, entry] of Object.entries(lock)) {
    if (path === '' || isLeftOut(entry)) continue;
    const name = nameOf(path);
    const { version = '', integrity } = entry;
    const waiver = waivers[name]?.version === version ? waivers[name] : undefined;
    const component: Component = {
      name,
      version,
      licence: waiver?.licence ?? entry.license ?? '',
      ...(waiver && { why: waiver.why }),
      ...(integrity?.startsWith('sha512-') && {
        sha512: Buffer.from(integrity.slice('sha512-'.length), 'base64').toString('hex'),
      }),
      needs: needsOf(lock, path, entry),
    };
    found.set(refOf(component), component);
  }
  return [...found.values()].sort((a, b) => (refOf(a) < refOf(b) ? -1 : 1));
}

const isLeftOut = ({ dev, optional, devOptional }: Locked) => dev || optional || devOptional;

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
}

/** What an entry asks for and gets, found as Node finds packages: in the nearest node_modules upwards. */
function needsOf(lock: Lock, path: string, entry: Locked): string[] {
  const wanted = Object.keys({ ...entry.dependencies, ...entry.peerDependencies });
  const needs = wanted.flatMap((name) => {
    const place = foldersAbove(path).find((folder) => lock[`${folder}node_modules/${name}`] !== undefined);
    const there = place === undefined ? undefined : lock[`${place}node_modules/${name}`];
    return there === undefined || isLeftOut(there) ? [] : [`${name}@${there.version}`];
  });
  return [...new Set(needs)].sort();
}

/** `node_modules/a/node_modules/b` → itself, `node_modules/a/`, and the top. */
function foldersAbove(path: string): string[] {
  const parts = path === '' ? [] : path.split(/\/(?=node_modules\/)/);
  return [...parts.map((_, i) => `${parts.slice(0, parts.length - i).join('/')}/`), ''];
}

/** What is wrong with the licences, in words. A waiver that nobody needs is wrong, too. */
export function objections(components: readonly Component[], waivers = WAIVERS): string[] {
  const wrong = components.flatMap((component) => {
    const { licence } = component;
    if (licence === '')
      return [
        `${refOf(component)}: its package.json names no licence; read it, and write a waiver with where it stands`,
      ];
    return allowed(licence) ? [] : [`${refOf(component)}: ${licence} is not in the list of scripts/sbom.ts`];
  });
  const waived = new Set(components.filter(({ why }) => why !== undefined).map(({ name }) => name));
  const idle = Object.entries(waivers)
    .filter(([name]) => !waived.has(name))
    .map(([name, { version }]) => `${name}@${version}: a waiver for a package or version that is not there any more`);
  return [...wrong, ...idle];
}

/** An SPDX expression: of OR one may be chosen, of AND all count. WITH and nested expressions are for a person. */
function allowed(licence: string): boolean {
  const bare = licence.replace(/^\((.*)\)$/, '$1');
  if (bare.includes('(')) return false;
  return bare.split(' OR ').some((choice) => choice.split(' AND ').every((one) => ALLOWED.has(one.trim())));
}

/** What is in the image besides packages: the program, and the library that readings pass through. */
export interface Platform {
  readonly node: string;
  readonly sqlite: string;
}

export interface Own {
  readonly name: string;
  readonly version: string;
  /** Packages that are asked for, without development's and optional ones. */
  readonly dependencies: Readonly<Record<string, string>>;
}

/** The bill in CycloneDX 1.6. Its serial number follows from its content. */
export function bill(own: Own, parts: readonly Component[], platform: Platform): object {
  const needs = Object.entries(own.dependencies).map(([name, version]) => refOf({ name, version }));
  const platforms = platformsOf(platform);
  const content = {
    metadata: {
      component: { type: 'application', 'bom-ref': refOf(own), ...named(own), purl: purlOf(own) },
    },
    components: [...platforms, ...parts.map(componentOf)],
    dependencies: [
      { ref: refOf(own), dependsOn: [...needs, `node@${platform.node}`].sort() },
      ...platforms.map((each) => ({ ref: each['bom-ref'], dependsOn: [] })),
      ...parts.map((part) => ({
        ref: refOf(part),
        dependsOn: [...part.needs, ...(part.name === 'better-sqlite3' ? [`sqlite@${platform.sqlite}`] : [])],
      })),
    ],
  };
  const digest = createHash('sha256').update(JSON.stringify(content)).digest('hex');
  const serial = `${digest.slice(0, 8)}-${digest.slice(8, 12)}-5${digest.slice(13, 16)}-a${digest.slice(17, 20)}-${digest.slice(20, 32)}`;
  return {
    $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    serialNumber: `urn:uuid:${serial}`,
    version: 1,
    ...content,
  };
}

/** Licences of SQLite (public domain, with a blessing) and Node are theirs to say, not a package.json's. */
function platformsOf({ node, sqlite }: Platform) {
  return [
    {
      type: 'platform',
      'bom-ref': `node@${node}`,
      name: 'node',
      version: node,
      licenses: [{ license: { id: 'MIT' } }],
      cpe: `cpe:2.3:a:nodejs:node.js:${node}:*:*:*:*:*:*:*`,
      purl: `pkg:generic/node@${node}`,
    },
    {
      type: 'library',
      'bom-ref': `sqlite@${sqlite}`,
      name: 'sqlite',
      version: sqlite,
      licenses: [{ license: { id: 'blessing' } }],
      cpe: `cpe:2.3:a:sqlite:sqlite:${sqlite}:*:*:*:*:*:*:*`,
      purl: `pkg:generic/sqlite@${sqlite}`,
    },
  ];
}

function componentOf(part: Component) {
  const { licence, why, sha512 } = part;
  return {
    type: 'library',
    'bom-ref': refOf(part),
    ...named(part),
    ...(sha512 !== undefined && { hashes: [{ alg: 'SHA-512', content: sha512 }] }),
    licenses: [/ (OR|AND|WITH) /.test(licence) ? { expression: licence } : { license: licenceOf(licence) }],
    purl: purlOf(part),
    ...(why !== undefined && { properties: [{ name: 'fieldgate:licence', value: why }] }),
  };
}

const licenceOf = (licence: string) => (licence === '' ? { name: 'unknown' } : { id: licence });

/** `@azure/core-util` is the name core-util in the group @azure. */
function named({ name, version }: { readonly name: string; readonly version: string }) {
  const [group, inGroup] = name.split('/');
  return inGroup === undefined ? { name, version } : { group, name: inGroup, version };
}

const purlOf = ({ name, version }: { readonly name: string; readonly version: string }) =>
  `pkg:npm/${name.replace(/^@/, '%40')}@${version}`;

/** For people: how many packages have which licence, and every package with its own. */
export function licenceList(parts: readonly Component[]): string {
  const counts = new Map<string, number>();
  for (const { licence } of parts) counts.set(licence, (counts.get(licence) ?? 0) + 1);
  const summary = [...counts]
    .sort((a, b) => b[1] - a[1])
    .map(([licence, count]) => `${String(count).padStart(5)}  ${licence}`);
  const list = parts.map((part) => `${refOf(part)}  ${part.licence}${part.why === undefined ? '' : `  (${part.why})`}`);
  return `${[...summary, '', ...list].join('\n')}\n`;
}

function main(): number {
  const { values } = parseArgs({ options: { out: { type: 'string', default: join(ROOT, 'sbom') } } });
  const own = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Own;
  const lock = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as { packages: Lock };
  const { name, version, dependencies } = own;
  const parts = installed(lock.packages);
  const platform = { node: process.versions.node, sqlite: sqliteVersion() };
  mkdirSync(values.out, { recursive: true });
  const file = join(values.out, 'fieldgate.cdx.json');
  writeFileSync(file, `${JSON.stringify(bill({ name, version, dependencies }, parts, platform), null, 2)}\n`);
  writeFileSync(join(values.out, 'licences.txt'), licenceList(parts));
  console.log(
    `${parts.length} packages, Node ${platform.node}, SQLite ${platform.sqlite}: ${relative(process.cwd(), file)}, licences.txt beside it`,
  );
  const wrong = objections(parts);
  for (const each of wrong) console.error(each);
  return wrong.length === 0 ? 0 : 1;
}

/** Of the library that the buffer uses; Node's own SQLite is never loaded. */
function sqliteVersion(): string {
  const db = new Sqlite(':memory:');
  try {
    return String(db.prepare('SELECT sqlite_version()').pluck().get());
  } finally {
    db.close();
  }
}

if (import.meta.main) process.exitCode = main();
