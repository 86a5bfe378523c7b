// What the commands `read`, `plan`, `browse` and `doctor`, and the direct methods alike, ask of a source beside the
// running gateway: one connection of its own, few questions, each with a deadline, always closed, never a write.

import type { Batch } from '../model/batch.ts';
import type { Fault, Refused } from '../model/fault.ts';

/** What a protocol offers for its sources. Made from the same options as the adapter; opens nothing until asked. */
export interface Survey {
  /** What the adapter would ask for and how often. Pure: no connection is made. */
  plan(): readonly Planned[];
  /**
   * Reads tags (by `Tag.index`) once: each gets exactly one reading, a value or a Bad status that says why. Rejects
   * with a Fault (`source.*`) when the source cannot be reached at all.
   */
  read(tags: readonly number[], signal: AbortSignal): Promise<Answer>;
  /** Walks what the source offers; undefined for protocols that cannot be walked. */
  readonly browse?: (wish: BrowseWish, signal: AbortSignal) => AsyncIterable<Browsed>;
  /** Looks along the chain from name to tags and tells each link, the good ones too, up to the first that is broken. */
  examine(signal: AbortSignal): AsyncIterable<Finding>;
}

/** One request or subscription of the plan. */
export interface Planned {
  /** How often, ms. */
  readonly every: number;
  /** One line for people: `unit 1 holding 10-19 (10 registers, 2 of them nobody asked for)`. */
  readonly text: string;
  /** `Tag.index` of what comes with it. */
  readonly tags: readonly number[];
  /** The same for programs: flat, stable names. */
  readonly facts: Readonly<Record<string, string | number>>;
}

export interface Answer {
  /** As the adapter would deliver them: before scaling. */
  readonly batch: Batch;
  /** Modbus: the words as they came, by tag. */
  readonly words?: ReadonlyMap<number, readonly number[]>;
  /** What a status cannot say, by tag: the exception in words, the server's own text. */
  readonly details: ReadonlyMap<number, string>;
  /** Duration of each request, ms. */
  readonly roundTrips: readonly number[];
  /** Of a redundant set: which server answered. */
  readonly server?: Choice;
}

/** The server of a redundant set that was asked. */
export interface Choice {
  readonly endpoint: string;
  /** What is wrong with it, where no other was better. */
  readonly remark?: string;
  /** Those tried that were not asked, and why, in the order of the mapping. */
  readonly passedOver: readonly Refused[];
}

export interface BrowseWish {
  /** Node id or browse path to begin at; default: the Objects folder. */
  readonly under?: string;
  /** Told now and then while it walks: nodes seen, and how many of them could not be looked into, by why. */
  readonly progress: (nodes: number, refused: ReadonlyMap<string, number>) => void;
  /** Told when the link broke; the walk goes on where it was if the server comes back. */
  readonly broken?: (fault: Fault) => void;
  /** How long it may take to come back, ms. Default: a minute. */
  readonly patience?: number;
}

/** A variable that was found. */
export interface Browsed {
  /** With `nsu=`, so that it survives a change of the namespace index. */
  readonly node: string;
  /** Browse path below Root. */
  readonly path: string;
  readonly name: string;
  /** Data type by name: Double, Boolean, Int32[], the name of a structure or an enumeration. */
  readonly type: string;
  readonly unit?: string;
  readonly range?: readonly [number, number];
  /** What its numbers mean (0, 1, …, or false and true), where the server has texts for them; a hundred at most. */
  readonly texts?: Readonly<Record<string, string>>;
  readonly description?: string;
  /** Whether this user may read it now. */
  readonly readable: boolean;
  /** `Tag.index` of the tags of the mapping that are read from it. */
  readonly tags?: readonly number[];
}

/** One link of the chain, looked at. */
export interface Finding {
  /** What was looked at: name, route, port, security, certificate, login, clock, tags, … */
  readonly step: string;
  /** `odd` works and deserves a look; after `broken` nothing further along the chain is told. */
  readonly verdict: 'good' | 'odd' | 'broken';
  /** In words, with the figures measured. */
  readonly what: string;
  /** What to do about it, with the command where there is one. */
  readonly mend?: string;
}
