// What a command writes, kept as text: an Io without a terminal.

import { Writable } from 'node:stream';
import type { Io } from '../../agent/src/cli/command.ts';

export interface Output extends Io {
  text(): string;
  errors(): string;
}

export function output(env: NodeJS.ProcessEnv = {}): Output {
  const [out, err] = [sink(), sink()];
  return { out: out.stream, err: err.stream, env, text: out.text, errors: err.text };
}

function sink() {
  let text = '';
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      text += chunk.toString('utf8');
      done();
    },
  });
  return { stream, text: () => text };
}
