// The plant: what the gateway reads once a mapping has been checked. Defaults are merged into every tag, so no room
// below has to know where a value came from. Tags of YAML and of CSV files look alike here.

import type { Priority } from '../model/tag.ts';
import type { ModbusAddress } from './address.ts';
import type { Deadband } from './fields.ts';
import type { ByteOrder, Encoding, ModbusSource, ModbusTag } from './schema/modbus.ts';
import type { OpcUaSource } from './schema/opcua.ts';
import type { SunSpecPlace } from './sunspec.ts';

interface TagBasis {
  /** Unique in the gateway. */
  readonly name: string;
  /** Engineering unit. */
  readonly unit?: string;
  readonly description?: string;
  readonly priority: Priority;
  readonly deadband?: Deadband;
  /** Lowest and highest value in engineering units: `range` of the mapping, else what `scale` leads to. */
  readonly range?: readonly [number, number];
  /** Milliseconds. */
  readonly heartbeat?: number;
  /** Error in engineering units. */
  readonly swingingDoor?: number;
  readonly scale?: Scale;
  /** Values beyond the range become its ends. */
  readonly clamp?: boolean;
}

/** Linear scaling, raw to engineering units. */
export interface Scale {
  readonly from: readonly [number, number];
  readonly to: readonly [number, number];
}

export interface ResolvedOpcUaTag extends TagBasis {
  /** Node id; exactly one of `node` and `path` is there. */
  readonly node?: string;
  readonly path?: string;
  /** Milliseconds; 0 is as fast as the server can. */
  readonly sampling: number;
  readonly mode: 'subscribe' | 'poll';
  readonly history: 'auto' | 'none';
  /** Texts in place of numbers. welcome: the source's defaults want them, and nothing is wrong where there are none. */
  readonly enumText?: 'wanted' | 'welcome';
}

export interface ResolvedModbusTag extends TagBasis {
  readonly address: ModbusAddress;
  readonly type: ModbusType;
  /** Eight letters for types of eight bytes, four for all others; a string knows ABCD and BADC only. */
  readonly order: ByteOrder;
  /** How the sign is written; undefined: two's complement. */
  readonly sign?: 'magnitude';
  /** Of text; undefined: Latin-1. */
  readonly encoding?: Encoding;
  /** Bits that mean "no value", after the order: hexadecimal, as wide as the type; `NaN` for every float that is none. */
  readonly notImplemented?: readonly string[];
  /** Bits that mean a broken sensor, likewise. */
  readonly sensorFailure?: readonly string[];
  /** Of a SunSpec device: which model the address counts from. */
  readonly sunspec?: SunSpecPlace;
  readonly unitId: number;
  /** Milliseconds. */
  readonly poll: number;
}

export type ModbusType = NonNullable<ModbusTag['type']>;
export type ResolvedTag = ResolvedOpcUaTag | ResolvedModbusTag;

export interface ResolvedOpcUaSource {
  readonly name: string;
  readonly protocol: 'opcua';
  readonly config: OpcUaSource & {
    readonly publishing: number;
    /** The first of `endpoints`. */
    readonly endpoint: string;
    /** More than one: a redundant set. */
    readonly endpoints: readonly string[];
  };
  readonly tags: readonly ResolvedOpcUaTag[];
}

export interface ResolvedModbusSource {
  readonly name: string;
  readonly protocol: ModbusSource['protocol'];
  readonly config: ModbusSource;
  readonly tags: readonly ResolvedModbusTag[];
}

export type ResolvedSource = ResolvedOpcUaSource | ResolvedModbusSource;

export interface Plant {
  readonly site: string;
  /** The gateway's own name, from the mapping or from its host. */
  readonly gateway: string;
  readonly sources: readonly ResolvedSource[];
}
