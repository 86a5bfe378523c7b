// What every message format implements: entries in, bytes out. Formats are pure; compression comes after them.

import type { Numbered } from '../queue.ts';

/** The tag behind the number in a batch's tag column. */
export type TagOf = (id: number) => { readonly name: string; readonly source: string; readonly unit?: string };

export interface Format {
  /** The mapping's word for it, also the message property `format`. */
  readonly name: string;
  readonly contentType: string;
  /** One message body of these entries, uncompressed. */
  encode(parts: readonly Numbered[]): Buffer;
}
