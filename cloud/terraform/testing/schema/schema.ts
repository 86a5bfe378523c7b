// What a provider's schema says, in the shape of the plugin protocol: attributes with their type, nested blocks with
// their nesting and how many there may be. Types are written as Terraform writes them in JSON: "string", ["list", …].

export type AttributeType =
  | 'string'
  | 'number'
  | 'bool'
  | 'dynamic'
  | readonly ['list' | 'set' | 'map', AttributeType]
  | readonly ['object', Readonly<Record<string, AttributeType>>];

export interface Attribute {
  readonly name: string;
  readonly type: AttributeType;
  readonly required?: boolean;
  readonly optional?: boolean;
  readonly computed?: boolean;
}

export type Nesting = 'SINGLE' | 'LIST' | 'SET';

export interface NestedBlock {
  readonly name: string;
  readonly nesting: Nesting;
  readonly min: number;
  /** 0: any number. */
  readonly max: number;
  readonly block: Block;
}

export interface Block {
  readonly attributes: readonly Attribute[];
  readonly blocks: readonly NestedBlock[];
}

/** A provider as Terraform asks for it. The keys of resources and data sources are type names. */
export interface ProviderSchema {
  readonly provider: Block;
  readonly resources: Readonly<Record<string, Block>>;
  readonly dataSources: Readonly<Record<string, Block>>;
}

/** The schema with only those types that `wanted` names: answers are quicker and test output shorter. */
export function subset(schema: ProviderSchema, wanted: (type: string) => boolean): ProviderSchema {
  const keep = (types: Readonly<Record<string, Block>>) =>
    Object.fromEntries(Object.entries(types).filter(([type]) => wanted(type)));
  return { provider: schema.provider, resources: keep(schema.resources), dataSources: keep(schema.dataSources) };
}
