// OPC UA node ids as text (OPC 10000-6, section 5.3.1.10), with the namespace by URI or by index.

const GUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** What is wrong with a node id, or undefined. */
export function nodeIdProblem(text: string): string | undefined {
  const match = /^(?:nsu=([^;]+);|ns=(\d+);)?([isgb])=(.+)$/s.exec(text);
  if (match === null) return 'write a node id, like "nsu=urn:vendor:plc;s=FIC101.PV" or "ns=2;s=FIC101.PV"';
  const [, , index, kind, identifier = ''] = match;
  if (index !== undefined && Number(index) > 65_535) return `ns=${index} is beyond 65535, the highest namespace index`;
  if (kind === 'i' && (!/^\d+$/.test(identifier) || Number(identifier) > 0xffff_ffff)) {
    return 'after "i=" write a whole number from 0 to 4294967295; a name is written with "s="';
  }
  if (kind === 'g' && !GUID.test(identifier)) {
    return 'after "g=" write a GUID, like 09087e75-8e5e-499b-954f-f2a9603db28a';
  }
  if (kind === 'b' && !BASE64.test(identifier)) return 'after "b=" write Base64';
  if (kind === 's' && identifier.length > 4096) return 'an identifier has at most 4096 characters';
  return undefined;
}
