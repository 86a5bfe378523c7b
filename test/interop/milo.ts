// Eclipse Milo, an OPC UA server in Java: built from milo/ into .cache/, once for each version of its sources. Where a JDK
// or Maven is missing the tests are skipped, and say so loudly; in CI (CI=true) they fail.

import { execFile } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const execute = promisify(execFile);
const SOURCES = join(import.meta.dirname, 'milo');
const CACHE = join(import.meta.dirname, '..', '..', '.cache');

/** The class path of the server, or `undefined` where it cannot be built. Takes about 20 s the first time. */
export async function buildMilo(): Promise<string | undefined> {
  const hash = createHash('sha256');
  const files = readdirSync(SOURCES).sort();
  for (const file of files) hash.update(readFileSync(join(SOURCES, file)));
  const folder = join(CACHE, `milo-${hash.digest('hex').slice(0, 12)}`);
  if (existsSync(folder)) return folder;
  // Made aside and renamed, because test files run at the same time and may both come here.
  const building = join(CACHE, `building-${randomUUID()}`);
  try {
    mkdirSync(building, { recursive: true });
    const copy = ['dependency:copy-dependencies', `-DoutputDirectory=${building}`];
    await execute('mvn', ['-q', '-B', '-f', join(SOURCES, 'pom.xml'), ...copy], { timeout: 180_000 });
    const sources = files.filter((file) => file.endsWith('.java')).map((file) => join(SOURCES, file));
    await execute('javac', ['-cp', `${building}/*`, '-d', building, ...sources], { timeout: 60_000 });
    if (!existsSync(folder)) renameSync(building, folder);
    return folder;
  } catch (error) {
    if (existsSync(folder)) return folder;
    const reason = 'no Eclipse Milo (a JDK 17 with javac, mvn and its central repository are needed)';
    if (process.env.CI === 'true') throw new Error(reason, { cause: error });
    process.stderr.write(`\nSKIPPED: ${reason}: ${error instanceof Error ? error.message : error}\n\n`);
    return undefined;
  } finally {
    rmSync(building, { recursive: true, force: true });
  }
}
