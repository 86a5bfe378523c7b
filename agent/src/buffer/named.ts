// Columns under the names that are asked for. SQLite answers with those in the file's schema, where one bit that flips
// makes another case of a letter. That is the same name to SQLite and another one here: every row would be taken for
// damaged.

/** For a SELECT. */
export const named = (...columns: readonly string[]) => columns.map((name) => `${name} AS ${name}`).join(', ');
