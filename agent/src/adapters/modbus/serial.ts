// A serial port: RS-485 or RS-232, over serialport. The library is loaded when the first port is opened, so that a
// gateway without serial lines does not carry it.

import type { EventEmitter } from 'node:events';
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import type { SerialPort } from 'serialport';
import { describe, Fault } from '../../model/fault.ts';
import { type Channel, closing, type Listener } from './channel.ts';

export interface SerialLine {
  /** /dev/ttyUSB0, or a name of /dev/serial/by-id, which stays when adapters are plugged in another order. */
  readonly device: string;
  /** bits per second */
  readonly baudRate: number;
  readonly dataBits: 8;
  readonly parity: 'none' | 'even' | 'odd';
  readonly stopBits: 1 | 2;
}

/** ms that so many bytes take on the line. */
export function transmission({ baudRate, dataBits, parity, stopBits }: SerialLine, bytes: number): number {
  const bits = 1 + dataBits + (parity === 'none' ? 0 : 1) + stopBits;
  return (bytes * bits * 1_000) / baudRate;
}

/**
 * ms of silence between two frames: 3.5 characters of eleven bits, and 1.75 ms for all lines faster than 19200.
 * Source: Modbus over Serial Line V1.02 section 2.5.1.1.
 */
export function silenceOf(baudRate: number): number {
  return baudRate > 19_200 ? 1.75 : (3.5 * 11 * 1_000) / baudRate;
}

/**
 * Opens a port for this process alone.
 * @param timeout ms until the driver must have opened it
 * @throws Fault source.configuration when it may not be used, source.unreachable; source.closed when `signal` aborts
 */
export async function openSerial(line: SerialLine, timeout: number, signal: AbortSignal): Promise<Channel> {
  const { device, baudRate, dataBits, parity, stopBits } = line;
  if (signal.aborted) throw new Fault('source.closed', `opening ${device} was called off`);
  await access(device, constants.R_OK | constants.W_OK).catch((error: NodeJS.ErrnoException) => {
    throw unusable(device, error);
  });
  const { SerialPort } = await import('serialport');
  const port = new SerialPort({ path: device, baudRate, dataBits, parity, stopBits, autoOpen: false, lock: true, highWaterMark: 4_096 }); // biome-ignore format: one line
  const channel = channelOf(port);
  await new Promise<void>((resolve, reject) => {
    const end = (fault?: Fault) => {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
      if (fault) reject(fault);
      else resolve();
    };
    const abort = () => end(new Fault('source.closed', `opening ${device} was called off`));
    const timer = setTimeout(() => {
      end(new Fault('source.unreachable', `${device} was not opened within ${timeout} ms`));
    }, timeout);
    signal.addEventListener('abort', abort);
    port.open((error) => {
      if (!error) {
        keepAwake(port);
        return end();
      }
      const message = `${device} cannot be opened: ${describe(error)}; does another program use it, and does it know ${baudRate} baud?`;
      end(new Fault('source.unreachable', message, error));
    });
  }).catch(async (fault: unknown) => {
    await channel.close();
    throw fault;
  });
  return channel;
}

/**
 * bindings-cpp 13.0.0 calls JavaScript out of the event loop without a turn of its own (src/poller.cpp, onData): what
 * its promises do next waits until something else happens, and a reply lies there until the request's deadline. An
 * immediate that does nothing is that something.
 */
function keepAwake(port: SerialPort): void {
  const { poller } = (port as unknown as { port: { poller: EventEmitter } }).port;
  for (const event of ['readable', 'writable', 'disconnect']) poller.on(event, () => setImmediate(() => {}));
}

function unusable(device: string, error: NodeJS.ErrnoException): Fault {
  if (error.code === 'EACCES' || error.code === 'EPERM') {
    const mend = "let the gateway's user into the device's group (dialout, as a rule); see docs/operations.md";
    return new Fault('source.configuration', `${device} may not be read and written: ${mend}`, error);
  }
  return new Fault('source.unreachable', `${device} cannot be opened: ${describe(error)}`, error);
}

function channelOf(port: SerialPort): Channel {
  let listener: Listener | undefined;
  let closed: Promise<void> | undefined;
  let over = false;
  const close = () => {
    over = true;
    closed ??= closing((done) => {
      port.once('close', done);
      if (port.isOpen) port.close(() => {});
      // A port that is just being opened can only be closed afterwards.
      else if (port.opening) port.once('open', () => port.close(() => {}));
      else done();
    });
    return closed;
  };
  const ended = (why: string) => {
    if (over) return;
    void close();
    listener?.ended(why);
  };
  port.on('data', (chunk: Buffer) => listener?.received(chunk));
  port.on('error', (error) => ended(describe(error)));
  port.on('close', () => ended('the serial port is gone'));
  return {
    get open() {
      return !over && port.isOpen;
    },
    listen(to) {
      listener = to;
    },
    write(bytes) {
      port.write(bytes);
    },
    close,
  };
}
