import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import modbus from 'modbus-serial';
import { afterEach, describe, expect, test } from 'vitest';
import { type ModbusOptions, type ModbusSim, startModbusServer } from '../../sim/refinery/modbus.ts';
import { toRegisters } from '../../sim/refinery/register-codec.ts';
import { registerSignals } from '../../sim/refinery/register-signals.ts';
import { until } from '../support/until.ts';

const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

async function server(options: Partial<ModbusOptions> = {}): Promise<ModbusSim> {
  const sim = await startModbusServer({ site: 'flare', ticking: false, ...options });
  open.push(() => sim.close());
  return sim;
}

async function client(sim: ModbusSim, unit = 1, timeout = 2_000) {
  const made = new modbus.default();
  await made.connectTCP(sim.host, { port: sim.port });
  open.push(() => made.destroy(() => {}));
  made.setID(unit);
  made.setTimeout(timeout);
  return made;
}

const exception = (code: number) => ({ modbusCode: code });

describe('the registers', () => {
  test("hold the example's tags at the example's addresses", async () => {
    const sim = await server();
    const plc = await client(sim);
    sim.set('70PT201', 1.25);
    sim.set('70LT310', 4095);
    sim.set('70XV201.OPEN', true);
    sim.setRegister(1, 'holding', 25, [0]);
    sim.set('70HS220.BIT3', true);
    expect((await plc.readHoldingRegisters(10, 2)).data).toEqual([0x0000, 0x3fa0]);
    expect((await plc.readHoldingRegisters(20, 1)).data).toEqual([4095]);
    expect((await plc.readDiscreteInputs(0, 5)).data.slice(0, 5)).toEqual([false, false, false, false, true]);
    expect((await plc.readHoldingRegisters(25, 1)).data).toEqual([8]);
  });

  test('encode every type and order as the vectors of the specification say', () => {
    expect(toRegisters(-1, 'int16')).toEqual([0xffff]);
    expect(toRegisters(0x0102, 'uint16', 'BADC')).toEqual([0x0201]);
    expect(toRegisters(0x01020304, 'uint32')).toEqual([0x0102, 0x0304]);
    expect(toRegisters(0x01020304, 'uint32', 'CDAB')).toEqual([0x0304, 0x0102]);
    expect(toRegisters(0x01020304, 'uint32', 'BADC')).toEqual([0x0201, 0x0403]);
    expect(toRegisters(0x01020304, 'uint32', 'DCBA')).toEqual([0x0403, 0x0201]);
    expect(toRegisters(0x0102030405060708n, 'uint64', 'CDAB')).toEqual([0x0708, 0x0506, 0x0304, 0x0102]);
    expect(toRegisters(0x0102030405060708n, 'int64', 'DCBA')).toEqual([0x0807, 0x0605, 0x0403, 0x0201]);
    expect(toRegisters(123.5, 'float32')).toEqual([0x42f7, 0x0000]);
    expect(toRegisters(1, 'float64')).toEqual([0x3ff0, 0, 0, 0]);
    expect(toRegisters(1234, 'bcd16')).toEqual([0x1234]);
    expect(toRegisters(12345678, 'bcd32')).toEqual([0x1234, 0x5678]);
    expect(toRegisters('OIL', 'string(5)')).toEqual([0x4f49, 0x4c00, 0]);
  });

  test('counters go up by exactly one per update, in every type', async () => {
    const sim = await server({ site: 'tanks' });
    const counters = sim.signals.filter((s) => s.signal.process === 'counter' && !s.reads);
    expect(new Set(counters.map((s) => s.type)).size).toBeGreaterThan(6);
    const tank = await client(sim);
    for (let update = 0; update < 5; update++) {
      for (const { unitId, offset, type, order } of counters) {
        const words = toRegisters(update, type, order);
        tank.setID(unitId);
        expect((await tank.readHoldingRegisters(offset, words.length)).data).toEqual(words);
      }
      sim.tick();
    }
    expect(sim.counters().updates).toBe(5);
  });

  test('the count of reads goes up by exactly one per read', async () => {
    const plc = await client(await server());
    for (let read = 0; read < 5; read++) expect((await plc.readHoldingRegisters(60, 2)).data).toEqual([0, read]);
    await plc.readHoldingRegisters(10, 16);
    expect((await plc.readHoldingRegisters(50, 20)).data.slice(10, 12)).toEqual([0, 5]);
  });

  test('no two tags share a register, at any size', () => {
    for (const site of ['flare', 'tanks'] as const) {
      const list = registerSignals(site, 20_000);
      expect(new Set(list.map((s) => s.name)).size).toBe(list.length);
      expect(new Set(list.map((s) => `${s.unitId} ${s.table}:${s.offset}.${s.bit}`)).size).toBe(list.length);
    }
  });
});

