// The plan of a fleet: one YAML file with the hub, the layers, the rings and the enrolment group. Checked as a mapping is:
// every mistake at once, with file, line and column. The manifests that it names are read and asked our rules, too.

import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { readYaml } from '../agent/src/config/document.ts';
import { duration, name, whole } from '../agent/src/config/fields.ts';
import { findings, plainWords } from '../agent/src/config/issues.ts';
import type { Mistake, Path } from '../agent/src/config/mistake.ts';
import { describe } from '../agent/src/model/fault.ts';
import { findings as ruleFindings } from '../deploy/iot-edge/build/rules.ts';
import { type Content, digestOf, isLayer, versionIn } from './deployment.ts';

const HOST = /^[a-z0-9][a-z0-9.-]*(:\d{1,5})?$/;
const host = (example: string) => z.string({ error: `write a host name, like ${example}` }).regex(HOST);
const condition = z.string({ error: "write a condition over twins, like tags.site = 'lavera'" }).min(1);
const manifest = z.string({ error: 'write the path of a manifest, like manifests/base.json' }).min(1);
const priority = whole(0, 1_000_000_000);
const percent = z
  .string({ error: 'write a percentage, like 98%' })
  .regex(/^(100|\d{1,2}(\.\d+)?)%$/, 'write a percentage from 0% to 100%, like 98%')
  .transform((text) => Number(text.slice(0, -1)) / 100);

const ring = z.strictObject({
  name: name.describe('Value of the twin tag.'),
  soak: duration(0, '30m').describe('How long the ring must stay well before the next one begins.'),
  within: duration(0, '2h').prefault('4h').describe('A ring that is not well by then has failed.'),
  healthy: percent.prefault('100%').describe('Share of the gateways that must run the version and be well.'),
  maxFailing: whole(0, 1_000_000).prefault(0).describe('Gateways that may fail; one more stops the roll-out.'),
});

const layer = z.strictObject({
  manifest,
  priority,
  version: z.string({ error: 'write a version, like "1.2"' }).min(1).max(60).optional(),
  target: condition.optional().describe('Instead of the condition of the fleet.'),
});

const planSchema = z.strictObject({
  version: z.literal(1, { error: 'write 1, the version of this language' }),
  hub: host('lavera.azure-devices.net'),
  units: whole(1, 200).prefault(1).describe('Units of the hub: each takes 20 operations a minute.'),
  fleet: condition.describe('The gateways that are meant.'),
  layers: z.record(name, layer).prefault({}),
  rollout: z.strictObject({
    layer: name.prefault('fieldgate'),
    manifest,
    module: name.prefault('fieldgate'),
    priority: priority.prefault(1_000),
    tag: name.prefault('ring').describe('The twin tag that names the ring.'),
    poll: duration(1_000, '1m').prefault('1m'),
    settle: duration(0, '10m').prefault('10m').describe('How long a gateway may be in trouble before it counts.'),
    rings: z.array(ring, { error: 'write a list of rings' }).min(1, 'needs a ring'),
  }),
  enrolment: z
    .strictObject({
      service: host('lavera-dps.azure-devices-provisioning.net'),
      group: name,
      ca: z.union([z.strictObject({ reference: name }), z.strictObject({ file: z.string().min(1) })], {
        error: 'write { reference: NAME } of a certificate of the service, or { file: PEM }',
      }),
      tags: z.record(name, z.string()),
      hubs: z.array(host('lavera.azure-devices.net')).optional(),
    })
    .optional(),
});

export type PlanFile = z.output<typeof planSchema>;
export type Ring = PlanFile['rollout']['rings'][number];

/** What a layer of the plan brings. */
export interface LayerPlan {
  readonly name: string;
  readonly version: string;
  readonly priority: number;
  readonly target: string;
  readonly content: Content;
}

export interface Plan extends Omit<PlanFile, 'layers' | 'rollout'> {
  readonly file: string;
  readonly layers: readonly LayerPlan[];
  readonly rollout: Omit<PlanFile['rollout'], 'manifest' | 'layer' | 'priority'> & { readonly layer: LayerPlan };
}

