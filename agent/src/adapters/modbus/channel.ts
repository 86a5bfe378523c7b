// What carries bytes to a device and back: a TCP or TLS connection, a UDP socket, a serial port. Knows nothing of
// Modbus. Whatever the library below does, a channel reports its end once, and its close ends in time.

/** Who listens to a channel; set once, before the first byte is written. */
export interface Listener {
  /** Bytes that came in; a datagram as a whole. */
  received(bytes: Buffer): void;
  /** The channel has ended, for a reason in words: whatever it was, nothing comes any more. */
  ended(reason: string): void;
}

export interface Channel {
  readonly open: boolean;
  listen(listener: Listener): void;
  /** Never throws; what cannot be sent shows as the channel's end. */
  write(bytes: Buffer): void;
  /** Ends it at once. Resolves when nothing of it is left, after CLOSE_DEADLINE_MS in any case. Legal twice. */
  close(): Promise<void>;
}

/** A library that does not say that it has closed is not waited for any longer. */
const CLOSE_DEADLINE_MS = 2_000;

/** @param begin closes; calls `done` when that has happened, if ever */
export function closing(begin: (done: () => void) => void): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, CLOSE_DEADLINE_MS);
    begin(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
