// `fieldgate certificates`: which OPC UA servers the gateway trusts, and the one command that changes it.

import { type CertificateEntry, openPki } from '../adapters/opcua/pki.ts';
import { parseArguments, Usage } from './arguments.ts';
import { type Command, EXIT, type Io } from './command.ts';

const ACTIONS = ['list', 'trust', 'reject'];

export const command: Command = {
  name: 'certificates',
  usage: 'list|trust|reject [THUMBPRINT] [--pki DIR]',
  summary: "The gateway's own certificate and those of the OPC UA servers: lists them, trusts or rejects one.",
  help: `
  list                 own, trusted and rejected certificates, with their days left
  trust THUMBPRINT     a rejected certificate becomes trusted; the next connection attempt uses it
  reject THUMBPRINT    a trusted certificate becomes rejected

Options:
  --pki DIR   the folder with the certificates; default data/pki (beside the buffer)

Examples:
  fieldgate certificates list
  fieldgate certificates trust 1f0a7c9be2d34c5d8a6b7c8d9e0f1a2b3c4d5e6f

Exit codes: 0 done, 1 there is no such certificate, 2 wrong usage.
`,

  async run(args, io) {
    const { values, positionals } = parseArguments(args, { pki: { type: 'string' } }, ['ACTION', '[THUMBPRINT]']);
    const [action = '', thumbprint] = positionals;
    if (!ACTIONS.includes(action)) throw new Usage(`"${action}" is none of ${ACTIONS.join(', ')}`);
    const pki = await openPki(values.get('pki') ?? 'data/pki');
    if (action === 'list') return list(await pki.list(), io);
    if (thumbprint === undefined)
      throw new Usage(`${action} needs the thumbprint; "fieldgate certificates list" shows them`);
    const entry = action === 'trust' ? await pki.trust(thumbprint) : await pki.reject(thumbprint);
    if (entry === undefined) {
      const where = action === 'trust' ? 'rejected' : 'trusted';
      io.err.write(
        `fieldgate certificates: no ${where} certificate has the thumbprint ${thumbprint}; "list" shows what is there in ${pki.folder}\n`,
      );
      return EXIT.failed;
    }
    io.out.write(`${action === 'trust' ? 'trusted' : 'rejected'}: ${entry.thumbprint}  ${entry.subject}\n`);
    return EXIT.clean;
  },
};

function list(entries: readonly CertificateEntry[], io: Io): number {
  if (entries.length === 0)
    io.out.write('no certificates yet; the first connection to an OPC UA server makes the own one\n');
  for (const { place, thumbprint, subject, validTo } of entries) {
    const days = Math.floor((validTo.getTime() - Date.now()) / 86_400_000);
    io.out.write(`${place.padEnd(8)}  ${thumbprint}  ${String(days).padStart(5)} days left  ${subject}\n`);
  }
  return EXIT.clean;
}
