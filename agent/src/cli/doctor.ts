// `fieldgate doctor`: looks along every chain of a site, from names to readings, and says in words which link is the
// first broken one and what to do about it.

import { loadMapping } from '../config/load.ts';
import { host } from '../doctor/host/host.ts';
import type { Section } from '../doctor/look.ts';
import { sectionsOf } from '../doctor/site.ts';
import { type Told, walk } from '../doctor/walk.ts';
import { parseArguments, Usage } from './arguments.ts';
import { type Command, EXIT, type Io } from './command.ts';
import { conclusion, firstBroken, json, line, type Style, title } from './doctor/report.ts';
import { waiting } from './doctor/waiting.ts';
import { coloursOf, columnsOf } from './terminal.ts';

export const command: Command = {
  name: 'doctor',
  usage: '[FILE] [--host] [--time URL] [--json]',
  summary: 'Looks along the way from every source to the hub, and names the first link that is broken.',
  help: `
With FILE, as the gateway of this mapping would see them: memory and user, a gateway that runs already, the mapping,
the data folder (permission, space, how fast it syncs), the clock, the hub (name, route, port, TLS, login), and each
source (name, route, port, security, certificates and their days left, login, clock, tags). Each link is "ok", "odd"
(works, and deserves a look), "BROKEN" or "unseen" (cannot be looked at from here), with what to do. Sources are looked
at beside each other. It only reads; the connections are its own, and the gateway may run meanwhile. Run it where the
gateway runs: docker exec fieldgate fieldgate doctor /config/fieldgate.yaml

Options:
  --host         a host prepared for IoT Edge: packages, config.toml, daemon.json, folders and their owners, time
                 service; alone, or after the rest
  --root DIR     where that host's files are, when it is mounted; default: /
  --data DIR     the gateway's data folder on that host; default: /srv/fieldgate/data
  --edgehub DIR  edgeHub's folder on that host; default: /srv/iotedge/edgehub
  --time URL     compares the clock with that of a web server; default: the IoT Hub's, where there is one
  --json         one JSON object: { ok, counts, first, sections: [{ kind, title, looks: [{ step, verdict, what, mend }] }] }

Examples:
  fieldgate doctor lavera.yaml
  fieldgate doctor lavera.yaml --time http://time.site.example/
  sudo fieldgate doctor --host
  docker run --rm --user 0 -v /:/host:ro IMAGE doctor --host --root /host
  fieldgate doctor lavera.yaml --json | jq .first

Exit codes: 0 nothing is broken (something may be odd), 1 something is, 2 wrong usage.
`,

  async run(args, io) {
    const text = { type: 'string' } as const;
    const flag = { type: 'boolean' } as const;
    const options = { host: flag, json: flag, root: text, data: text, edgehub: text, time: text };
    const { flags, values, positionals } = parseArguments(args, options, ['[FILE]']);
    const file = positionals[0];
    if (file === undefined && !flags.has('host'))
      throw new Usage('FILE is missing (or --host, to look at the host alone)');
    for (const name of ['root', 'data', 'edgehub']) {
      if (values.has(name) && !flags.has('host')) throw new Usage(`--${name} goes with --host`);
    }
    const time = values.get('time');
    if (time !== undefined && !/^https?:\/\/./.test(time)) throw new Usage(`--time ${time}: write http://HOST/`);

    const groups: (readonly Section[])[] = [];
    if (file !== undefined) {
      const loaded = await loadMapping(file, { env: io.env });
      const site = { file, loaded, environment: io.env, ...(time !== undefined && { time }) };
      const { alone, together } = sectionsOf(site);
      groups.push(...alone.map((one) => [one]), together);
    }
    if (flags.has('host')) {
      const data = values.get('data') ?? '/srv/fieldgate/data';
      groups.push([
        host({ root: values.get('root') ?? '/', data, edgeHub: values.get('edgehub') ?? '/srv/iotedge/edgehub' }),
      ]);
    }
    const told = await tell(groups, io, flags.has('json'));
    io.out.write(flags.has('json') ? json(told) : `\n${conclusion(told, styleOf(io))}`);
    return firstBroken(told) === undefined ? EXIT.clean : EXIT.failed;
  },
};

/** Walks along group after group; writes every link as it comes, unless `quiet`. */
async function tell(groups: readonly (readonly Section[])[], io: Io, quiet: boolean): Promise<Told[]> {
  const ending = new AbortController();
  const end = () => ending.abort();
  process.once('SIGINT', end).once('SIGTERM', end);
  const style = styleOf(io);
  const progress = waiting(io.err);
  const told: Told[] = [];
  let section: Section | undefined;
  try {
    for (const group of groups) {
      for await (const one of walk(group, ending.signal, progress.left)) {
        told.push(one);
        if (quiet) continue;
        progress.clear();
        if (one.section !== section)
          io.out.write(`${section === undefined ? '' : '\n'}${title(one.section.title, style)}`);
        section = one.section;
        io.out.write(line(one.look, style));
      }
    }
  } finally {
    progress.end();
    process.off('SIGINT', end).off('SIGTERM', end);
  }
  return told;
}

function styleOf(io: Io): Style {
  const columns = columnsOf(io);
  return { colours: coloursOf(io), ...(columns !== undefined && { columns }) };
}
