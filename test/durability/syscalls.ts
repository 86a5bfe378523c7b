// What a process did to its disk, as strace saw it: the writes, truncations, syncs, names made and removed, and the
// lines it printed, in their order. One thread only, so no call interleaves with another.

import { readFileSync } from 'node:fs';

export type Call =
  | { readonly kind: 'write'; readonly path: string; readonly offset: number; readonly data: Buffer }
  | { readonly kind: 'truncate'; readonly path: string; readonly size: number }
  | { readonly kind: 'sync'; readonly path: string; readonly ok: boolean }
  | { readonly kind: 'create'; readonly path: string }
  | { readonly kind: 'remove'; readonly path: string }
  | { readonly kind: 'rename' | 'link'; readonly path: string; readonly to: string }
  | { readonly kind: 'print'; readonly text: string };

/** strace and its arguments, to run a program under. The trace goes to `file`. */
export function recorder(file: string, inject: readonly string[] = []): string[] {
  const calls = 'pwrite64,write,ftruncate,fsync,fdatasync,openat,unlink,rename,link';
  return ['strace', '-y', '-xx', '-s', '1000000', '-o', file, '-e', `trace=${calls}`, ...inject];
}

/** The calls of a trace that concern files in `folder`, and what was printed. */
export function readTrace(file: string, folder: string): Call[] {
  const calls: Call[] = [];
  const bytes = readFileSync(file);
  for (let start = 0; start < bytes.length; ) {
    let end = bytes.indexOf(10, start);
    if (end < 0) end = bytes.length;
    const call = parse(bytes.toString('latin1', start, end));
    start = end + 1;
    if (call !== undefined && (call.kind === 'print' || call.path === folder || call.path.startsWith(`${folder}/`)))
      calls.push(call);
  }
  return calls;
}

const LINE = /^(\w+)\((.*)\) += (-?\d+)/s;
const ofHex = (text: string) => Buffer.from(text.replaceAll('\\x', ''), 'hex');
const pathOf = (text: string | undefined) => ofHex(text ?? '').toString();
const descriptor = (text: string) => pathOf(/^\d+<([^>]*)>/.exec(text)?.[1]);
const quoted = (text: string) => [...text.matchAll(/"([^"]*)"/g)].map((match) => match[1] as string);

function parse(line: string): Call | undefined {
  const [, name, args = '', result] = LINE.exec(line) ?? [];
  const failed = Number(result) < 0;
  switch (name) {
    case 'pwrite64': {
      if (failed) return undefined;
      const close = args.lastIndexOf('"');
      const [, , offset] = args.slice(close).split(', ');
      const data = ofHex(args.slice(args.indexOf('"') + 1, close)).subarray(0, Number(result));
      return { kind: 'write', path: descriptor(args), offset: Number(offset), data };
    }
    case 'write':
      return args.startsWith('1<') ? { kind: 'print', text: pathOf(quoted(args)[0]) } : undefined;
    case 'ftruncate':
      return failed ? undefined : { kind: 'truncate', path: descriptor(args), size: Number(args.split(', ').at(-1)) };
    case 'fsync':
    case 'fdatasync':
      return { kind: 'sync', path: descriptor(args), ok: !failed };
    case 'openat':
      return failed || !args.includes('O_CREAT') ? undefined : { kind: 'create', path: pathOf(quoted(args)[0]) };
    case 'unlink':
      return failed ? undefined : { kind: 'remove', path: pathOf(quoted(args)[0]) };
    case 'link':
    case 'rename': {
      const [path, to] = quoted(args);
      return failed ? undefined : { kind: name, path: pathOf(path), to: pathOf(to) };
    }
    default:
      return undefined;
  }
}
