import { spawn } from 'node:child_process';
import { expect, test } from 'vitest';
import { openLog, readableLine } from '../../agent/src/observe/log.ts';
import { redactFields, redactText } from '../../agent/src/observe/redact.ts';

const CANARY = 'c4n4ry-5ecret+/=';

function lines(level?: string) {
  const written: string[] = [];
  return { log: openLog({ level, destination: { write: (line) => written.push(line) } }), written };
}

test('a line is one JSON object with level, time and text beside its fields', () => {
  const { log, written } = lines('debug');
  log('warn', 'source not reachable', { source: 'flare-plc', attempt: 3 });
  log('debug', 'no fields');
  expect(written.map((line) => line.endsWith('\n'))).toEqual([true, true]);
  const [first, second] = written.map((line) => JSON.parse(line));
  expect(first).toMatchObject({ level: 'warn', msg: 'source not reachable', source: 'flare-plc', attempt: 3 });
  expect(first.time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  expect(Object.keys(second)).toEqual(['level', 'time', 'msg']);
});

test('lines below the level are not written, and a level that is none is told and means info', () => {
  const quiet = lines('error');
  quiet.log('warn', 'unseen');
  expect(quiet.written).toEqual([]);
  const odd = lines('loud');
  odd.log('debug', 'unseen');
  odd.log('info', 'seen');
  expect(odd.written.map((line) => JSON.parse(line).msg)).toEqual([
    'FIELDGATE_LOG is not a level; the level is info',
    'seen',
  ]);
});

const leaks: Record<string, Record<string, unknown>> = {
  'a field named password': { password: CANARY },
  'a field within a field': { user: { name: 'fieldgate', password: CANARY, privateKey: CANARY } },
  'a map, a set and a list': { parts: new Map([['connectionString', CANARY]]), more: [{ sharedAccessKey: CANARY }] },
  'a connection string in a reason': { reason: `HostName=h;DeviceId=d;SharedAccessKey=${CANARY};x=1` },
  'a SAS token in an error': { error: new Error(`refused: SharedAccessSignature sr=h&sig=${CANARY}&se=1`) },
  'a URL with a password': { url: `mqtts://user:${CANARY.replaceAll('/', '_')}@broker:8883/x` },
  'JSON within a text': { body: `{"password":"${CANARY}","primaryKey": "${CANARY}"}` },
  'a PEM key': { pem: `-----BEGIN RSA PRIVATE KEY-----\n${CANARY}\n-----END RSA PRIVATE KEY-----` },
  'an authorization header': { authorization: CANARY, text: `Authorization: Bearer ${CANARY}` },
  'a secret far into a long text': { reason: `${'x'.repeat(1_990)} SharedAccessKey=${CANARY}` },
};
for (const [where, fields] of Object.entries(leaks)) {
  test(`no secret is written from ${where}`, () => {
    const { log, written } = lines();
    log(
      'error',
      `failed: ${Object.values(fields).find((value) => typeof value === 'string' && value !== CANARY) ?? ''}`,
      fields,
    );
    const readable = readableLine(new Date(), 'error', 'failed', fields);
    for (const text of [written.join(''), readable]) {
      expect(text).not.toContain('c4n4ry');
      expect(text).not.toContain('5ecret');
    }
  });
}

test('what is no secret stays: tag names that look like one, hosts, users, ids', () => {
  const fields = {
    '20KEYPHASOR1': 'BadNodeIdUnknown',
    '20TOKENS.PV': 1,
    url: 'mqtts://user@broker:8883',
    id: 'gw/20261122/1-20',
    reason: 'HostName=hub.azure-devices.net;DeviceId=gw',
  };
  expect(redactFields(fields)).toEqual(fields);
});

test('values that JSON cannot hold are written all the same', () => {
  const { log, written } = lines();
  const circular: Record<string, unknown> = { name: 'loop' };
  circular.self = circular;
  log('info', 'odd', {
    big: 2n ** 64n,
    nan: Number.NaN,
    circular,
    bytes: new Uint8Array(9),
    when: new Date(Number.NaN),
  });
  expect(JSON.parse(written[0]!)).toMatchObject({ big: '18446744073709551616', nan: 'NaN', bytes: '9 bytes' });
});

test('a text of megabytes becomes a line of bounded length', () => {
  const { log, written } = lines();
  log('info', 'y'.repeat(3_000_000), {
    reason: 'z'.repeat(3_000_000),
    list: Array.from({ length: 100_000 }, () => 'w'),
  });
  expect(written[0]!.length).toBeLessThan(10_000);
  expect(redactText('short')).toBe('short');
});

test('the line for a terminal is one line: time, level, text, key=value', () => {
  const time = new Date(2026, 10, 22, 9, 5, 1, 7);
  expect(readableLine(time, 'warn', 'source not reachable', { source: 'a', attempt: 3, reason: 'no route' })).toBe(
    '09:05:01.007 WARN  source not reachable  source=a attempt=3 reason="no route"\n',
  );
  expect(readableLine(time, 'info', 'plain')).toBe('09:05:01.007 INFO  plain\n');
});

test('a peer cannot begin a line or command the terminal', () => {
  const hostile = 'x\n09:00:00 ERROR forged \u001b[2J \u009b31m \u2028 \u202e end';
  const line = readableLine(new Date(), 'info', hostile, { reason: hostile, [hostile]: [hostile] });
  expect(line.slice(0, -1)).not.toMatch(/[\p{Cc}\p{Cf}\u2028\u2029]/u);
  expect(line.endsWith('\n')).toBe(true);
});

test('the default is stderr as JSON, stdout stays empty, and nothing is lost when the process exits at once', async () => {
  const module = new URL('../../agent/src/observe/log.ts', import.meta.url).href;
  const script = `import { openLog } from '${module}'; const log = openLog();
    for (let i = 0; i < 500; i++) log('info', 'line', { i }); log('debug', 'unseen'); process.exit(3);`;
  const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', script], {
    env: { ...process.env, FIELDGATE_LOG: 'info' },
  });
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk) => (out += chunk));
  child.stderr.on('data', (chunk) => (err += chunk));
  const code = await new Promise((resolve) => child.on('close', resolve));
  expect(code).toBe(3);
  expect(out).toBe('');
  const found = err
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line).i);
  expect(found).toEqual(Array.from({ length: 500 }, (_, i) => i));
});

test('a reader of stderr who never reads does not stall the process', async () => {
  const module = new URL('../../agent/src/observe/log.ts', import.meta.url).href;
  const script = `import { openLog } from '${module}'; const log = openLog();
    for (let i = 0; i < 5000; i++) log('info', 'x'.repeat(1000));
    setTimeout(() => process.stdout.write('alive'), 50);`;
  const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', script]);
  child.stderr.pause();
  const alive = await new Promise((resolve) => child.stdout.once('data', (chunk) => resolve(String(chunk))));
  expect(alive).toBe('alive');
  child.kill('SIGKILL');
  child.stderr.destroy();
});
