// What is reported: bounded, quiet while nothing happens, and a patch that makes the twin what it should be.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_REPORTED, patchOf, type ReportedFacts, reportedOf } from '../../agent/src/control/reported.ts';
import type { JsonObject } from '../../agent/src/delivery/control.ts';
import { sampleStatus } from '../observe/sample-status.ts';

const facts = (over: Partial<ReportedFacts> = {}): ReportedFacts => ({ status: sampleStatus(), ...over });
const bytes = (document: JsonObject) => Buffer.byteLength(JSON.stringify(document));

/** RFC 7396. */
function merged(target: JsonObject, patch: JsonObject): JsonObject {
  const result: Record<string, JsonObject[string]> = { ...target };
  for (const [key, value] of Object.entries(patch)) {
    const old = result[key];
    if (value === null) delete result[key];
    else if (typeof value === 'object' && !Array.isArray(value)) {
      const into = typeof old === 'object' && old !== null && !Array.isArray(old) ? (old as JsonObject) : {};
      result[key] = merged(into, value as JsonObject);
    } else result[key] = value;
  }
  return result;
}

describe('the document', () => {
  it('says what a fleet asks for', () => {
    const document = reportedOf(
      facts({ image: 'registry/fieldgate@sha256:1', lastError: { at: 0, text: 'x'.repeat(500) } }),
    );
    expect(document).toMatchObject({ image: 'registry/fieldgate@sha256:1', health: 'look', phase: 'running' });
    expect(JSON.stringify(document.lastError)).toMatch(/1970-01-01T00:00:00.000Z.*x…/);
  });

  it('stays below 8 kB with a thousand sources in trouble, and shows those', () => {
    const status = sampleStatus();
    const [one] = status.sources;
    const sources = Array.from({ length: 1_000 }, (_, i) => ({
      ...one!,
      name: `source.${i} of the refinery`,
      state: {
        state: 'waiting' as const,
        attempt: 3,
        until: 0,
        code: 'source.unreachable' as const,
        reason: 'no route to host '.repeat(20),
      },
    }));
    const document = reportedOf(facts({ status: { ...status, sources } }));
    expect(bytes(document)).toBeLessThanOrEqual(MAX_REPORTED);
    expect(document.sourceCount).toEqual({ all: 1_000, running: 0 });
    const names = Object.keys(document.sources as JsonObject);
    expect(names.length).toBeGreaterThan(5);
    expect(names[0]).toBe('source_0_of_the_refinery');
  });

  it('has the code of each server of a redundant set that cannot be used', () => {
    const status = sampleStatus();
    const servers = (['source.untrusted', 'source.unreachable'] as const).map((code, i) => ({
      endpoint: `opc.tcp://10.20.1.${i}:4840`,
      code,
      reason: 'long '.repeat(100),
    }));
    const reason = servers.map(({ endpoint, reason }) => `${endpoint}: ${reason}`).join('; ');
    const state = { state: 'waiting', attempt: 1, until: 0, code: 'source.unreachable', reason, servers } as const;
    const sources = [{ ...status.sources[0]!, name: 'dcs', state }];
    expect(reportedOf(facts({ status: { ...status, sources } })).sources).toMatchObject({
      dcs: { reason: 'none of its 2 servers can be used: 1. source.untrusted, 2. source.unreachable' },
    });
  });

  it('does not change with figures that always move a little', () => {
    const status = sampleStatus();
    const with_ = (pendingReadings: number) =>
      reportedOf(
        facts({
          status: { ...status, store: { ...status.store, buffer: { ...status.store.buffer, pendingReadings } } },
        }),
      );
    expect(patchOf(with_(1_230_000), with_(1_239_000))).toBeUndefined();
    expect(patchOf(with_(1_230_000), with_(1_350_000))).toEqual({ buffer: { readings: 1_300_000 } });
  });
});

describe('a patch', () => {
  const leaf = fc.oneof(fc.integer(), fc.string(), fc.boolean(), fc.array(fc.integer(), { maxLength: 3 }));
  const document = fc.letrec<{ node: JsonObject }>((tie) => ({
    node: fc.dictionary(
      fc.constantFrom('a', 'b', 'c', 'd'),
      fc.oneof({ maxDepth: 2, depthSize: 'small' }, leaf, tie('node')),
    ) as fc.Arbitrary<JsonObject>,
  })).node;

  it('makes of one document the other, and is none for the same', () => {
    fc.assert(
      fc.property(document, document, (before, after) => {
        const patch = patchOf(before, after);
        expect(merged(before, patch ?? {})).toEqual(after);
        expect(patchOf(after, structuredClone(after))).toBeUndefined();
      }),
      { numRuns: 300 },
    );
  });
});
