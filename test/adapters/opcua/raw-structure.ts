// A structure as a server of any kind sends it: the id of its encoding, and bytes that the test chooses.

import { DataType, DataValue, ExtensionObject, type NodeId, StatusCodes, Variant } from 'node-opcua-client';
import { ExpandedNodeId } from 'node-opcua-nodeid';

/** Its bytes are these. The library's server makes copies by handing one to the constructor. */
class Raw extends ExtensionObject {
  readonly id: ExpandedNodeId;
  readonly body: Buffer;

  constructor({ id, body }: { readonly id: ExpandedNodeId; readonly body: Buffer }) {
    super();
    this.id = id;
    this.body = body;
  }

  override get schema() {
    return { name: 'Raw', fields: [], encodingDefaultBinary: this.id } as never;
  }

  override encode(stream: { writeUInt8(byte: number): void }): void {
    for (const byte of this.body) stream.writeUInt8(byte);
  }
}

/** A Good value that holds it. */
export function structureOf({ identifierType, value, namespace }: NodeId, body: Buffer): DataValue {
  const id = new ExpandedNodeId(identifierType, value, namespace);
  const made = new DataValue(null);
  made.value = new Variant({ dataType: DataType.ExtensionObject, value: new Raw({ id, body }) });
  made.statusCode = StatusCodes.Good;
  made.sourceTimestamp = new Date();
  return made;
}
