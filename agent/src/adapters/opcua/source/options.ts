// What an OPC UA source is made of, as the gateway's composition root hands it over: resolved from the mapping,
// durations in ms, secrets as functions that fetch them only when they are about to be used.

import type { ConnectionFacts } from '../../adapter.ts';
import type { FailoverMode } from './failover.ts';

export interface OpcUaOptions {
  /** The source's name, for messages. */
  readonly name: string;
  /** `opc.tcp://host:port/path` */
  readonly endpoint: string;
  /** Absent, or without a policy: the best that both know. Without a mode: SignAndEncrypt. */
  readonly security?: {
    readonly policy?: 'Basic256Sha256' | 'Aes128_Sha256_RsaOaep' | 'Aes256_Sha256_RsaPss' | 'None' | undefined;
    readonly mode?: 'Sign' | 'SignAndEncrypt' | 'None' | undefined;
  };
  /** Who accepted a connection that is not secure, and the last day (UTC, `2027-03-31`) on which that holds. */
  readonly insecure?: { readonly acceptedBy: string; readonly until: string };
  /** Absent: anonymous. `certificate` and `key` are PEM files. */
  readonly user?:
    | { readonly name: string; readonly password: () => Promise<string> }
    | { readonly certificate: string; readonly key: string };
  /** How often the server sends what it sampled, ms. */
  readonly publishing: number;
  /** How long an outage the server's queues should bridge, ms. Default 10 s. */
  readonly bridge?: number;
  /** Of a redundant set: how its servers stand by. Absent: as each says itself. */
  readonly redundancy?: FailoverMode;
  /** Folder of the gateway's certificates; all sources share it. */
  readonly pki: string;
  /** The gateway's ApplicationUri, part of its certificate: `urn:lavera:gw-cdu1-01:fieldgate`. */
  readonly applicationUri: string;
  readonly tags: readonly OpcUaTag[];
  /** Absent: events are not wanted. */
  readonly events?: EventsOptions;
  /** Told what is known of the connection, when it is made and now and then while it lasts. */
  readonly tell?: (facts: ConnectionFacts) => void;
  /** The calendar, by which waivers and certificates end. Default: the machine's clock. */
  readonly today?: () => Date;
}

export interface OpcUaTag {
  /** `Tag.index` */
  readonly index: number;
  /** The tag's name, for messages and gap records. */
  readonly name: string;
  /** Node id, `nsu=<uri>;s=…` or `ns=<index>;s=…`; this or `path`. */
  readonly node?: string;
  /** Browse path from the Root folder: `/Objects/2:Crude unit/2:FIC101`. */
  readonly path?: string;
  /** How often the server looks at the signal, or the gateway asks for it, ms. */
  readonly sampling: number;
  /** `poll`: read again and again, for servers without subscriptions. Default: a monitored item. */
  readonly mode?: 'subscribe' | 'poll';
  /** A deadband that the server may apply itself, in units of the node: a change, or percent of EURange. */
  readonly deadband?: { readonly kind: 'absolute' | 'percent'; readonly size: number };
  /** Whether the server's history may fill a gap. */
  readonly history?: boolean;
  /** Whether EURange of the node is wanted before its first reading (`Sink.describe`). */
  readonly wantsRange: boolean;
  /** Whether its EngineeringUnits are wanted. */
  readonly wantsUnit?: boolean;
  /** Whether the text of an enumeration takes the place of its number. `welcome`: where there is one. */
  readonly enumText?: 'wanted' | 'welcome';
}

/** Which events of a source are wanted. */
export interface EventsOptions {
  /** `Tag.index` and name of the tag that takes the events. */
  readonly index: number;
  readonly name: string;
  /** Node id of the object whose events are wanted. */
  readonly notifier: string;
  /** 1: all. */
  readonly severityFrom: number;
  /** Node ids of event types; they and their subtypes are wanted. None: all. */
  readonly types: readonly string[];
  /** More fields, as browse paths. */
  readonly fields: readonly string[];
  /** Whether the fields of conditions are wanted, and their refresh. */
  readonly conditions: boolean;
}

/** Durations that a test shortens; all in ms. */
export interface Timings {
  /** Longest that `connect` may take. */
  readonly connect: number;
  /** Longest that TCP may take within that, and then the answer to the first message: nobody may be there. */
  readonly reach: number;
  /** Longest that one service call may take. */
  readonly request: number;
  /** How often a server with nothing to say sends a keep-alive; three of them missing end the connection. */
  readonly keepAlive: number;
  /** Silence after which a server is asked whether it is there, and suspected when it does not answer in as long again. */
  readonly quiet: number;
  /** How often a connected server's certificate and the waiver are looked at again. */
  readonly recheck: number;
  /** How long session and subscriptions outlive the link on the server: an outage that its queues can bridge. */
  readonly outlive: number;
  /** When tags that could not be read are tried again for the first time; later ever more seldom, up to 20 times that. */
  readonly retry: number;
}

export const TIMINGS: Timings = {
  connect: 20_000,
  reach: 3_500,
  request: 10_000,
  keepAlive: 5_000,
  quiet: 1_000,
  recheck: 60_000,
  outlive: 300_000,
  retry: 15_000,
};

/** How long an outage the server's queues should bridge when the mapping does not say, ms. */
export const BRIDGE = 10_000;
