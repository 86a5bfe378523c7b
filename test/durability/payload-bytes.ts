// Where in a buffer file the payloads of its segments lie. The rest is what SQLite needs to find them: trees, rows,
// the schema, free pages.

import Sqlite from 'better-sqlite3';

const PAGE = 1024;
/** Of an overflow page; its first four bytes name the next one (https://www.sqlite.org/fileformat2.html#ovflpgs). */
const CHUNK = PAGE - 4;

/** 1 for every byte of the file `bytes`, which lies at `path`, that belongs to a payload. */
export function payloadBytes(path: string, bytes: Buffer): Uint8Array {
  const mask = new Uint8Array(bytes.length);
  const db = new Sqlite(path, { readonly: true });
  for (const payload of db.prepare('SELECT payload FROM segment').pluck().iterate() as Iterable<Buffer>) {
    const at = bytes.indexOf(payload.subarray(0, 48));
    const most = Math.min(payload.length, PAGE - (at % PAGE));
    let local = 0;
    while (local < most && bytes[at + local] === payload[local]) local++;
    mask.fill(1, at, at + local);
    for (let from = local; from < payload.length; from += CHUNK) {
      const chunk = payload.subarray(from, from + CHUNK);
      // So few bytes are found anywhere.
      if (chunk.length < 16) continue;
      for (let page = 0; page < bytes.length; page += PAGE) {
        if (bytes.compare(chunk, 0, chunk.length, page + 4, page + 4 + chunk.length) === 0)
          mask.fill(1, page + 4, page + 4 + chunk.length);
      }
    }
  }
  db.close();
  return mask;
}
