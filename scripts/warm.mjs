// Fills Node's compile cache for the image by running the demo for a while: what was compiled then need not be
// compiled on the device, which halves the time to start and saves memory. Runs in the image as it will be, without
// a shell. A demo that fails here (under emulation of another processor, say) costs the saving, not the image.

import { spawnSync } from 'node:child_process';

const { status, signal, stdout, stderr, error } = spawnSync('fieldgate', ['demo', '--for', '8s'], {
  env: { ...process.env, FIELDGATE_HTTP: '127.0.0.1:0' },
  encoding: 'utf8',
  timeout: 120_000,
});
console.log(stdout, stderr);
if (status !== 0) console.log(`no warm start: the demo ended with ${error?.message ?? signal ?? status}`);
