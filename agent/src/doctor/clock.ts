// The clock against that of an HTTP server, whose answers carry the time. Tokens for the hub last an hour and
// certificates begin and end: a clock that is far off breaks both, and spoils every reading's time before that.

import { get as httpGet, type IncomingMessage } from 'node:http';
import { get as httpsGet } from 'node:https';
import { describe } from '../model/fault.ts';
import { broken, duration, good, type Look, odd, unseen, within } from './look.ts';

const DEADLINE_MS = 5_000;
/** `Date` has whole seconds. */
const RESOLUTION_MS = 1_000;
const ODD_MS = 5_000;
const BROKEN_MS = 300_000;
const SYNC = 'let chrony or systemd-timesyncd of the host set the clock: fieldgate doctor --host says whether it does';

/** @param offset ms by which the other clock is ahead of this one; @param whose who told it */
export function judgeClock(offset: number, whose: string): Look {
  const off = Math.abs(offset);
  if (off < ODD_MS) return good('clock', `within ${duration(off + RESOLUTION_MS)} of ${whose}`);
  const what = `this clock is ${duration(off)} ${offset > 0 ? 'behind' : 'ahead of'} ${whose}`;
  if (off < BROKEN_MS) return odd('clock', what, SYNC);
  return broken('clock', `${what}: tokens for the hub and certificates are refused for it`, SYNC);
}

/** Asks `url` for its time. Who it is does not matter here, and with a wrong clock its certificate could not be judged. */
export async function clock(url: string, signal: AbortSignal): Promise<Look> {
  const begin = Date.now();
  try {
    const { headers } = await within(DEADLINE_MS, signal, (ending) => head(url, ending));
    const told = Date.parse(headers.date ?? '');
    if (Number.isNaN(told)) return unseen('clock', `${url} does not tell its time`);
    // The whole second may have begun up to one second before.
    return judgeClock(told + RESOLUTION_MS / 2 - (begin + Date.now()) / 2, url);
  } catch (thrown) {
    const mend = 'where no such host can be reached, name another web server of the site: --time http://HOST/';
    return unseen('clock', `${url} cannot be asked for its time: ${describe(thrown)}`, mend);
  }
}

function head(url: string, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const options = { method: 'HEAD', signal, agent: false };
    const taken = (response: IncomingMessage) => resolve(response.resume());
    const request = url.startsWith('https:')
      ? httpsGet(url, { ...options, rejectUnauthorized: false }, taken)
      : httpGet(url, options, taken);
    request.on('error', reject);
  });
}
