// `fieldgate certificates`: the gateway's own certificate, which OPC UA servers it trusts, and what changes either.

import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type CertificateEntry, openPki, type Pki } from '../adapters/opcua/pki.ts';
import { loadMapping } from '../config/load.ts';
import { formatMistake } from '../config/mistake.ts';
import { describe } from '../model/fault.ts';
import { applicationUri } from '../wiring/opcua.ts';
import { type Arguments, parseArguments, Usage } from './arguments.ts';
import { type Command, EXIT, type Io } from './command.ts';

const ACTIONS: Readonly<
  Record<string, (pki: Pki, what: string | undefined, given: Arguments, io: Io) => Promise<number>>
> = { list, trust, reject, issuer, create };

export const command: Command = {
  name: 'certificates',
  usage: 'list|trust|reject|issuer|create [THUMBPRINT|FILE] [--pki DIR] [--force] [--json]',
  summary: "The gateway's own certificate and those of the OPC UA servers: lists them, trusts or rejects one.",
  help: `
  list                own, trusted, issuers' and rejected certificates: days left, whose, who met it and what was wrong
  trust THUMBPRINT    a rejected certificate becomes trusted, at the host it was met at; the next attempt uses it
  trust FILE          the certificate in FILE becomes trusted: a server's, or that of an authority that signs for servers
  reject THUMBPRINT   a trusted certificate becomes rejected; a connection that uses it ends within a minute
  issuer FILE         takes the certificate or the revocation list of an authority that completes chains
  create [MAPPING]    makes the gateway's own certificate now, for the site and gateway of the mapping

Options:
  --pki DIR   the folder with the certificates; default data/pki, or beside the buffer of the mapping
  --force     create: a new certificate and key although there are some; the old ones are kept in own/old
  --json      list: one JSON array

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
    if (action === undefined) throw new Usage(`"${name}" is none of ${Object.keys(ACTIONS).join(', ')}`);
    return action(openPki(given.values.get('pki') ?? join('data', 'pki')), what, given, io);
  },
};

async function list(pki: Pki, _: string | undefined, { flags }: Arguments, io: Io): Promise<number> {
  const entries = (await pki.list()).map((entry) => ({ ...entry, daysLeft: daysLeft(entry) }));
  if (flags.has('json')) {
    io.out.write(`${JSON.stringify(entries, null, 2)}\n`);
    return EXIT.clean;
  }
  if (entries.length === 0) {
    io.out.write('no certificates yet; "fieldgate certificates create MAPPING" makes the own one\n');
  }
  for (const { place, thumbprint, subject, daysLeft, note } of entries) {
    io.out.write(`${place.padEnd(8)}  ${thumbprint}  ${String(daysLeft).padStart(5)} days left  ${subject}\n`);
    if (note === undefined) continue;
    io.out.write(`${' '.repeat(10)}${note.source} met it at ${note.host} on ${note.seen.slice(0, 16)}Z: `);
    io.out.write(`${note.findings.map(({ what }) => what).join('; ')}\n`);
  }
  return EXIT.clean;
}

async function trust(pki: Pki, what: string | undefined, _: Arguments, io: Io): Promise<number> {
  if (what === undefined)
    throw new Usage('trust needs a thumbprint ("fieldgate certificates list" shows them) or a file');
  if (!/^[0-9a-f]{40}$/i.test(what)) return add(pki, what, 'trusted', io);
  const entry = await pki.trust(what);
  if (entry === undefined) return unknown('rejected', what, pki, io);
  io.out.write(`trusted: ${entry.thumbprint}  ${entry.subject}\n`);
  for (const { status, what, mend } of entry.note?.findings ?? []) {
    if (status === 'BadCertificateHostNameInvalid') {
      io.out.write(`accepted at the host ${entry.note?.host}, although ${what}\n`);
    } else if (status !== 'BadCertificateUntrusted') {
      io.out.write(`still refused: ${what}${mend === undefined ? '' : `; ${mend}`}\n`);
    }
  }
  return EXIT.clean;
}

async function reject(pki: Pki, thumbprint: string | undefined, _: Arguments, io: Io): Promise<number> {
  if (thumbprint === undefined)
    throw new Usage('reject needs the thumbprint; "fieldgate certificates list" shows them');
  const entry = await pki.reject(thumbprint);
  if (entry === undefined) return unknown('trusted', thumbprint, pki, io);
  io.out.write(`rejected: ${entry.thumbprint}  ${entry.subject}\n`);
  return EXIT.clean;
}

async function issuer(pki: Pki, file: string | undefined, _: Arguments, io: Io): Promise<number> {
  if (file === undefined) throw new Usage("issuer needs the file of an authority's certificate or revocation list");
  return add(pki, file, 'issuers', io);
}

async function create(pki: Pki, mapping: string | undefined, { flags, values }: Arguments, io: Io): Promise<number> {
  const fail = (message: string) => {
    io.err.write(`fieldgate certificates: ${message}\n`);
    return EXIT.failed;
  };
  let place = pki;
  let uri: string | undefined;
  if (mapping !== undefined) {
    const loaded = await loadMapping(mapping, { env: io.env });
    if ('mistakes' in loaded)
      return fail(`${mapping} has mistakes:\n${loaded.mistakes.map((one) => formatMistake(one)).join('\n')}`);
    uri = applicationUri(loaded.plant);
    if (!values.has('pki')) place = openPki(join(dirname(loaded.mapping.buffer.path), 'pki'));
  }
  const [own] = (await place.list()).filter((entry) => entry.place === 'own');
  if (own !== undefined && !flags.has('force')) {
    return fail(`${own.file} is there and has ${daysLeft(own)} days left; --force makes a new one`);
  }
  if (own === undefined && uri === undefined) {
    return fail('name the mapping, whose site and gateway become part of the certificate: certificates create MAPPING');
  }
  await place.renew(uri, new Date());
  const { file, thumbprint, applicationUri: name } = await place.own(uri ?? '', new Date());
  io.out.write(`created: ${thumbprint}  ${name}\nhave the servers trust ${file}\n`);
  return EXIT.clean;
}

async function add(pki: Pki, file: string, place: 'trusted' | 'issuers', io: Io): Promise<number> {
  try {
    io.out.write(`${place}: ${await pki.add(await readFile(file), place)}\n`);
    return EXIT.clean;
  } catch (error) {
    io.err.write(`fieldgate certificates: ${file} cannot be taken: ${describe(error)}\n`);
    return EXIT.failed;
  }
}

function unknown(where: string, thumbprint: string, { folder }: Pki, io: Io): number {
  io.err.write(
    `fieldgate certificates: no ${where} certificate has the thumbprint ${thumbprint}; "list" shows what is there in ${folder}\n`,
  );
  return EXIT.failed;
}

const daysLeft = ({ validTo }: CertificateEntry) => Math.floor((validTo.getTime() - Date.now()) / 86_400_000);
