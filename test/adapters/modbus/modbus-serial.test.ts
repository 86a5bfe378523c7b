// Why the adapter has a Modbus TCP client of its own (agent/src/adapters/modbus/connection.ts): what modbus-serial does
// with the same hostile servers. A test that fails here is good news: the release that is installed has mended
// something, and the choice can be thought over.

import type { Socket } from 'node:net';
import modbusSerial from 'modbus-serial';
import { describe, expect, onTestFinished, test } from 'vitest';
import { until } from '../../support/until.ts';
import { wire } from '../wire.ts';
import { type Ask, reply, slave } from './slave.ts';

// The package's types do not say that its CommonJS export is the class itself.
const ModbusRTU = modbusSerial as unknown as new () => import('modbus-serial/ModbusRTU.js').ModbusRTU;

async function client(port: number) {
  const made = new ModbusRTU();
  onTestFinished(() => made.destroy(() => {}));
  made.setTimeout(200);
  await made.connectTCP('127.0.0.1', { port });
  made.setID(1);
  return made;
}

async function server(answer: (ask: Ask, socket: Socket) => void) {
  const made = await slave(answer);
  onTestFinished(() => made.stop());
  return made;
}

const changed = (ask: Ask, change: (bytes: Buffer) => void): Buffer => {
  const bytes = reply(ask);
  change(bytes);
  return bytes;
};

/** What became of a promise after some time. */
async function fate(promise: Promise<unknown>, ms: number): Promise<string> {
  const pending = new Promise<string>((resolve) => setTimeout(() => resolve('pending'), ms));
  return Promise.race([
    promise.then(
      () => 'resolved',
      () => 'rejected',
    ),
    pending,
  ]);
}

describe('modbus-serial 8.0.25', () => {
  test('takes the late reply to a request of 256 requests ago for its own: wrong values', async () => {
    let late: Buffer | undefined;
    const peer = await server((ask, socket) => {
      if (ask.number === 0) late = reply(ask);
      else if (ask.number === 256) socket.write(late!);
      else socket.write(reply(ask));
    });
    const modbus = await client(peer.port);
    await expect(modbus.readHoldingRegisters(0, 1)).rejects.toBeDefined();
    for (let i = 1; i < 256; i++) await modbus.readHoldingRegisters(1, 1);
    const { data } = await modbus.readHoldingRegisters(500, 1);
    const first = peer.asks[0]!;
    expect(data[0]).toBe(reply(first).readUInt16BE(9));
    expect(data[0]).not.toBe(reply(peer.asks[256]!).readUInt16BE(9));
  });

  test('accepts a reply of another protocol', async () => {
    const peer = await server((ask, socket) => socket.write(changed(ask, (bytes) => bytes.writeUInt16BE(7, 2))));
    const modbus = await client(peer.port);
    expect((await modbus.readHoldingRegisters(0, 2)).data).toHaveLength(2);
  });

  test('believes the byte count: fewer registers than asked for, and no error', async () => {
    const peer = await server((ask, socket) => socket.write(changed(ask, (bytes) => bytes.writeUInt8(2, 8))));
    const modbus = await client(peer.port);
    expect((await modbus.readHoldingRegisters(0, 4)).data).toHaveLength(1);
  });

  test('waits for 65535 bytes, and is deaf until then', async () => {
    const peer = await server((ask, socket) => {
      if (ask.number === 0) socket.write(changed(ask, (bytes) => bytes.writeUInt16BE(65_535, 4)));
      else socket.write(reply(ask));
    });
    const modbus = await client(peer.port);
    const fates: string[] = [];
    for (let i = 0; i < 3; i++) fates.push(await fate(modbus.readHoldingRegisters(i, 1), 1_000));
    expect(fates).toEqual(['rejected', 'rejected', 'rejected']);
  });

  test('says nothing of a reset connection', async () => {
    const peer = await server((ask, socket) => socket.write(reply(ask)));
    const link = await wire(peer.port);
    onTestFinished(() => link.stop());
    const modbus = await client(link.port);
    await modbus.readHoldingRegisters(0, 1);
    const events: string[] = [];
    const emitter = modbus as unknown as NodeJS.EventEmitter;
    emitter.on('close', () => events.push('close')).on('error', () => events.push('error'));
    link.cut();
    await until('it is closed', () => !modbus.isOpen);
    await new Promise((resolve) => setImmediate(resolve));
    expect(events).toEqual([]);
  });

  test('leaves a request pending for ever when it is destroyed', async () => {
    const peer = await server(() => {});
    const modbus = await client(peer.port);
    const pending = modbus.readHoldingRegisters(0, 1);
    await until('the request', () => peer.asks.length > 0);
    modbus.destroy(() => {});
    expect(await fate(pending, 600)).toBe('pending');
  });

  test('sends a read of more registers than there may be', async () => {
    const peer = await server((ask, socket) => socket.write(reply({ ...ask, quantity: 1 })));
    const modbus = await client(peer.port);
    await modbus.readHoldingRegisters(0, 126).catch(() => {});
    expect(peer.asks[0]!.quantity).toBe(126);
  });
});
