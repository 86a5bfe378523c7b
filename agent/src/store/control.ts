// Twin and direct methods across the wall: the storage thread holds the connection to the hub, the acquisition side
// decides. Both ends are here. What waits for the other side has a bound and a deadline.

import type { ControlDesk, Json, JsonObject, MethodAnswer, Report } from '../delivery/control.ts';
import { describe, Fault } from '../model/fault.ts';

export type ControlToWorker =
  | { readonly type: 'answer'; readonly id: number; readonly answer: MethodAnswer }
  | { readonly type: 'report'; readonly id: number; readonly patch: JsonObject };

export type ControlFromWorker =
  | { readonly type: 'desired'; readonly properties: JsonObject }
  | { readonly type: 'call'; readonly id: number; readonly name: string; readonly payload: Json | undefined }
  /** `reported`: what the twin holds; undefined: the connection is over. */
  | { readonly type: 'reporting'; readonly reported: JsonObject | undefined }
  /** `error`: why the report did not arrive. */
  | { readonly type: 'reported'; readonly id: number; readonly error?: string };

/** Methods that may be under way at a time; more are refused. */
const MOST_CALLS = 16;
/** Longest that the acquisition side may take for a method, ms; its own limits are shorter. */
const CALL_DEADLINE = 120_000;
/** Longest that a report may take, ms. */
const REPORT_DEADLINE = 30_000;

/** The end in the storage thread: what comes from the hub is told, what is told is done. */
export function controlInWorker(methods: readonly string[], tell: (message: ControlFromWorker) => void) {
  const calls = new Map<number, (answer: MethodAnswer) => void>();
  let last = 0;
  let report: Report | undefined;

  const desk: ControlDesk = {
    methods,
    desired: (properties) => tell({ type: 'desired', properties }),
    call(name, payload) {
      if (calls.size >= MOST_CALLS) {
        const message = `${MOST_CALLS} methods are under way; try again later`;
        return Promise.resolve({ code: 429, payload: { code: 'busy', message } });
      }
      const id = ++last;
      const { promise, resolve } = Promise.withResolvers<MethodAnswer>();
      const timer = setTimeout(() => {
        calls.delete(id);
        resolve({
          code: 504,
          payload: { code: 'late', message: `${name} took longer than ${CALL_DEADLINE / 1_000} s` },
        });
      }, CALL_DEADLINE);
      calls.set(id, (answer) => {
        clearTimeout(timer);
        calls.delete(id);
        resolve(answer);
      });
      tell({ type: 'call', id, name, payload });
      return promise;
    },
    reporting(line) {
      report = line?.report;
      tell({ type: 'reporting', reported: line?.reported });
    },
  };

  return {
    desk,
    heard(message: ControlToWorker): void {
      if (message.type === 'answer') {
        calls.get(message.id)?.(message.answer);
        return;
      }
      const { id, patch } = message;
      (report === undefined ? Promise.reject(new Fault('hub.closed', 'the hub is not connected')) : report(patch)).then(
        () => tell({ type: 'reported', id }),
        (error) => tell({ type: 'reported', id, error: describe(error) }),
      );
    },
  };
}

/** The end on the acquisition side. What comes before a desk is there waits for it; methods are refused until then. */
export function controlOfWorker(post: (message: ControlToWorker) => void) {
  const reports = new Map<number, (error?: string) => void>();
  let desk: ControlDesk | undefined;
  let desired: JsonObject | undefined;
  let reported: JsonObject | undefined;
  let last = 0;

  const report: Report = (patch) => {
    const id = ++last;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const settle = (error?: string) => {
      clearTimeout(timer);
      reports.delete(id);
      if (error === undefined) resolve();
      else reject(new Fault('hub.closed', error));
    };
    const timer = setTimeout(() => settle(`no answer within ${REPORT_DEADLINE / 1_000} s`), REPORT_DEADLINE);
    reports.set(id, settle);
    post({ type: 'report', id, patch });
    return promise;
  };

  async function call(id: number, name: string, payload: Json | undefined): Promise<void> {
    let answer: MethodAnswer;
    try {
      answer = (await desk?.call(name, payload)) ?? {
        code: 503,
        payload: { code: 'starting', message: 'the gateway is starting' },
      };
    } catch (error) {
      answer = { code: 500, payload: { code: 'failed', message: describe(error) } };
    }
    post({ type: 'answer', id, answer });
  }

  return {
    attach(given: ControlDesk): void {
      desk = given;
      if (desired !== undefined) desk.desired(desired);
      if (reported !== undefined) desk.reporting({ report, reported });
    },
    heard(message: ControlFromWorker): void {
      if (message.type === 'desired') {
        desired = message.properties;
        desk?.desired(desired);
      } else if (message.type === 'reporting') {
        reported = message.reported;
        desk?.reporting(reported && { report, reported });
      } else if (message.type === 'call') {
        void call(message.id, message.name, message.payload);
      } else {
        reports.get(message.id)?.(message.error);
      }
    },
    /** The thread has ended. */
    end(): void {
      for (const settle of [...reports.values()]) settle('the storage thread has ended');
    },
  };
}
