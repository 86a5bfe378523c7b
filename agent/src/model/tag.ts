// A tag: one named signal of one source. Inside the gateway a tag is its index, so that a batch carries numbers.

/** How the tag ends that holds the events of a source. No mapping can name one so. */
const EVENTS = ':events';

/** The tag whose readings are the events (alarms, conditions) of a source: each value is an event as an object. */
export const eventsTagOf = (source: string): string => source + EVENTS;

/** Whether the readings of the tag are events. */
export const isEventsTag = (name: string): boolean => name.endsWith(EVENTS);

/** `high` is evicted last when the buffer is full. */
export type Priority = 'normal' | 'high';

export interface Tag {
  /** Dense, unique in the gateway for the life of the process; the `tag` column of a batch holds it. */
  readonly index: number;
  /** Unique in the gateway, as the plant writes it: `20FIC101.PV`. */
  readonly name: string;
  readonly source: string;
  /** Engineering unit, when the mapping or the server names one. */
  readonly unit?: string;
  readonly priority: Priority;
}
