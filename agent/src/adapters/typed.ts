// The commands that messages tell a person to type, as they work where this process runs: from the sources there is no
// program of that name, so scripts/launch.mjs says how it is called there.

/** @param command without the program's name: `certificates list` */
export const typed = (command: string): string => `${process.env.FIELDGATE_TYPED ?? 'fieldgate'} ${command}`;