export interface PlanOptions {
  /** Instead of the roll-out's manifest. */
  readonly manifest?: string | undefined;
}

/** Reads and checks a plan; `'mistakes' in` the answer tells the two outcomes apart. */
export function loadPlan(file: string, options: PlanOptions = {}): Plan | { readonly mistakes: readonly Mistake[] } {
  const whole = (message: string) => ({ mistakes: [{ file, line: 0, column: 0, path: [], message }] });
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    return whole(`cannot be read: ${describe(error)}`);
  }
  const yaml = readYaml(file, text);
  if (yaml.mistakes.length > 0) return { mistakes: yaml.mistakes };
  const mistakes: Mistake[] = [];
  const parsed = planSchema.safeParse(yaml.value, { error: plainWords });
  if (!parsed.success) {
    for (const { path, part, message, suggestion } of findings(planSchema, yaml.value, parsed.error.issues, 'the plan'))
      mistakes.push(yaml.mistake(path, part, message, suggestion));
    return { mistakes };
  }
  const plan = parsed.data;
  const at = (path: Path, message: string) => void mistakes.push(yaml.mistake(path, 'value', message));

  const { rings } = plan.rollout;
  for (const [i, { name: ringName }] of rings.entries()) {
    if (rings.findIndex((other) => other.name === ringName) < i)
      at(['rollout', 'rings', i, 'name'], `ring ${ringName} is there twice`);
  }
  const read = (
    path: Path,
    named: string,
    given: Omit<LayerPlan, 'version' | 'content'> & { version?: string | undefined },
  ) => {
    const content = readManifest(resolve(dirname(file), named), plan.rollout.module);
    if ('problem' in content) return at(path, content.problem);
    const version =
      given.version ?? versionIn(content.content, plan.rollout.module) ?? digestOf(content.content).slice(0, 10);
    return { ...given, version, content: content.content };
  };
  const layers = Object.entries(plan.layers).map(([layerName, { manifest: named, target = plan.fleet, ...rest }]) =>
    read(['layers', layerName, 'manifest'], named, { ...rest, name: layerName, target }),
  );
  const { manifest: named, layer: layerName, priority: floor, ...rollout } = plan.rollout;
  const path = ['rollout', 'manifest'];
  // Given on the command line, it counts from where the command is.
  const chosen = options.manifest === undefined ? named : resolve(options.manifest);
  const rolled = read(path, chosen, { name: layerName, priority: floor, target: plan.fleet });
  if (layerName in plan.layers)
    at(['rollout', 'layer'], `${layerName} is also one of layers: it goes out by rings or at once`);
  if (rolled && versionIn(rolled.content, rollout.module) === undefined)
    at(path, `${chosen} brings no module ${rollout.module} with a version`);
  for (const one of layers) {
    if (one && rolled && !isLayer(one.content) && isLayer(rolled.content) && one.priority >= floor)
      at(['layers', one.name, 'priority'], `a base stands below its layers: less than ${floor}`);
  }
  if (mistakes.length > 0 || rolled === undefined) return { mistakes };
  const { layers: _files, rollout: _rollout, ...rest } = plan;
  return { ...rest, file, layers: layers.filter((one) => one !== undefined), rollout: { ...rollout, layer: rolled } };
}

function readManifest(path: string, module: string): { content: Content } | { problem: string } {
  let document: { modulesContent?: Content; content?: { modulesContent?: Content } };
  try {
    document = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    return { problem: `${path}: ${describe(error)}` };
  }
  const content = document?.modulesContent ?? document?.content?.modulesContent;
  if (typeof content !== 'object' || content === null) return { problem: `${path} has no modulesContent` };
  const found = ruleFindings({ modulesContent: content }, isLayer(content) ? 'layer' : 'manifest', module);
  if (found.length === 0) return { content };
  const [first] = found;
  return { problem: `${path}: ${first!.at}: ${first!.what} [${first!.rule}]; ${found.length} findings in all` };
}
