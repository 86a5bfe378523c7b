// `fieldgate buffer replay`: what a stopped gateway has delivered and keeps waits for delivery again, through the
// buffer's own code, so that the next start sends it under its old numbers.

import { openStopped } from '../../buffer/buffer.ts';
import { formatTime, type Timestamp } from '../../model/time.ts';
import { EXIT, type Io } from '../command.ts';

/** Throws a Fault: `buffer.locked` when a gateway owns the file, `buffer.path`, `buffer.damaged`, `buffer.full`. */
export function replayFile(file: string, from: Timestamp, to: Timestamp, json: boolean, io: Io): number {
  const buffer = openStopped(file);
  try {
    const { keptReadings } = buffer.stats();
    io.err.write(`${keptReadings.toLocaleString('en-US')} readings are kept; looking for those of that time …\n`);
    const readings = buffer.replay(from, to);
    const { epoch } = buffer;
    const { pendingReadings } = buffer.stats();
    io.out.write(
      json
        ? `${JSON.stringify({ file, epoch, from: formatTime(from), to: formatTime(to), readings, waiting: pendingReadings }, null, 2)}\n`
        : `${readings.toLocaleString('en-US')} readings wait for delivery again; the gateway sends them when it starts\n`,
    );
    return EXIT.clean;
  } finally {
    buffer.close(false);
  }
}