describe('refusals', () => {
  test('refuses writes, quantities and addresses as the specification says', async () => {
    const sim = await server();
    const plc = await client(sim);
    await expect(plc.writeRegister(10, 1)).rejects.toMatchObject(exception(1));
    await expect(plc.readHoldingRegisters(0, 126)).rejects.toMatchObject(exception(3));
    await expect(plc.readHoldingRegisters(0, 0)).rejects.toMatchObject(exception(3));
    await expect(plc.readCoils(0, 2_001)).rejects.toMatchObject(exception(3));
    await expect(plc.readInputRegisters(19_990, 20)).rejects.toMatchObject(exception(2));
    expect(sim.counters()).toMatchObject({ requests: 5, exceptions: 5, writes: 1 });
  });

  test('refuses the addresses it is told to, and only reads that touch them', async () => {
    const sim = await server();
    const plc = await client(sim);
    sim.refuse(1, 'holding', 15, 16);
    await expect(plc.readHoldingRegisters(10, 6)).rejects.toMatchObject(exception(2));
    await expect(plc.readHoldingRegisters(16, 10)).rejects.toMatchObject(exception(2));
    await plc.readHoldingRegisters(10, 5);
    await plc.readHoldingRegisters(17, 10);
    await plc.readInputRegisters(10, 10);
    sim.refuse(1, 'holding', 15, 16, 4);
    sim.allow(1);
    await plc.readHoldingRegisters(10, 10);
  });

  test('a unit that is not there is answered by the gateway, exception 11', async () => {
    await expect((await client(await server(), 77)).readCoils(0, 1)).rejects.toMatchObject(exception(11));
  });

  test('hangs up on a peer that does not speak Modbus TCP', async () => {
    const sim = await server();
    const socket = await raw(sim);
    socket.write('GET / HTTP/1.1\r\n\r\n');
    await until('the server to hang up', () => socket.closed);
  });
});

describe('requests', () => {
  test('are remembered until forgotten, as a planner sent them', async () => {
    const sim = await server();
    const plc = await client(sim);
    await plc.readHoldingRegisters(10, 16);
    await plc.readDiscreteInputs(4, 1);
    expect(sim.requests()).toEqual([
      { unit: 1, function: 3, address: 10, quantity: 16 },
      { unit: 1, function: 2, address: 4, quantity: 1 },
    ]);
    sim.forget();
    expect(sim.requests()).toEqual([]);
  });

  test('in one segment, and one byte at a time, are answered alike', async () => {
    const sim = await server();
    sim.setRegister(1, 'holding', 30, [7, 8]);
    const one = Buffer.from('000100000006 01 03 001e 0002'.replaceAll(' ', ''), 'hex');
    const two = Buffer.from('000200000006 01 03 001e 0001'.replaceAll(' ', ''), 'hex');
    const answer = '000100000007010304000700080002000000050103020007';
    for (const pieces of [[Buffer.concat([one, two])], [...one, ...two].map((byte) => Buffer.of(byte))]) {
      const socket = await raw(sim);
      let got = '';
      socket.on('data', (chunk) => {
        got += chunk.toString('hex');
      });
      for (const piece of pieces) await new Promise((resolve) => socket.write(piece, resolve));
      await until('both answers', () => got.length >= answer.length);
      expect(got).toBe(answer);
    }
  });
});

describe('faults', () => {
  test('a dead unit is silent while the others on its connection answer', async () => {
    const sim = await server({ site: 'tanks' });
    expect(sim.units).toEqual([1, 2, 3, 4, 9]);
    sim.kill(9);
    const dead = await client(sim, 9, 150);
    const silence = expect(dead.readHoldingRegisters(0, 2)).rejects.toMatchObject({ errno: 'ETIMEDOUT' });
    const alive = await client(sim, 1);
    for (const unit of [1, 2, 3, 4]) {
      alive.setID(unit);
      await alive.readHoldingRegisters(0, 2);
    }
    await silence;
    sim.revive(9);
    await dead.readHoldingRegisters(0, 2);
  });

  test('unit 9 dies by itself while time passes, and comes back', async () => {
    const sim = await server({ site: 'tanks', ticking: true });
    sim.pause();
    const restless = await client(sim, 9, 150);
    const span = Math.ceil(Date.now() / 90_000 + 1) * 90_000;
    sim.tick(new Date(span + 85_000));
    await expect(restless.readHoldingRegisters(0, 2)).rejects.toMatchObject({ errno: 'ETIMEDOUT' });
    sim.tick(new Date(span + 90_000));
    await restless.readHoldingRegisters(0, 2);
  });

  test('a slow unit answers late', async () => {
    const sim = await server();
    sim.delay(1, 200);
    const plc = await client(sim);
    const begin = performance.now();
    await plc.readHoldingRegisters(10, 2);
    expect(performance.now() - begin).toBeGreaterThan(195);
  });

  test('stop closes the port; restart opens it again with the same registers', async () => {
    const sim = await server();
    sim.set('70LT310', 77);
    await sim.stop();
    await expect(raw(sim)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await sim.restart();
    expect((await (await client(sim)).readHoldingRegisters(20, 1)).data).toEqual([77]);
  });

  test('cut resets the connections and takes new ones', async () => {
    const sim = await server();
    const socket = await raw(sim);
    const reset = new Promise<NodeJS.ErrnoException>((resolve) => socket.once('error', resolve));
    await until('the connection', () => sim.counters().connections === 1);
    sim.cut();
    expect((await reset).code).toBe('ECONNRESET');
    await (await client(sim)).readHoldingRegisters(10, 2);
  });

  test('frozen, nothing is answered and nothing is closed; thawed, the answer comes', async () => {
    const sim = await server();
    const plc = await client(sim, 1, 10_000);
    await plc.readHoldingRegisters(10, 2);
    sim.freeze();
    const late = await client(sim, 1, 10_000);
    let answered = 0;
    const answers = [plc, late].map((c) => c.readHoldingRegisters(10, 2).then(() => answered++));
    await sleep(100); // nothing to wait for: that nothing happens is the point
    expect(answered).toBe(0);
    expect(sim.counters()).toMatchObject({ connections: 2, requests: 1 });
    sim.thaw();
    await Promise.all(answers);
  });
});

function raw(sim: ModbusSim): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(sim.port, sim.host, () => resolve(socket)).once('error', reject);
    open.push(() => socket.destroy());
  });
}
