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
  /** Where the mapping came from and what became of its last change; absent when it came from no file. */
  readonly mapping?: MappingStatus;
  /** Connections that run without encryption or with an untrusted certificate, and who accepted that until when. */
  readonly waivers: readonly { readonly source: string; readonly acceptedBy: string; readonly until: string }[];
}

export interface MappingStatus {
  readonly file: string;
  /** `twin`: the file is a copy of what the module twin names. */
  readonly from: 'file' | 'twin';
  /** As the twin has it. */
  readonly version?: string | undefined;
  /** SHA-256 of its files as they run, in hexadecimal. */
  readonly hash: string;
  /** Wall clock, ms since 1970. */
  readonly appliedAt: number;
  /** Changes applied since the start. */
  readonly reloads: number;
  /** The files as they are now have mistakes and do not run; null when they do. */
  readonly refused: { readonly at: number; readonly count: number; readonly mistakes: readonly string[] } | null;
  /** Keys that differ from what runs and take effect with the next start: `hub.format`. */
  readonly restart: readonly string[];
}
