// The first links of every chain: what a name means, and by which of this host's addresses its packets would leave.
// Both are told in words, with what to do; neither opens a connection.

import { createSocket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { BlockList, isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { describe } from '../model/fault.ts';
import { within } from './deadline.ts';
import type { Finding } from './survey.ts';

/** Longest that a name may take to be resolved, ms. */
const LOOKUP_DEADLINE_MS = 5_000;

export type AddressKind = 'private' | 'public' | 'this host' | 'link-local';

/** Ranges by kind: RFC 1918, RFC 6598 (carriers), RFC 4193; RFC 1122 and 4291; RFC 3927. Anything else is public. */
const RANGES: readonly (readonly [kind: AddressKind, net: string, prefix: number, family: 'ipv4' | 'ipv6'])[] = [
  ['private', '10.0.0.0', 8, 'ipv4'],
  ['private', '172.16.0.0', 12, 'ipv4'],
  ['private', '192.168.0.0', 16, 'ipv4'],
  ['private', '100.64.0.0', 10, 'ipv4'],
  ['private', 'fc00::', 7, 'ipv6'],
  ['this host', '127.0.0.0', 8, 'ipv4'],
  ['this host', '::1', 128, 'ipv6'],
  ['link-local', '169.254.0.0', 16, 'ipv4'],
  ['link-local', 'fe80::', 10, 'ipv6'],
];
const LISTS = RANGES.map(([kind, net, prefix, family]) => {
  const list = new BlockList();
  list.addSubnet(net, prefix, family);
  return { kind, list };
});

/** Who can have this address: `private` stays within the site's networks, `public` leads over the internet. */
export function addressKind(address: string): AddressKind {
  const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
  return LISTS.find(({ list }) => list.check(address, family))?.kind ?? 'public';
}

/** What a name means; without an address the chain ends here. */
export interface Named {
  readonly finding: Finding;
  readonly address?: string;
}

/** Resolves `host` as every program of this host does (hosts file, then name servers). */
export async function resolveName(host: string): Promise<Named> {
  const step = 'name';
  if (isIP(host) !== 0) {
    return { finding: { step, verdict: 'good', what: `${host} is an address (${addressKind(host)})` }, address: host };
  }
  const begin = performance.now();
  const late = () => new Error(`no answer within ${LOOKUP_DEADLINE_MS} ms`);
  try {
    const { address } = await within(LOOKUP_DEADLINE_MS, lookup(host), late);
    const took = Math.max(1, Math.round(performance.now() - begin));
    const what = `${host} is ${address} (${addressKind(address)}), known after ${took} ms`;
    return { finding: { step, verdict: 'good', what }, address };
  } catch (thrown) {
    const mend = 'write the address in numbers, or give this host a name server that knows it';
    return { finding: { step, verdict: 'broken', what: `${host} cannot be resolved: ${describe(thrown)}`, mend } };
  }
}

/** Which of this host's addresses packets to `address` leave by. Asks the kernel alone: nothing is sent. */
export async function findRoute(address: string): Promise<Finding> {
  const step = 'route';
  const socket = createSocket(isIP(address) === 6 ? 'udp6' : 'udp4');
  try {
    // A connected UDP socket has its route chosen, and has sent nothing.
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.connect(9, address, () => resolve());
    });
    const local = socket.address().address;
    const card = Object.entries(networkInterfaces()).find(([, own]) => own?.some((one) => one.address === local))?.[0];
    return { step, verdict: 'good', what: `from ${local}${card === undefined ? '' : ` (${card})`}` };
  } catch (thrown) {
    return {
      step,
      verdict: 'broken',
      what: `this host has no way to ${address}: ${describe(thrown)}`,
      mend: 'is the network card up (ip address), and is there a route to that network (ip route)? In a container: its network',
    };
  } finally {
    socket.close();
  }
}
