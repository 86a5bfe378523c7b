// The image's health check: asks the running gateway for /healthz where FIELDGATE_HTTP says that it listens, and
// exits 0 when it answers well. It is started twice a minute, so it loads next to nothing.

import { get } from 'node:http';
import { httpAddress } from '../agent/src/observe/http-address.ts';

function end(code: number, why: string): never {
  console.log(why);
  process.exit(code);
}

const address = httpAddress(process.env.FIELDGATE_HTTP);
// whoever switches the page off has nothing to be told by it, and does not want a container that is never healthy
if (address === 'off') end(0, 'FIELDGATE_HTTP is off: nothing to ask');

// a server that listens everywhere is asked on the loopback
const everywhere: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' };
const host = everywhere[address.host] ?? address.host;

const request = get({ host, port: address.port, path: '/healthz', timeout: 4_000 }, (response) => {
  end(response.statusCode === 200 ? 0 : 1, `/healthz answers ${response.statusCode}`);
});
request.on('timeout', () => end(1, 'no answer within 4 s'));
request.on('error', (error) => end(1, error.message));
