// The bundle for support: what somebody who helps from afar asks for, in one file, without a secret. The newest three
// are kept.

import { mkdir, readdir, rm, statfs, writeFile } from 'node:fs/promises';
import { availableParallelism, freemem, loadavg, release, totalmem, uptime } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { redactFields, redactText } from '../observe/redact.ts';

export interface BundleParts {
  readonly status: object;
  readonly metrics: string;
  readonly log: readonly object[];
  /** The mapping's files, by path. */
  readonly mapping: ReadonlyMap<string, string>;
  readonly certificates: readonly object[];
}

const MOST = 3;
const MAX_MAPPING = 2_000_000;

/** Writes the bundle into `folder`. Resolves with its file and size. */
export async function writeBundle(folder: string, parts: BundleParts): Promise<{ file: string; bytes: number }> {
  await mkdir(folder, { recursive: true });
  const disk = await statfs(folder);
  const bundle = {
    made: new Date().toISOString(),
    machine: {
      node: process.version,
      platform: `${process.platform} ${process.arch} ${release()}`,
      cores: availableParallelism(),
      load: loadavg(),
      memory: { total: totalmem(), free: freemem(), process: process.memoryUsage() },
      uptimeS: { machine: uptime(), process: process.uptime() },
      disk: { bytes: disk.blocks * disk.bsize, free: disk.bavail * disk.bsize },
      // Names alone: values may be secrets.
      environment: Object.keys(process.env).sort(),
    },
    status: parts.status,
    metrics: lines(parts.metrics),
    certificates: parts.certificates.map((entry) => redactFields({ ...entry })),
    mapping: Object.fromEntries(
      [...parts.mapping].map(([file, text]) => [file, yamlLines(text.slice(0, MAX_MAPPING))]),
    ),
    log: parts.log,
  };
  const packed = await promisify(gzip)(
    JSON.stringify(
      bundle,
      (_, value) =>
        typeof value === 'string' ? redactText(value) : value instanceof Map ? Object.fromEntries(value) : value,
      1,
    ),
  );
  const file = join(folder, `fieldgate-${new Date().toISOString().replace(/[:.]/g, '-')}.json.gz`);
  await writeFile(file, packed, { mode: 0o600 });
  const all = (await readdir(folder)).filter((name) => /^fieldgate-.*\.json\.gz$/.test(name)).sort();
  for (const old of all.slice(0, -MOST)) await rm(join(folder, old), { force: true });
  return { file, bytes: packed.length };
}

/** Line by line, so that no secret hides behind the length of a text. */
function lines(text: string): string[] {
  return text.split('\n').map(redactText);
}

/** A key of a secret whose value stands in the lines below it, further in: `password: >-`. */
const SECRET_BLOCK =
  /^(\s*(?:- +)?)["']?\w*(?:password|passwd|passphrase|secret|key|token)["']?\s*:\s*(?:[|>&!][^#]*)?(?:#.*)?$/i;

/** As `lines`; of a block that is a secret's value no line is left. */
function yamlLines(text: string): string[] {
  let below = Number.POSITIVE_INFINITY;
  return text.split('\n').map((line) => {
    const indent = line.search(/\S/);
    if (indent < 0) return line;
    if (indent > below) return `${' '.repeat(indent)}[redacted]`;
    const block = SECRET_BLOCK.exec(line);
    below = block === null ? Number.POSITIVE_INFINITY : block[1]!.length;
    return redactText(line);
  });
}
