// edgeHub as a hub, against the local hub: the contract, and every fault of the field.

import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { ModuleClient } from 'azure-iot-device';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Hub } from '../../../agent/src/delivery/hubs/hub.ts';
import { type IotEdgeOptions, iotEdgeHub } from '../../../agent/src/delivery/hubs/iot-edge.ts';
import { type LocalHub, startHub } from '../../../sim/hub/hub.ts';
import { scratch } from '../../support/scratch.ts';
import { until } from '../../support/until.ts';
import { faultOf, hubSuite, message } from './suite.ts';

const folder = scratch();
const forever = () => new AbortController().signal;
const VARIABLES = [
  'IOTEDGE_WORKLOADURI',
  'IOTEDGE_DEVICEID',
  'IOTEDGE_MODULEID',
  'IOTEDGE_IOTHUBHOSTNAME',
  'IOTEDGE_AUTHSCHEME',
  'IOTEDGE_MODULEGENERATIONID',
  'IOTEDGE_GATEWAYHOSTNAME',
  'EdgeHubConnectionString',
  'EdgeModuleCACertificateFile',
];

/** Makes the process a module of `environment`: the SDK knows no other way to be told. */
function inhabit(environment: Readonly<Record<string, string>>): void {
  for (const name of VARIABLES) delete process.env[name];
  Object.assign(process.env, environment);
}

for (const [way, transport] of [
  ['environment', 'mqtt'],
  ['environment', 'amqp'],
  ['environment', 'amqp-ws'],
  ['developmentEnvironment', 'mqtt'],
  ['developmentEnvironment', 'amqp'],
] as const) {
  hubSuite(
    `iot-edge by ${way} over ${transport}`,
    async () => {
      const local = await startHub({ folder });
      inhabit(local[way]);
      return {
        hub: (deadlines) => iotEdgeHub({ ...deadlines, transport })(),
        received: () => local.messages.map(({ body }) => body.toString()),
        connections: () => local.connections,
        die: () => local.faults.down(),
        revive: async () => {
          local.faults.resume();
          await local.faults.up();
        },
        silence: () => local.faults.silence(),
        resume: () => local.faults.resume(),
        close: () => local.close(),
      };
    },
    { answersConnect: true, noticesDeath: true },
  );
}

