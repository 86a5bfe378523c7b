// SAS tokens as edgeHub checks them: the signature is an HMAC-SHA256 with the module's key over the resource as sent
// and the expiry; the resource must be the very module that connects.

import { createHmac, timingSafeEqual } from 'node:crypto';

/** Who may connect, and the key (base64) that proves it. */
export interface Identity {
  readonly hostName: string;
  readonly deviceId: string;
  readonly moduleId: string;
  readonly key: string;
}

/** base64 HMAC-SHA256 of `data` with the base64 `key`: what the workload API's sign call answers. */
export function sign(key: string, data: Buffer | string): string {
  return createHmac('sha256', Buffer.from(key, 'base64')).update(data).digest('base64');
}

/**
 * Why `token` does not prove that its bearer is `identity`, or undefined when it does.
 * @param now ms since 1970
 */
export function flawOf(token: string, identity: Identity, now = Date.now()): string | undefined {
  const [scheme, fields] = token.split(' ', 2);
  if (scheme !== 'SharedAccessSignature' || fields === undefined) return 'not a shared access signature';
  const parts = new Map(fields.split('&').map((part) => splitOnce(part)));
  const [sr, sig, se] = [parts.get('sr'), parts.get('sig'), parts.get('se')];
  if (!sr || !sig || !se) return 'sr, sig or se is missing';
  const { hostName, deviceId, moduleId } = identity;
  if (decode(sr) !== `${hostName}/devices/${deviceId}/modules/${moduleId}`) return 'made for another resource';
  const expected = Buffer.from(sign(identity.key, `${sr}\n${se}`));
  const given = Buffer.from(decode(sig));
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return 'wrong signature';
  if (!(Number(se) * 1000 > now)) return 'expired';
  return undefined;
}

function splitOnce(part: string): [string, string] {
  const at = part.indexOf('=');
  return at < 0 ? [part, ''] : [part.slice(0, at), part.slice(at + 1)];
}

/** Percent-decoding that answers the empty string to what is not encoded properly. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
}
