// Profiles: a file that describes one kind of device, used for as many of them as there are. Every device of the
// mapping gets the profile's tags, named after it, at its unit and base address. What is wrong in a profile is told at
// the profile, once for all devices that use it.

import { dirname, join } from 'node:path';
import type { z } from 'zod';
import { formatAddress, LAST, parseAddress } from './address.ts';
import type { Context } from './context.ts';
import { readYaml, type YamlFile } from './document.ts';
import { findings, plainWords } from './issues.ts';
import type { Path } from './mistake.ts';
import { inYaml, type Origin } from './origin.ts';
import { type Fields, isFields } from './protocols/protocol.ts';
import { type ProfileUse, profileFile, profileUse } from './schema/modbus.ts';
import { knownModels, SUNSPEC, type SunSpecPlace, tagsOfModel } from './sunspec.ts';
import { asWritten } from './written.ts';

/** A device of the mapping with the tags that its profile makes. */
export interface Device {
  readonly name: string;
  readonly use: ProfileUse;
  /** What holds for its tags instead of the source's defaults. */
  readonly defaults: Fields;
  readonly tags: readonly {
    readonly name: string;
    readonly value: unknown;
    readonly origin: Origin;
    readonly sunspec?: SunSpecPlace;
  }[];
}

interface Profile {
  readonly yaml: YamlFile;
  readonly defaults: Fields;
  readonly tags: Fields;
}

const frame = profileFile.omit({ tags: true });

/**
 * The devices of a source.
 * @param base where the source stands; @param uses its `profiles`, as written: what is wrong in them has been said
 */
export async function readDevices(context: Context, base: Path, uses: Fields): Promise<Device[]> {
  const read = new Map<string, Profile | undefined>();
  const devices: Device[] = [];
  for (const [name, written] of Object.entries(uses)) {
    const { data: use } = profileUse.safeParse(written);
    if (use === undefined) continue;
    const at = [...base, 'profiles', name];
    if (use.profile === SUNSPEC) {
      devices.push(sunspecDevice(context, at, name, use));
      continue;
    }
    if (use.models !== undefined) {
      context.mistakes.push(context.yaml.mistake([...at, 'models'], 'key', 'models is for profile: sunspec'));
    }
    const path = use.profile.startsWith('/') ? use.profile : join(dirname(context.yaml.file), use.profile);
    if (!read.has(path)) read.set(path, await readProfile(context, path, [...at, 'profile'], use.profile));
    const profile = read.get(path);
    if (profile === undefined) continue;
    const tags = Object.keys(profile.tags).map((key) => ({
      name: `${name}.${key}`,
      value: moved(asWritten(profile.yaml, ['tags', key], profile.tags[key]), use.base),
      origin: originOf(context, profile.yaml, at, name, key),
    }));
    devices.push({ name, use, defaults: profile.defaults, tags });
  }
  return devices;
}

/** A device that describes itself: the tags of its models. */
function sunspecDevice({ yaml, mistakes }: Context, at: Path, name: string, use: ProfileUse): Device {
  const known = knownModels();
  use.models?.forEach((model, i) => {
    if (known.includes(model)) return;
    const message = `models[${i}] is ${model}: known are ${known.join(', ')}`;
    mistakes.push(yaml.mistake([...at, 'models', i], 'value', message));
  });
  const tags = (use.models ?? known).flatMap((model) =>
    tagsOfModel(model).map((tag) => ({
      name: `${name}.${tag.name}`,
      value: tag.value,
      origin: inYaml(yaml, at),
      sunspec: {
        device: name,
        model,
        wanted: use.models !== undefined,
        ...(use.base > 0 && { base: use.base }),
        ...(tag.exponent !== undefined && { exponent: tag.exponent }),
      },
    })),
  );
  return { name, use, defaults: { order: 'ABCD' }, tags };
}

async function readProfile(context: Context, path: string, at: Path, given: string): Promise<Profile | undefined> {
  const { yaml: mapping, mistakes } = context;
  const found = await context.readProfile(path);
  if ('problem' in found) {
    if (found.line === undefined) {
      mistakes.push(mapping.mistake(at, 'value', `profile ${JSON.stringify(given)}: ${found.problem}`));
    } else mistakes.push({ file: path, line: found.line, column: 1, path: [found.line], message: found.problem });
    return undefined;
  }
  const yaml = readYaml(path, found.text);
  mistakes.push(...yaml.mistakes);
  if (yaml.value === undefined) return undefined;
  const wrong = (schema: z.ZodType, value: unknown) => {
    const result = schema.safeParse(value, { error: plainWords });
    if (result.success) return false;
    for (const { path, part, message, suggestion } of findings(profileFile, value, result.error.issues, 'the profile'))
      mistakes.push(yaml.mistake(path, part, message, suggestion));
    return true;
  };
  if (!isFields(yaml.value)) {
    wrong(profileFile, yaml.value);
    return undefined;
  }
  const { tags, ...rest } = yaml.value;
  // Tags are checked one by one on the devices, so that a mistake in one hides none in another.
  const sound = isFields(tags) ? !wrong(frame, rest) : !wrong(profileFile, yaml.value);
  if (!sound || !isFields(tags)) return undefined;
  return { yaml, defaults: frame.parse(rest).defaults, tags };
}

/** The tag at its place in the device: every address moved by the base. */
function moved(value: unknown, base: number): unknown {
  if (base === 0 || !isFields(value)) return value;
  const address = parseAddress(String(value.address));
  // What is no address is told as it is written.
  if (typeof address === 'string') return value;
  const offset = address.offset + base;
  return { ...value, address: offset > LAST ? `${address.table}:${offset}` : formatAddress({ ...address, offset }) };
}

function originOf(context: Context, yaml: YamlFile, at: Path, device: string, key: string): Origin {
  const { file, line, column } = context.yaml.mistake(at, 'key', '');
  const related = { text: `in ${device}, made at`, file, line, column };
  return {
    name: (message) => ({ ...yaml.mistake(['tags', key], 'key', message), related }),
    mistake(path, part, message, suggestion) {
      const fault = JSON.stringify([yaml.file, key, ...path, part, message]);
      const known = context.faults.get(fault);
      if (known !== undefined) {
        known.tags++;
        return undefined;
      }
      const mistake = { ...yaml.mistake(['tags', key, ...path], part, message, suggestion), related };
      context.faults.set(fault, { mistake, tags: 1 });
      return mistake;
    },
  };
}