describe.each(['mqtt', 'amqp'] as const)('iot-edge over %s and the faults of the field', (transport) => {
  let local: LocalHub;
  let hubs: Hub[];

  beforeEach(async () => {
    local = await startHub({ folder });
    inhabit(local.environment);
    hubs = [];
  });

  afterEach(async () => {
    await Promise.all(hubs.map((hub) => hub.close()));
    await local.close();
  });

  const make = (options?: IotEdgeOptions) => {
    const hub = iotEdgeHub({ transport, ...options })();
    hubs.push(hub);
    return hub;
  };
  const connected = async (options?: IotEdgeOptions) => {
    const hub = make(options);
    await hub.connect(forever());
    return hub;
  };

  test('a message arrives with its properties, gzip declared as what it is', async () => {
    const hub = await connected();
    const plain = message(7);
    await hub.send({ ...plain, body: gzipSync(plain.body), contentEncoding: 'gzip' });
    const [receipt] = local.messages;
    expect(receipt).toMatchObject({
      output: 'readings',
      id: plain.id,
      contentType: 'application/json',
      contentEncoding: 'gzip',
      properties: plain.properties,
    });
    expect(local.account.summary()).toMatchObject({ messages: 1, readings: 1, missing: 0, malformed: 0 });
    expect(local.account.tag('T7')).toMatchObject({ count: 1, value: 1, status: 'Good' });
  });

  test('a body is never turned into JSON for the debug lines of the SDK', async () => {
    const hub = await connected();
    const toJSON = vi.spyOn(Buffer.prototype, 'toJSON');
    await hub.send(message(1));
    expect(toJSON).not.toHaveBeenCalled();
    toJSON.mockRestore();
  });

  test('an acknowledgement that is withheld is waited for, and taken when it comes', async () => {
    const hub = await connected();
    local.faults.withholdAcks();
    const sent = hub.send(message(1));
    await until('the message to be on record', () => local.faults.withheldAcks === 1);
    local.faults.releaseAcks();
    await sent;
  });

  test('a lost acknowledgement is a fault; sent again by a new hub it is a recognisable double', async () => {
    const hub = await connected();
    local.faults.loseAcks();
    expect((await faultOf(hub.send(message(1)))).code).toBe('hub.closed');
    await hub.lost;
    await hub.close();
    await (await connected()).send(message(1));
    expect(local.account.summary()).toMatchObject({ messages: 2, readings: 1, double: 1, doubleById: 1, missing: 0 });
  });

  test('the client is lent with a signal that tells of its end', async () => {
    let over: AbortSignal | undefined;
    const hub = await connected({
      onClient(_client, signal) {
        over = signal;
      },
    });
    expect(over?.aborted).toBe(false);
    await hub.close();
    expect(over?.aborted).toBe(true);
  });

  test('a refused connection is told apart from an unreachable one', async () => {
    local.faults.refuse(5);
    expect((await faultOf(make().connect(forever()))).code).toBe('hub.refused');
    local.faults.refuse(undefined);
    local.faults.workload('wrong-key', 'sign');
    expect((await faultOf(make().connect(forever()))).code).toBe('hub.refused');
    expect(local.refusals).toEqual(['refused by order', 'wrong signature']);
  });

  test('a server whose certificate is not trusted is a fault of configuration', async () => {
    const other = await startHub({ folder: join(folder, 'other') });
    inhabit({ ...local.developmentEnvironment, EdgeModuleCACertificateFile: other.caFile });
    const { code, fault } = await faultOf(make().connect(forever()));
    await other.close();
    expect(code).toBe('hub.configuration');
    expect(fault.cause).toBeInstanceOf(Error);
  });

  for (const call of ['trust-bundle', 'sign'] as const) {
    for (const kind of ['error', 'close', 'content-type', 'empty'] as const) {
      test(`a workload API that answers ${call} with ${kind} is a fault, and the process lives`, async () => {
        local.faults.workload(kind, call);
        expect((await faultOf(make().connect(forever()))).code).toBe('hub.unreachable');
        local.faults.workload(undefined);
        await (await connected()).send(message(1));
      });
    }

    test(`a workload API that never answers ${call} is a fault at the deadline`, async () => {
      local.faults.workload('hang', call);
      const { code, ms } = await faultOf(make({ connectDeadline: 300 }).connect(forever()));
      expect(code).toBe('hub.timeout');
      expect(ms).toBeLessThan(3_000);
    });
  }

  test('an oversize message is a fault of its own and costs no connection', async () => {
    const hub = await connected();
    expect((await faultOf(hub.send(message(1, 262_144)))).code).toBe('hub.too-large');
    await hub.send(message(2));
    expect(local.refusals).toEqual([]);
  });

  test('a connection that is cut once is lost, and a new hub delivers', async () => {
    const hub = await connected();
    local.faults.cut();
    await hub.lost;
    await (await connected()).send(message(1));
  });

  test('what is wrong with the environment is told as configuration', async () => {
    const cases: Record<string, string>[] = [
      {},
      { ...local.environment, IOTEDGE_AUTHSCHEME: 'x509' },
      { ...local.environment, IOTEDGE_WORKLOADURI: `unix://${join(folder, 'none.sock')}` },
      { EdgeHubConnectionString: 'nonsense' },
      { EdgeHubConnectionString: 'HostName=a;DeviceId=b' },
      { ...local.developmentEnvironment, EdgeModuleCACertificateFile: join(folder, 'none.pem') },
    ];
    for (const environment of cases) {
      inhabit(environment);
      expect((await faultOf(make().connect(forever()))).code).toBe('hub.configuration');
    }
  });

  /** The renewal of the token, otherwise due every 45 minutes. */
  function renew(client: ModuleClient): void {
    const { _authenticationProvider } = client._transport as never as {
      _authenticationProvider: { setTokenRenewalValues(valid: number, margin: number): void };
    };
    _authenticationProvider.setTokenRenewalValues(3_600, 900);
  }

  test('a token is renewed under way; messages sent meanwhile arrive', async () => {
    let client: ModuleClient | undefined;
    const hub = await connected({
      onClient(given) {
        client = given;
      },
    });
    const { sign } = local.requests;
    renew(client!);
    let sent = 0;
    while (local.requests.sign === sign || sent < 200) await hub.send(message(sent++));
    expect(local.account.summary()).toMatchObject({ readings: sent, missing: 0 });
  });

  for (const kind of ['error', 'empty', 'close'] as const) {
    test(`a renewal that fails (${kind}) ends the connection, not the process`, async () => {
      let client: ModuleClient | undefined;
      const hub = await connected({
        onClient(given) {
          client = given;
        },
      });
      local.faults.workload(kind, 'sign');
      renew(client!);
      expect((await hub.lost).message).toContain('the token could not be renewed');
    });
  }

  test('nothing of a hub remains when it is closed, whatever state it was in: its process ends by itself', async () => {
    const module = new URL('../../../agent/src/delivery/hubs/iot-edge.ts', import.meta.url);
    const program = `
      import { once } from 'node:events';
      import { iotEdgeHub } from ${JSON.stringify(module)};
      const [what] = await once(process, 'message');
      const connects = what === 'plain' || what === 'waiting';
      // What connects has the time that a busy machine needs; what cannot shall not take the test's.
      const hub = iotEdgeHub({ transport: ${JSON.stringify(transport)}, connectDeadline: connects ? 20_000 : 400, closeDeadline: 400 })();
      if (connects) await hub.connect(new AbortController().signal);
      else await hub.connect(new AbortController().signal).catch((error) => error);
      if (what === 'waiting') {
        const body = Buffer.from('x');
        const message = { id: 'm', body, contentType: 'application/json', contentEncoding: 'utf-8', properties: {} };
        const sent = hub.send(message).catch((error) => error);
        process.send('sent');
        await once(process, 'message');
      }
      await hub.close();
      process.send('closed');
      process.disconnect();
    `;
    const faults: Record<string, () => void> = {
      plain: () => undefined,
      waiting: () => local.faults.withholdAcks(),
      'sign hangs': () => local.faults.workload('hang', 'sign'),
      'trust bundle hangs': () => local.faults.workload('hang', 'trust-bundle'),
      'sign refused': () => local.faults.workload('error', 'sign'),
      'black hole': () => {
        local.faults.workload(undefined);
        local.faults.silence();
      },
    };
    for (const [what, begin] of Object.entries(faults)) {
      const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
        env: { ...process.env, ...local.environment },
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      });
      const exit = new Promise((resolve) => child.once('exit', resolve));
      begin();
      child.send(what);
      if (what === 'waiting') {
        await until('the message to be on record', () => local.faults.withheldAcks === 1);
        child.send('go on');
      }
      let closedAt = 0;
      child.on('message', (told) => {
        if (told === 'closed') closedAt = performance.now();
      });
      expect(await exit).toBe(0);
      expect(performance.now() - closedAt, what).toBeLessThan(2_000);
    }
  });
});
