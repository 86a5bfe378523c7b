// A port whose packets are swallowed: a process that listens with the shortest queue, is stopped, and has its queue
// filled, so that the kernel drops what else comes, as a dead path does.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export interface DeafPort {
  readonly port: number;
  stop(): void;
}

const LISTENER = `const s = require('node:net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () =>
  console.log(s.address().port));`;

export async function deafPort(): Promise<DeafPort> {
  const child = spawn(process.execPath, ['-e', LISTENER], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const port = Number(line.toString());
  child.kill('SIGSTOP');
  const fillers: Socket[] = [];
  for (let heard = true; heard; ) {
    const filler = connect(port, '127.0.0.1').on('error', () => {});
    fillers.push(filler);
    heard = await Promise.race([
      once(filler, 'connect').then(() => true),
      new Promise<false>((resolve) => setTimeout(() => resolve(false), 500)),
    ]);
  }
  return {
    port,
    stop() {
      for (const filler of fillers) filler.destroy();
      child.kill('SIGKILL');
    },
  };
}
