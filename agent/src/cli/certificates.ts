// `fieldgate certificates`: the gateway's own certificate, which OPC UA servers it trusts, and what changes either.

import { existsSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { type CertificateEntry, openPki, type Pki, type Place } from '../adapters/opcua/security/pki.ts';
import { typed } from '../adapters/typed.ts';
import { loadMapping } from '../config/load.ts';
import { formatMistake } from '../config/mistake.ts';
import { nearest } from '../config/nearest.ts';
import { describe, Fault } from '../model/fault.ts';
import { applicationUri } from '../wiring/opcua.ts';
import { type Arguments, parseArguments, Usage } from './arguments.ts';
import { type Command, EXIT, type Io } from './command.ts';

/** What an action did: for people, and for programs (`--json`). */
interface Done {
  readonly text: string;
  readonly json: unknown;
}

/** Why an action could not be done. */
class Failure extends Error {}

const ACTIONS: Readonly<
  Record<string, (pki: Pki, what: string | undefined, given: Arguments, io: Io) => Promise<Done>>
> = { list, trust, reject, issuer, create };

export const command: Command = {
  name: 'certificates',
  usage: 'list|trust|reject|issuer|create [THUMBPRINT|FILE] [--pki DIR] [--force] [--json]',
  summary: "The gateway's own certificate and those of the OPC UA servers: lists them, trusts or rejects one.",
  help: `
Actions:
  list                own, trusted, issuers' and rejected certificates: days left, whose, who met it and what was wrong
  trust THUMBPRINT    a rejected certificate becomes trusted, at the host it was met at; the next attempt uses it
  trust FILE          the certificate in FILE becomes trusted: a server's, or that of an authority that signs for servers
  reject THUMBPRINT   a trusted certificate becomes rejected; a connection that uses it ends within a minute
  issuer FILE         takes the certificate or the revocation list of an authority that completes chains
  create [MAPPING]    makes the gateway's own certificate now, for the site and gateway of the mapping

Options:
  --pki DIR   the folder with the certificates; default data/pki, or beside the buffer of the mapping
  --force     create: a new certificate and key although there are some; the old ones are kept in own/old
  --json      list: one JSON array; else one JSON object: { done, thumbprint, subject, … }

A thumbprint may be written with colons, in capitals, or as its first characters (eight at least) where only one
certificate begins so.

Examples:
  fieldgate certificates list
  fieldgate certificates trust 1f0a7c9be2d34c5d8a6b7c8d9e0f1a2b3c4d5e6f
  fieldgate certificates create lavera.yaml

Exit codes: 0 done, 1 it could not be done, 2 wrong usage.
`,

  async run(args, io) {
    const options = { pki: { type: 'string' }, force: { type: 'boolean' }, json: { type: 'boolean' } } as const;
    const given = parseArguments(args, options, ['ACTION', '[THUMBPRINT|FILE]']);
    const [name = '', what] = given.positionals;
    const action = Object.hasOwn(ACTIONS, name) ? ACTIONS[name] : undefined;
    if (action === undefined) {
      const near = nearest(name, Object.keys(ACTIONS));
      throw new Usage(
        `"${name}" is none of ${Object.keys(ACTIONS).join(', ')}${near ? `; did you mean "${near}"?` : ''}`,
      );
    }
    const folder = given.values.get('pki') ?? join('data', 'pki');
    try {
      // A folder that is not there is the wrong one, and is not made by looking at it.
      const looks =
        name === 'list' || name === 'reject' || (name === 'trust' && what !== undefined && isThumbprint(what));
      if (looks && isMissing(folder)) {
        throw new Failure(
          `there is no folder ${resolve(folder)}; the gateway's certificates are in "pki" beside its buffer: --pki DIR`,
        );
      }
      const { text, json } = await action(openPki(folder), what, given, io);
      io.out.write(given.flags.has('json') ? `${JSON.stringify(json, null, 2)}\n` : text);
      return EXIT.clean;
    } catch (thrown) {
      if (!(thrown instanceof Fault || thrown instanceof Failure)) throw thrown;
      io.err.write(`fieldgate certificates: ${describe(thrown)}\n`);
      return EXIT.failed;
    }
  },
};

/** A folder that this user may not look into is there, and its own message says whose it is. */
function isMissing(folder: string): boolean {
  try {
    statSync(folder);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT';
  }
}

async function list(pki: Pki): Promise<Done> {
  const entries = (await pki.list()).map((entry) => ({ ...entry, daysLeft: daysLeft(entry) }));
  const lines = entries.map((entry) => {
    const { place, thumbprint, subject, note, file } = entry;
    const met = note && `${note.source} met it at ${note.host} on ${note.seen.slice(0, 16)}Z: `;
    const more = [
      ...(file.endsWith('-next.pem') ? ["takes the place of the gateway's own one when that ends"] : []),
      ...(met ? [`${met}${note.findings.map(({ what }) => what).join('; ')}`] : []),
    ];
    const first = `${place.padEnd(8)}  ${thumbprint}  ${lasting(entry)}  ${subject}\n`;
    return first + more.map((line) => `${' '.repeat(10)}${line}\n`).join('');
  });
  const none = `no certificates yet; "${typed('certificates create MAPPING')}" makes the own one\n`;
  return { text: lines.join('') || none, json: entries };
}

const lasting = (entry: CertificateEntry) =>
  daysLeft(entry) < 0
    ? `ended ${entry.validTo.toISOString().slice(0, 10)}`
    : `${String(daysLeft(entry)).padStart(5)} days left`;

async function trust(pki: Pki, what: string | undefined): Promise<Done> {
  if (what === undefined)
    throw new Usage('trust needs a thumbprint ("fieldgate certificates list" shows them) or a file');
  if (!isThumbprint(what)) return add(pki, what, 'trusted');
  const entry = await pki.trust((await theOne(pki, what, ['rejected', 'trusted'])).thumbprint);
  if (entry === undefined) throw new Failure(`somebody else has just moved ${what}; try again`);
  let text = `trusted: ${entry.thumbprint}  ${entry.subject}\n`;
  for (const { status, what, mend } of entry.note?.findings ?? []) {
    if (status === 'BadCertificateHostNameInvalid') {
      text += `accepted at the host ${entry.note?.host}, although ${what}\n`;
    } else if (status !== 'BadCertificateUntrusted') {
      text += `still refused: ${what}${mend === undefined ? '' : `; ${mend}`}\n`;
    }
  }
  return { text, json: { done: 'trusted', ...entry } };
}

async function reject(pki: Pki, what: string | undefined): Promise<Done> {
  if (what === undefined) throw new Usage('reject needs the thumbprint; "fieldgate certificates list" shows them');
  if (!isThumbprint(what)) throw new Usage(`reject takes a thumbprint, and "${what}" is none`);
  const entry = await pki.reject((await theOne(pki, what, ['trusted'])).thumbprint);
  if (entry === undefined) throw new Failure(`somebody else has just moved ${what}; try again`);
  return {
    text: `rejected: ${entry.thumbprint}  ${entry.subject}\n`,
    json: { done: 'rejected', ...entry },
  };
}

async function issuer(pki: Pki, file: string | undefined): Promise<Done> {
  if (file === undefined) throw new Usage("issuer needs the file of an authority's certificate or revocation list");
  return add(pki, file, 'issuers');
}

async function create(pki: Pki, mapping: string | undefined, { flags, values }: Arguments, io: Io): Promise<Done> {
  let place = pki;
  let uri: string | undefined;
  if (mapping !== undefined) {
    const loaded = await loadMapping(mapping, { env: io.env });
    if ('mistakes' in loaded) {
      const mistakes = loaded.mistakes.map((one) => formatMistake(one)).join('\n');
      throw new Failure(`${mapping} has mistakes:\n${mistakes}`);
    }
    uri = applicationUri(loaded.plant);
    if (!values.has('pki')) place = openPki(join(dirname(loaded.mapping.buffer.path), 'pki'));
  }
  const own = (await place.list()).find((entry) => entry.place === 'own' && !entry.file.endsWith('-next.pem'));
  if (own !== undefined && !flags.has('force')) {
    throw new Failure(`${own.file} is there and has ${daysLeft(own)} days left; --force makes a new one`);
  }
  if (own === undefined && uri === undefined) {
    throw new Failure(
      'name the mapping, whose site and gateway become part of the certificate: certificates create MAPPING',
    );
  }
  await place.renew(uri, new Date());
  const { file, thumbprint, applicationUri: name } = await place.own(uri ?? '', new Date());
  return {
    text: `created: ${thumbprint}  ${name}\nhave the servers trust ${file}\n`,
    json: { done: 'created', thumbprint, applicationUri: name, file },
  };
}

async function add(pki: Pki, file: string, place: 'trusted' | 'issuers'): Promise<Done> {
  let data: Buffer;
  try {
    data = await readFile(file);
  } catch (error) {
    throw new Failure(`${file} cannot be read: ${describe(error)}`);
  }
  const taken = await pki.add(data, place).catch((thrown: unknown) => {
    throw new Failure(`${file} cannot be taken: ${describe(thrown)}`);
  });
  return { text: taken.map((one) => `${place}: ${one}\n`).join(''), json: { done: place, file, taken } };
}

/** Fewer characters of a thumbprint are soon those of another certificate, made to be mistaken for it. */
const SHORTEST = 8;

/** Hexadecimal, perhaps with colons or blanks as other programs show it; a file of that name goes first. */
const isThumbprint = (text: string) => /^[0-9a-f]{2}[0-9a-f: ]{2,}$/i.test(text) && !existsSync(text);

/** The certificate that is meant. @throws Failure when there is none, or more than one */
async function theOne(pki: Pki, text: string, places: readonly Place[]): Promise<CertificateEntry> {
  const wanted = text.replace(/[: ]/g, '').toLowerCase();
  if (wanted.length < SHORTEST)
    throw new Failure(`${text} is too short: ${SHORTEST} characters of a thumbprint at least`);
  const all = await pki.list();
  const found = all.filter(({ place, thumbprint }) => places.includes(place) && thumbprint.startsWith(wanted));
  const [one] = found;
  if (one !== undefined && new Set(found.map(({ thumbprint }) => thumbprint)).size === 1) return one;
  const show = ({ thumbprint, subject }: CertificateEntry) => `${thumbprint}  ${subject}`;
  if (one !== undefined) throw new Failure(`${wanted} begins more than one:\n  ${found.map(show).join('\n  ')}`);
  const elsewhere = all.find(({ thumbprint }) => thumbprint.startsWith(wanted));
  const what = `no ${places[0]} certificate has the thumbprint ${wanted} in ${pki.folder}`;
  if (elsewhere !== undefined) throw new Failure(`${what}; it is among ${elsewhere.place}: ${elsewhere.subject}`);
  if (wanted.length === 64) {
    throw new Failure(`${what}: that is a SHA-256 fingerprint; the thumbprint of OPC UA is SHA-1, 40 characters long`);
  }
  const here = all.filter(({ place }) => places.includes(place));
  const near = nearest(wanted, [...new Set(here.map(({ thumbprint }) => thumbprint))]);
  const list = typed('certificates list');
  throw new Failure(`${what}; ${near === undefined ? `"${list}" shows what is there` : `did you mean ${near}?`}`);
}

const daysLeft = ({ validTo }: CertificateEntry) => Math.floor((validTo.getTime() - Date.now()) / 86_400_000);
