// The flare's PLC and the tank farm's gateway: Modbus servers on 127.0.0.1 whose registers move by themselves or
// exactly as a test says, with dead units, slow units, refused addresses, cuts and black holes. They speak Modbus TCP,
// UDP, or serial frames over TCP (as a serial server does; socat makes a serial port of that).
//
// Not modbus-serial's ServerTCP (8.0.25, servers/servertcp.js): it cannot take a free port (port 0 becomes 502), does
// not check quantities (a read of 126 registers is answered), and tells nobody which requests came in.

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import type { Table } from '../../agent/src/config/address.ts';
import { type Envelope, type Frame, MBAP, type ModbusRequest, RTU, reply, requestOf } from './modbus-frames.ts';
import { plant } from './plant.ts';
import { type RegisterValue, toRegisters } from './register-codec.ts';
import {
  READS_AT,
  RESTLESS_UNIT,
  type RegisterSignal,
  registerSignals,
  type Site,
  UNIT_SIZE,
} from './register-signals.ts';
import { EXCEPTION, type Registers, registers } from './registers.ts';
import { rawValue } from './scaling.ts';
import { type Wire, wire } from './sockets.ts';
import { ticker } from './ticker.ts';

export interface ModbusOptions {
  /** flare: unit 1 with the tags of the mapping language's example. tanks: units 1 to 4, and 9 that dies now and then. */
  readonly site: Site;
  /** Default: tcp. */
  readonly carrier?: Carrier;
  /** Port; default: a free one, kept over restarts. */
  readonly port?: number;
  /** Number of tags, up to 100,000 (5,000 per unit); default 60. */
  readonly tags?: number;
  /** Share of the tags that count updates; default 0.1. */
  readonly counters?: number;
  readonly seed?: number;
  /** Time between two updates of all registers, ms; default 1,000. */
  readonly period?: number;
  /** false: registers only move by set(), setRegister() and tick(), and no unit dies by itself. Default true. */
  readonly ticking?: boolean;
}

export interface ModbusSim {
  readonly site: Site;
  readonly host: string;
  readonly port: number;
  readonly signals: readonly RegisterSignal[];
  /** Unit ids that answer. */
  readonly units: readonly number[];
  /** Writes a tag's raw value (before scaling) in its type and order; the next update overwrites it. */
  set(tag: string, value: RegisterValue): void;
  /** Writes registers, or bits of coil and discrete as 0 and 1; updates overwrite what belongs to a tag. */
  setRegister(unit: number, table: Table, offset: number, words: readonly number[]): void;
  /** Reads that touch these addresses, both ends included, answer with an exception (default 2); until allow(). */
  refuse(unit: number, table: Table, from: number, to: number, exception?: number): void;
  allow(unit: number): void;
  /** Replies of this unit come after so many ms. */
  delay(unit: number, ms: number): void;
  /** The unit answers nothing until revive(). */
  kill(unit: number): void;
  revive(unit: number): void;
  /** Well-formed reads since the last forget(), those refused or never answered included; the newest 10,000. */
  requests(): readonly ModbusRequest[];
  forget(): void;
  /** One update of all registers now, or at the given time; counters go up by one. */
  tick(time?: Date): void;
  /** Stops and starts the automatic updates. */
  pause(): void;
  resume(): void;
  /** The server is gone: connections reset, port closed. */
  stop(): Promise<void>;
  /** stop() if it runs, then listens again on the same port. Registers keep their contents. */
  restart(): Promise<void>;
  /** Resets all TCP connections. */
  cut(): void;
  /** A black hole: connections stay open, nothing passes; until thaw(). */
  freeze(): void;
  thaw(): void;
  counters(): ModbusCounters;
  /** Ends everything; the simulator cannot be used any more. */
  close(): Promise<void>;
}

export type Carrier = 'tcp' | 'udp' | 'rtu-over-tcp';

interface ModbusCounters {
  /** Updates made: the value of every counter tag that was not set by hand, within the width of its type. */
  readonly updates: number;
  readonly requests: number;
  /** Requests answered with an exception. */
  readonly exceptions: number;
  /** Requests with a function other than the four that read. */
  readonly writes: number;
  readonly connections: number;
}

/** Where an answer goes. */
type Reply = (pdu: Buffer) => void;

const HOST = '127.0.0.1';
const REMEMBERED = 10_000;
/** The restless unit is silent for the last ten seconds of every ninety. */
const RESTLESS_EVERY = 90_000;
const RESTLESS_LASTS = 10_000;

interface Unit {
  readonly registers: Registers;
  delay: number;
  dead: boolean;
  reads: number;
}

