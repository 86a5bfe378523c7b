// A mapping with its templates written out: the same file, comments and all, with the tags that its instances make in
// their place. What comes out is a mapping by itself that reads the same.

import { isMap, parseDocument, YAMLMap } from 'yaml';

/** Tags as they are written, by name, for each source that has any. */
export type WrittenTags = ReadonlyMap<string, ReadonlyMap<string, unknown>>;

/**
 * @param text of a mapping without mistakes
 * @param made the tags that templates make
 */
export function expandMapping(text: string, made: WrittenTags): string {
  const document = parseDocument(text, { uniqueKeys: false });
  document.delete('templates');
  const sources = document.get('sources');
  for (const pair of isMap(sources) ? sources.items : []) {
    const source = pair.value;
    if (!isMap(source)) continue;
    source.delete('use');
    source.delete('useFiles');
    const name = keyOf(pair.key);
    const tags = made.get(name);
    if (tags === undefined) continue;
    // Tags in braces over many lines would be one line of thousands of tags.
    source.flow = false;
    const known = source.get('tags');
    const map = isMap(known) ? known : new YAMLMap(document.schema);
    map.flow = false;
    for (const [tag, value] of tags) map.add(document.createPair(tag, document.createNode(value, { flow: true })));
    if (map !== known) source.set('tags', map);
  }
  return document.toString({ lineWidth: 0, flowCollectionPadding: true });
}

function keyOf(key: unknown): string {
  const { value } = key as { value?: unknown };
  return String(value ?? key);
}
