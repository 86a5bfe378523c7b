// The state of a gateway at one moment, as /status shows it and as the metrics are made from it: plain data.

import type { SourceStats } from '../adapters/supervisor.ts';
import type { StoreStats, WaitingStats } from '../store/store.ts';

export interface GatewayStatus {
  readonly version: string;
  readonly site: string;
  readonly gateway: string;
  readonly epoch: string;
  /** Wall clock of the start, ms since 1970. */
  readonly startedAt: number;
  /** `starting` until every source has been started, `stopping` once the end was asked for. */
  readonly phase: 'starting' | 'running' | 'stopping';
  readonly sources: readonly SourceStats[];
  readonly store: StoreStats & WaitingStats;
  /** Readings that conditioning did not send (deadband, swinging door), since the start. */
  readonly withheld: number;
  /** Connections that run without encryption or with an untrusted certificate, and who accepted that until when. */
  readonly waivers: readonly { readonly source: string; readonly acceptedBy: string; readonly until: string }[];
}
