// A gateway's status in the middle of its life, for tests of what is made from it.

import type { GatewayStatus } from '../../agent/src/observe/status.ts';

/** Two sources, one of them in trouble and one unreachable; a hub that is connected; a backlog. */
export function sampleStatus(): GatewayStatus {
  const now = Date.now();
  return {
    version: '0.1.0',
    site: 'lavera',
    gateway: 'gw-cdu1-01',
    epoch: '20261122T100000-abcdef',
    startedAt: now - 60_000,
    phase: 'running',
    sources: [
      {
        name: 'cdu1-dcs',
        protocol: 'opcua',
        address: 'opc.tcp://10.20.1.15:4840',
        tags: 3,
        state: {
          state: 'degraded',
          since: now - 50_000,
          trouble: new Map([['20KEYPHASOR1.PASSWORD', 'BadNodeIdUnknown']]),
          troubleCount: 5_000,
        },
        received: 1200,
        connects: 2,
        lastReading: now - 1_500,
        losses: { overflows: 5, messagesLost: 1, messagesRepublished: 2, recovered: 7, backfillsForgotten: 0 },
      },
      {
        name: 'flare-plc',
        protocol: 'modbus-tcp',
        address: '10.20.4.7:502',
        tags: 5,
        state: { state: 'waiting', attempt: 3, until: now + 4_000, code: 'source.unreachable', reason: 'ECONNREFUSED' },
        received: 0,
        connects: 0,
        lastReading: null,
        polling: { requests: 40, failed: 4, lost: 4_000, overruns: 3 },
      },
    ],
    store: {
      buffer: {
        pending: 410,
        pendingReadings: 400,
        bytes: 20_000_000,
        maxBytes: 4_000_000_000,
        committedReadings: 1190,
        committedBytes: 9_520,
        dropped: { 'buffer-full': 17 },
        missingNumbers: 2,
        backlog: 300,
        oldest: now - 90_000,
        commits: 55,
        keptReadings: 700,
        keptBytes: 5_600,
      },
      forwarder: {
        hub: { state: 'connected', since: now - 40_000 },
        deliveredReadings: 790,
        deliveredMessages: 12,
        deliveredBytes: 34_567,
        resentMessages: 1,
        inFlight: 2,
      },
      salvage: [
        {
          file: 'data/buffer.db.damaged-20261122T100000000Z',
          epoch: '20261101T080000-a1b2c3',
          waiting: 70,
          delivered: 30,
          deliveredNow: 20,
          lost: 4,
          dropped: { 'buffer-damaged': 4 },
          missingNumbers: 3,
          done: false,
        },
      ],
      waiting: { batches: 1, bytes: 1_600 },
      accepted: 1195,
      refused: 5,
      uncommitted: 0,
    },
    withheld: 42,
    waivers: [{ source: 'cdu1-dcs', acceptedBy: 'OT security officer', until: '2027-03-31' }],
  };
}
