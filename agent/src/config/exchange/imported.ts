// Tag lists of other products, as sources of ours. A reader of one product's list takes what has the same meaning here
// and says what it left out; nothing is guessed.

import type { z } from 'zod';
import { findings, plainWords } from '../issues.ts';
import type { Mistake } from '../mistake.ts';
import { protocolOf } from '../protocols/protocols.ts';

export interface ImportedSource {
  /** A name for it, when the list has one. */
  readonly name?: string | undefined;
  readonly protocol: 'opcua' | 'modbus-tcp' | 'modbus-rtu' | 'modbus-rtu-over-tcp' | 'modbus-udp';
  /** Keys of the source that the list says. */
  readonly connection: Readonly<Record<string, unknown>>;
  readonly tags: readonly ImportedTag[];
}

export interface ImportedTag {
  readonly name: string;
  /** As a mapping writes it; keys that are undefined are left out. */
  readonly value: Readonly<Record<string, unknown>>;
  /** Reports what is wrong with it, at its place in the list. */
  readonly mistake: (message: string) => Mistake;
}

export interface Imported {
  /** What the list is: "Kepware tags". */
  readonly kind: string;
  readonly sources: readonly ImportedSource[];
  /** Rows that were not taken, and why. */
  readonly mistakes: readonly Mistake[];
  /** What the list does not say, and a person has to. */
  readonly notes: readonly string[];
}

/** Without the tags that the schema of their protocol does not take, or whose name is taken; these are mistakes. */
export function checked({ sources, mistakes, ...imported }: Imported): Imported {
  const found = [...mistakes];
  const names = new Set<string>();
  const sound = (tag: ImportedTag, schema: z.ZodType): ImportedTag[] => {
    const value = Object.fromEntries(Object.entries(tag.value).filter(([, one]) => one !== undefined));
    const result = schema.safeParse(value, { error: plainWords });
    const wrong = result.success ? [] : findings(schema, value, result.error.issues, tag.name);
    if (names.has(tag.name)) found.push(tag.mistake(`${tag.name} is in the list twice`));
    for (const { message } of wrong) found.push(tag.mistake(message));
    const fresh = !names.has(tag.name);
    names.add(tag.name);
    return fresh && wrong.length === 0 ? [{ ...tag, value }] : [];
  };
  const taken = sources.map((source) => {
    const { tagSchema } = protocolOf(source.protocol);
    return { ...source, tags: source.tags.flatMap((tag) => sound(tag, tagSchema)) };
  });
  return { ...imported, sources: taken, mistakes: found };
}
