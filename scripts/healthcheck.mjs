// The image's health check: asks the running gateway for /healthz where FIELDGATE_HTTP says that it listens, and
// exits 0 when it answers well. Plain JavaScript with one import, because it is started twice a minute.

import { get } from 'node:http';

const { hostname, port } = new URL(`http://${process.env.FIELDGATE_HTTP ?? '127.0.0.1:9600'}`);
// a server that listens everywhere is asked on the loopback
const host = hostname === '0.0.0.0' || hostname === '[::]' ? '127.0.0.1' : hostname.replace(/^\[|\]$/g, '');

const request = get({ host, port, path: '/healthz', timeout: 4_000 }, (response) => {
  process.exit(response.statusCode === 200 ? 0 : 1);
});
request.on('timeout', () => request.destroy(new Error('no answer within 4 s')));
request.on('error', (error) => {
  console.error(error.message);
  process.exit(1);
});
