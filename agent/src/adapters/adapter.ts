// What every protocol implements. An adapter connects, delivers batches until it is told to stop, and closes.
// It never sleeps to retry, never counts, never logs "retrying": the supervisor (supervisor.ts) owns backoff,
// state, counters and gap records. A new protocol is one folder that passes test/adapters/suite.ts.

import type { Batch } from '../model/batch.ts';
import type { Gap } from '../model/gap.ts';
import type { Timestamp } from '../model/time.ts';

/** Where an adapter's batches go. No call ever throws or blocks. */
export interface Sink {
  /** Readings in the order in which the source made them. The adapter keeps no reference to the batch. */
  deliver(batch: Batch): void;
  /**
   * From now on nothing that the source offers is missed: every subscription stands, every tag has been asked for
   * once. Called once in each run, as early as that is true; it ends the gap record of the outage before.
   * @param whole nothing of the outage is missing: what was made meanwhile has come, or comes as readings of its time
   * @returns the outage that ends by this and of which something is missing: what the source remembers of it may be
   * delivered in the lane `backfill` (`Batch.stream`), and told by a gap record with `recovered`
   */
  ready(whole?: boolean): Outage | undefined;
  /** What the source made of what it was asked for (slower sampling, shorter queues): flat figures, for log and status. */
  granted(facts: Readonly<Record<string, number>>): void;
  /**
   * Facts that the source knows and the mapping may lack: a range that thinning needs before the tag's first reading, a
   * unit as soon as it is known.
   */
  describe(tag: number, facts: TagFacts): void;
  /** Something the adapter knows to be missing while it is connected (queue overflow, sequence hole). */
  gap(gap: Omit<Gap, 'source'>): void;
  /**
   * What is wrong with parts of the source while the rest works: one line of text per tag or unit, by a stable
   * key such as the tag's name. An empty map means all is well. Replaces what was reported before.
   */
  trouble(parts: ReadonlyMap<string, string>): void;
}

/** A time of which something is missing. */
export type Outage = Pick<Gap, 'reason' | 'from'> & { readonly to: Timestamp };

/** What a source says of a tag itself. */
export interface TagFacts {
  /** Engineering unit. */
  readonly unit?: string;
  /** EURange: lowest and highest value in engineering units. */
  readonly range?: readonly [number, number];
}

export interface Adapter {
  /**
   * Opens the connection, checks the peer's identity and prepares what `run` needs. One attempt.
   * Rejects with a Fault (`source.*`); after a rejection or an abort nothing is left open.
   */
  connect(signal: AbortSignal): Promise<void>;
  /**
   * Delivers batches until `signal` aborts (then it resolves) or the connection is lost and one immediate attempt to
   * have it again, where the protocol allows that without a loss, has failed (then it rejects with a Fault). Called once after each successful connect. Every configured tag gets a first reading soon: a value or,
   * if the tag cannot be read, a Bad status that says why.
   */
  run(sink: Sink, signal: AbortSignal): Promise<void>;
  /** Ends the connection. Legal at any time and twice; returns when nothing runs any more, within `CLOSE_DEADLINE_MS`. */
  close(): Promise<void>;
}

export const CLOSE_DEADLINE_MS = 5_000;

/** An adapter is made anew for every connection attempt, so that no state of a broken connection survives. */
export type AdapterFactory = () => Adapter;

/** What the supervisor has to know of a source. */
export interface Source {
  readonly name: string;
  readonly protocol: string;
  /** Where it is, for people: `opc.tcp://10.20.1.15:4840`. */
  readonly address: string;
  /** Tag indices of this source; they get a Bad reading when the link is lost. */
  readonly tags: readonly number[];
  /** How old a reading may be when it arrives, in ms (sampling and publishing, or the poll): how far a gap reaches back. */
  readonly latency: number;
  readonly create: AdapterFactory;
  /** What polling has done since the start; of protocols that poll. */
  readonly polling?: () => PollingFacts;
  /** What servers have lost and what was had again; of protocols that can tell. */
  readonly losses?: () => LossFacts;
  /** What is known of the connection; of the last one while there is none. */
  readonly connection?: () => ConnectionFacts | undefined;
  /**
   * Tells an adapter that runs, made by this source or by the one it takes the place of, which tags have come and which
   * are gone. From its return on nothing is delivered for those gone, every new one gets a first reading soon, and
   * all others are not disturbed. A source without it, or one that throws, is connected anew instead.
   */
  readonly retag?: (adapter: Adapter, change: TagChange) => void;
}

/** Counts over all connections of a source. */
export interface PollingFacts {
  readonly requests: number;
  /** Requests that ended without a usable reply. */
  readonly failed: number;
  /** ms that the line spent on requests that failed. */
  readonly lost: number;
  /** Polls that were left out because the one before took too long. */
  readonly overruns: number;
}

/** What a server lost on the way here, counted since the start over all connections. */
export interface LossFacts {
  /** Readings next to which the server's queue had dropped others. */
  readonly overflows: number;
  /** Messages missing for good, and those that were missing and had again. */
  readonly messagesLost: number;
  readonly messagesRepublished: number;
  /** Readings had afterwards from the server's history. */
  readonly recovered: number;
  /** Gaps whose history was not read because too many waited. */
  readonly backfillsForgotten: number;
}

/** What a source tells of its connection, for `/status`, the metrics and the log: plain data. */
export interface ConnectionFacts {
  /** Where it is connected. */
  readonly endpoint: string;
  /** How it is secured: `Aes256_Sha256_RsaPss/SignAndEncrypt`. */
  readonly security: string;
  /** The same of everything that the server offers. */
  readonly offered: readonly string[];
  readonly certificates: readonly CertificateFacts[];
  /** What deserves a look though it works, in words. */
  readonly remarks: readonly string[];
  /**
   * Of a redundant set: every server, its OPC UA ServiceLevel (null: it cannot be asked), how it stands by (null: not
   * known yet), and which one is in use.
   */
  readonly servers?: readonly {
    readonly endpoint: string;
    readonly serviceLevel: number | null;
    readonly health: string;
    readonly mode: string | null;
    readonly used: boolean;
  }[];
}

export interface CertificateFacts {
  /** Whose it is; `next` takes the gateway's place on its last day. */
  readonly of: 'server' | 'gateway' | 'next' | 'user';
  /** SHA-1, as OPC UA names a certificate. */
  readonly thumbprint: string;
  readonly subject: string;
  /** Its last moment, ISO 8601. */
  readonly validTo: string;
}

/** What became of a source's tags in a change of the mapping, by `Tag.index`. An index never means another tag. */
export interface TagChange {
  readonly added: readonly number[];
  readonly gone: readonly number[];
}

/** The wall clock, passed in where a test needs to control it. */
export type Clock = () => Timestamp;
