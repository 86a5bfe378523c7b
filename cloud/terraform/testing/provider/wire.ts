// Between the schema as we hold it and the messages of the protocol, and from MessagePack to plain values.
// A value that is not known yet arrives as an extension type; it becomes UNKNOWN, which every rule lets pass.

import { decode, ExtensionCodec } from '@msgpack/msgpack';
import type { Block, ProviderSchema } from '../schema/schema.ts';

/** A value that only an apply will tell. */
const UNKNOWN: unique symbol = Symbol('unknown');

// cty: extension 0 is an unknown value, 12 one of which something is known (a prefix, not null)
const CODEC = new ExtensionCodec();
for (const type of [0, 12]) {
  CODEC.register({
    type,
    encode: () => null,
    decode: () => UNKNOWN,
  });
}

/** A configuration as it came over the wire; JSON is the other encoding that the protocol allows. */
export function configOf(dynamic: { readonly msgpack?: Uint8Array; readonly json?: Uint8Array } | null): unknown {
  if (dynamic?.msgpack !== undefined && dynamic.msgpack.length > 0) {
    return decode(dynamic.msgpack, { extensionCodec: CODEC });
  }
  if (dynamic?.json !== undefined && dynamic.json.length > 0) return JSON.parse(Buffer.from(dynamic.json).toString());
  return null;
}

function blockMessage({ attributes, blocks }: Block): object {
  return {
    attributes: attributes.map(({ type, ...rest }) => ({ ...rest, type: Buffer.from(JSON.stringify(type)) })),
    block_types: blocks.map(({ name, nesting, min, max, block }) => ({
      type_name: name,
      nesting,
      min_items: min,
      max_items: max,
      block: blockMessage(block),
    })),
  };
}

function schemas(types: Readonly<Record<string, Block>>): object {
  return Object.fromEntries(
    Object.entries(types).map(([type, block]) => [type, { version: 0, block: blockMessage(block) }]),
  );
}

/** The answer to GetSchema. */
export function schemaMessage({ provider, resources, dataSources }: ProviderSchema): object {
  return {
    provider: { version: 0, block: blockMessage(provider) },
    resource_schemas: schemas(resources),
    data_source_schemas: schemas(dataSources),
    server_capabilities: { get_provider_schema_optional: true },
  };
}