/** Starts the server; resolves when it accepts connections. */
export async function startModbusServer(options: ModbusOptions): Promise<ModbusSim> {
  const signals = registerSignals(options.site, options.tags ?? 60, options.counters);
  const model = plant(options.seed ?? 1);
  const moving = signals.filter((signal) => !signal.reads);
  const byName = new Map(signals.map((signal) => [signal.name, signal]));
  const units = new Map<number, Unit>();
  for (const { unitId } of signals) {
    if (!units.has(unitId)) units.set(unitId, { registers: registers(UNIT_SIZE), delay: 0, dead: false, reads: 0 });
  }
  const unitOf = (id: number): Unit => {
    const unit = units.get(id);
    if (!unit) throw new RangeError(`the ${options.site} has no unit ${id}`);
    return unit;
  };

  const counts = { updates: 0, requests: 0, exceptions: 0, writes: 0 };
  let asked: ModbusRequest[] = [];
  let restless = options.ticking !== false && units.has(RESTLESS_UNIT);

  const write = (signal: RegisterSignal, value: RegisterValue) => {
    const memory = unitOf(signal.unitId).registers;
    if (signal.bit !== undefined) memory.writeBit(signal.table, signal.offset, signal.bit, Boolean(value));
    else memory.write(signal.table, signal.offset, toRegisters(value, signal.type, signal.order));
  };
  const show = (time: Date) => {
    const now = time.getTime();
    for (const signal of moving) write(signal, rawValue(signal, model.value(signal.signal, now, counts.updates)));
    if (restless) unitOf(RESTLESS_UNIT).dead = now % RESTLESS_EVERY >= RESTLESS_EVERY - RESTLESS_LASTS;
  };

  const answer = (frame: Frame, to: Reply) => {
    counts.requests++;
    const request = requestOf(frame);
    if (typeof request === 'number') {
      if (request === EXCEPTION.function) counts.writes++;
    } else {
      if (asked.length >= 2 * REMEMBERED) asked = asked.slice(-REMEMBERED);
      asked.push({
        unit: frame.unit,
        function: request.function,
        address: request.address,
        quantity: request.quantity,
      });
    }
    const unit = units.get(frame.unit);
    if (unit?.dead) return;
    const send = () => {
      let contents: Uint16Array | number;
      if (!unit) contents = EXCEPTION.target;
      else if (typeof request === 'number') contents = request;
      else contents = unit.registers.read(request.table, request.address, request.quantity);
      if (typeof contents === 'number') counts.exceptions++;
      to(reply(frame, contents));
      if (unit && typeof request !== 'number' && typeof contents !== 'number') countRead(unit, request);
    };
    if (unit && unit.delay > 0) setTimeout(send, unit.delay);
    else send();
  };

  const carrier = options.carrier ?? 'tcp';
  let running: Listening | undefined = await listen(carrier, options.port ?? 0, answer);
  const { port } = running;
  show(new Date());
  const beat = ticker(options.period ?? 1_000, (time) => {
    counts.updates++;
    show(time);
  });
  if (options.ticking !== false) beat.resume();

  const stop = async () => {
    const old = running;
    running = undefined;
    if (!old) return;
    await old.stop();
  };

  return {
    site: options.site,
    host: HOST,
    port,
    signals,
    units: [...units.keys()],
    set(name, value) {
      const signal = byName.get(name);
      if (!signal) throw new RangeError(`the ${options.site} has no tag "${name}"`);
      write(signal, value);
    },
    setRegister: (unit, table, offset, words) => unitOf(unit).registers.write(table, offset, words),
    refuse: (unit, table, from, to, exception = EXCEPTION.address) =>
      unitOf(unit).registers.refuse(table, from, to, exception),
    allow: (unit) => unitOf(unit).registers.allow(),
    delay(unit, ms) {
      unitOf(unit).delay = ms;
    },
    kill(unit) {
      if (unit === RESTLESS_UNIT) restless = false;
      unitOf(unit).dead = true;
    },
    revive(unit) {
      if (unit === RESTLESS_UNIT) restless = false;
      unitOf(unit).dead = false;
    },
    requests: () => asked.slice(-REMEMBERED),
    forget() {
      asked = [];
    },
    tick: beat.tick,
    pause: beat.pause,
    resume: beat.resume,
    stop,
    async restart() {
      await stop();
      running = await listen(carrier, port, answer);
    },
    cut: () => running?.wire.cut(),
    freeze: () => running?.wire.freeze(),
    thaw: () => running?.wire.thaw(),
    counters: () => ({ ...counts, connections: running?.wire.connections ?? 0 }),
    async close() {
      beat.pause();
      await stop();
    },
  };
}

/** Counts a read of the unit's count of reads, after its reply. */
function countRead(unit: Unit, { table, address, quantity }: ModbusRequest & { table: Table }): void {
  if (table !== 'holding' || address > READS_AT || address + quantity < READS_AT + 2) return;
  unit.reads = (unit.reads + 1) >>> 0;
  unit.registers.write('holding', READS_AT, toRegisters(unit.reads, 'uint32'));
}

interface Listening {
  readonly port: number;
  readonly wire: Wire;
  stop(): Promise<void>;
}

type Answer = (frame: Frame, to: Reply) => void;

async function listen(carrier: Carrier, port: number, answer: Answer): Promise<Listening> {
  return carrier === 'udp'
    ? listenForDatagrams(port, answer)
    : listenForConnections(carrier === 'tcp' ? MBAP : RTU, port, answer);
}

async function listenForConnections(envelope: Envelope, port: number, answer: Answer): Promise<Listening> {
  const server = createServer((socket) => {
    socket.setNoDelay(true);
    const feed = envelope.feed((frame) => {
      answer(frame, (pdu) => socket.destroyed || socket.write(envelope.wrap(frame, pdu)));
    });
    socket.on('data', (chunk: Buffer) => {
      if (!feed(chunk)) socket.destroy();
    });
  });
  const sockets = wire(server);
  server.listen(port, HOST);
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    wire: sockets,
    async stop() {
      sockets.cut();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Datagrams know no connections: nothing can be cut, and a black hole is silence. */
async function listenForDatagrams(port: number, answer: Answer): Promise<Listening> {
  const socket = createSocket('udp4');
  let open = true;
  let frozen = false;
  socket.on('message', (message, { port: from, address }) => {
    if (frozen) return;
    const feed = MBAP.feed((frame) =>
      answer(frame, (pdu) => open && socket.send(MBAP.wrap(frame, pdu), from, address)),
    );
    feed(message);
  });
  socket.bind(port, HOST);
  await once(socket, 'listening');
  return {
    port: socket.address().port,
    wire: {
      connections: 0,
      cut() {},
      freeze() {
        frozen = true;
      },
      thaw() {
        frozen = false;
      },
    },
    async stop() {
      open = false;
      socket.close();
      await once(socket, 'close');
    },
  };
}
