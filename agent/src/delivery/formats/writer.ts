// Numbers of data set writers. OPC 10000-14 wants one per writer, unique in the publisher; here they follow from the
// writers' names, so that they are the same after a restart and on a spare gateway, and nothing has to be kept.

const WRITERS = 65_535;

/** A function from a writer's name to its number, 1 to 65,535. Names that would share a number get neighbours. */
export function writerIds(): (name: string) => number {
  const ids = new Map<string, number>();
  const taken = new Set<number>();
  return (name) => {
    let id = ids.get(name);
    if (id === undefined) {
      id = (hash(name) % WRITERS) + 1;
      while (taken.has(id) && taken.size < WRITERS) id = (id % WRITERS) + 1;
      taken.add(id);
      ids.set(name, id);
    }
    return id;
  };
}

/** FNV-1a, 32 bits. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (const byte of Buffer.from(text)) value = Math.imul(value ^ byte, 0x01000193);
  return value >>> 0;
}
