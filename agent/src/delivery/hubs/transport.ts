// Which transport the next attempt to reach edgeHub takes. Pure: what was, and how it went, in; what is next, out.
// edgeHub 1.6.0 and 1.6.1 lose the MQTT CONNECT that follows the TLS handshake, so that a client waits for an answer
// that never comes (Azure/iotedge #7539); their AMQP is well.

export type Transport = 'mqtt' | 'amqp' | 'amqp-ws';
export type TransportSetting = 'auto' | Transport;

/** How far an attempt came: no socket yet, a socket, TLS, an answer in the protocol's own words. */
export type Progress = 'none' | 'dialled' | 'secured' | 'answered';

/** Where the choice stands between two attempts. */
export interface Way {
  readonly transport: Transport;
  /** Attempts in a row that found nobody by this transport. */
  readonly misses: number;
  /** The other transport has been tried since the last connection: nothing is gained by hurrying. */
  readonly patient: boolean;
}

/** So long may the first MQTT attempt of `auto` wait for its answer, ms. */
const HURRIED_MS = 15_000;
/** A port that nobody opens: after so many attempts the other one is tried. */
const MOST_MISSES = 3;

/** The way of the first attempt of a process. */
export function firstWay(setting: TransportSetting): Way {
  return { transport: setting === 'auto' ? 'mqtt' : setting, misses: 0, patient: false };
}

/** The way after a connection has stood: what worked is what the next attempt begins with. */
export function wayAfterConnection({ transport }: Way): Way {
  return { transport, misses: 0, patient: false };
}

/**
 * The way after an attempt failed that came as far as `progress`. A peer that was reached and said nothing is asked by
 * the other transport at once, one that was not reached after three attempts. One that answered, whatever it said, and
 * an attempt that failed before the network say nothing about the transport.
 */
export function wayAfterFailure(setting: TransportSetting, way: Way, progress: Progress): Way {
  if (setting !== 'auto' || progress === 'none' || progress === 'answered') return way;
  const misses = way.misses + 1;
  if (progress === 'dialled' && misses < MOST_MISSES) return { ...way, misses };
  return { transport: way.transport === 'mqtt' ? 'amqp' : 'mqtt', misses: 0, patient: true };
}

/** How long the next attempt may take, ms. @param deadline the contract's */
export function attemptDeadline(setting: TransportSetting, way: Way, deadline: number): number {
  return setting === 'auto' && way.transport === 'mqtt' && !way.patient ? Math.min(HURRIED_MS, deadline) : deadline;
}
