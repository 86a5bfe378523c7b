// The way back: what the cloud asks of this gateway over the connection that readings leave by. A hub that has such a
// way is given a desk, and brings to it what comes; the desk decides. Nothing here can write to a plant.

/** JSON as it came or goes. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };
export type JsonObject = { readonly [name: string]: Json };

export interface MethodAnswer {
  /** As HTTP has them: 200 done, 400 the request is wrong, 404, 409, 500, 504. */
  readonly code: number;
  readonly payload: Json;
}

/** Sends a merge patch of reported properties; `null` deletes. Rejects with a Fault when it did not arrive. */
export type Report = (patch: JsonObject) => Promise<void>;

/** Takes what comes from the cloud. No call throws. */
export interface ControlDesk {
  /** The names of the direct methods that there are; any other is answered with 404 at the door. */
  readonly methods: readonly string[];
  /** All desired properties, after each connect and after each change. */
  desired(properties: JsonObject): void;
  /** A direct method. Resolves within its own deadline; `payload` is undefined when none was sent. */
  call(name: string, payload: Json | undefined): Promise<MethodAnswer>;
  /** How to report, from now on, and what the twin holds; undefined: the connection is over. */
  reporting(line: { readonly report: Report; readonly reported: JsonObject } | undefined): void;
}
