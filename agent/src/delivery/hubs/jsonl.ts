// A file, or standard output, as a hub: message bodies are appended one after the other, and a message is acknowledged
// when the file is synced. For trials, for air-gapped sites, and for other programs to read from a pipe.
//
// A crash may leave a torn last line. On connecting, that line is removed if it is the beginning of one of our rows
// (it was never acknowledged, so its message is sent again whole), and otherwise ended with a newline: bytes that
// somebody else wrote are never deleted. Whole lines of a torn message stay, and come again with the message.

import { Fault } from '../../model/fault.ts';
import { CLOSE_DEADLINE_MS, CONNECT_DEADLINE_MS, type HubFactory, SEND_DEADLINE_MS } from './hub.ts';
import { Lifetime, settled } from './lifetime.ts';
import { connectFault } from './network-fault.ts';
import { NEWLINE, type Output, openOutput } from './output.ts';

export interface JsonlOptions {
  /** File to append to; `-` is standard output. */
  readonly path: string;
  /** Deadlines in ms, when they are to be shorter than the contract's. */
  readonly connectDeadline?: number;
  readonly sendDeadline?: number;
  readonly closeDeadline?: number;
}

/**
 * Hubs that append to one file. Bodies must be plain (`compression: none`): a compressed one is refused with
 * `hub.configuration`. A reader that stops reading from the pipe holds delivery up (`hub.timeout`), and one that goes
 * away ends the connection (EPIPE, `hub.closed`); readings then wait in the buffer.
 */
export function jsonlHub(options: JsonlOptions): HubFactory {
  const { path, connectDeadline = CONNECT_DEADLINE_MS } = options;
  const { sendDeadline = SEND_DEADLINE_MS, closeDeadline = CLOSE_DEADLINE_MS } = options;
  const name = path === '-' ? 'standard output' : path;
  /**
   * What the hub before is still doing. A write into a pipe that nobody reads may hang in the kernel, and with it one
   * of the few threads that all files share: the next hub waits for it instead of hanging a second thread.
   */
  let former: Promise<void> = Promise.resolve();
  /** The last line written is not whole: its hub was closed, or writing failed, in the middle. */
  let torn = false;

  return () => {
    const life = new Lifetime();
    /** Bounded by the forwarder's messages in flight. */
    const queue: { body: Buffer; done: (error?: unknown) => void }[] = [];
    let output: Output | undefined;
    let drained: Promise<void> | undefined;
    let closing: Promise<void> | undefined;

    /** Writes what waits and syncs once for all of it, until nothing waits. */
    async function drain(to: Output): Promise<void> {
      while (queue.length > 0 && life.isOpen) {
        const group = queue.splice(0);
        try {
          for (const { body } of group) {
            torn = true;
            await to.append(body, life.over);
            if (body.at(-1) !== NEWLINE[0]) await to.append(NEWLINE, life.over);
            torn = false;
          }
          await to.sync();
          for (const { done } of group) done();
        } catch (error) {
          for (const { done } of group) done(error);
          life.lose(`${name} cannot be written`, error);
        }
      }
      drained = undefined;
    }

    async function release(): Promise<void> {
      await drained;
      await output?.close();
    }

    return {
      lost: life.lost,
      connect: (signal) =>
        life.connect(connectDeadline, signal, async (abandoned) => {
          await former;
          try {
            const opened = await openOutput(path, torn, abandoned);
            torn = false;
            if (abandoned.aborted) await opened.close();
            else output = opened;
          } catch (error) {
            throw connectFault(error, `${name} cannot be opened`);
          }
        }),
      send(message) {
        if (message.contentEncoding === 'gzip') {
          return Promise.reject(new Fault('hub.configuration', 'a jsonl hub takes plain bodies: compression: none'));
        }
        const fault = (error: unknown) => Fault.from(error, 'hub.closed', `${name} cannot be written`);
        return life.call(sendDeadline, fault, (done) => {
          queue.push({ body: message.body, done });
          drained ??= drain(output!);
        });
      },
      close() {
        life.end();
        if (closing === undefined) {
          const end = release().catch(() => undefined);
          former = end;
          closing = settled(end, closeDeadline);
        }
        return closing;
      },
    };
  };
}
