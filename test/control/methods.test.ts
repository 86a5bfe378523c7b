// Direct methods: wrong payloads are refused in words, whatever goes wrong has a code, nothing hangs.

import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, it, vi } from 'vitest';
import { callMethod, METHOD_NAMES, type Powers } from '../../agent/src/control/methods.ts';
import { withMethods } from '../../agent/src/control/reference.ts';
import type { Json } from '../../agent/src/delivery/control.ts';
import { Fault } from '../../agent/src/model/fault.ts';

const FUZZ = Number(process.env.FUZZ ?? 2_000);

const asked: unknown[] = [];
const done = async (...given: unknown[]) => {
  asked.push(given);
  return {};
};
const powers: Powers = {
  status: () => ({}),
  reload: done,
  read: done,
  browse: done,
  replay: done,
  logs: () => ({ lines: [] }),
  trust: done,
  diagnostics: done,
};

it.each<[string, Json | undefined, number, string]>([
  ['ping', undefined, 200, ''],
  ['ping', {}, 200, ''],
  ['ping', { a: 1 }, 400, 'there is no a'],
  ['ping', 'text', 400, 'expected object'],
  ['write', {}, 404, 'there is no method "write"'],
  ['constructor', {}, 404, 'there is no method "constructor"'],
  ['read', {}, 400, 'tags: write a list of tag names'],
  ['read', { tags: [] }, 400, 'tags: name a tag'],
  ['read', { tags: ['A.PV'] }, 200, ''],
  ['browse', { source: 'a', limit: 501 }, 400, 'limit'],
  ['replay', { from: '2026-11-24', to: '2026-11-25' }, 400, 'from: write a time in ISO 8601 with its zone'],
  ['replay', { from: '2026-11-24T10:00:00Z', to: '2026-11-24T09:00:00Z' }, 400, 'to is before from'],
  ['replay', { from: '2026-11-24T10:00:00+01:00', to: '2026-11-24T09:30:00Z' }, 200, ''],
  ['logs', { count: 501 }, 400, 'count: at most 500 lines'],
  ['trust-certificate', { thumbprint: '12' }, 400, 'thumbprint: write the thumbprint, 40 hexadecimal digits'],
  ['trust-certificate', { thumbprint: `${'AB:'.repeat(19)}AB` }, 200, ''],
])('%s %j is answered with %i', async (name, payload, code, words) => {
  const answer = await callMethod(name, payload, powers);
  expect(answer.code).toBe(code);
  expect(JSON.stringify(answer.payload)).toContain(JSON.stringify(words).slice(1, -1));
});

it('what cannot be done is 409 with its code, a defect is 500', async () => {
  const refusing = { ...powers, reload: () => Promise.reject(new Fault('buffer.disk', 'the disk is full')) };
  expect(await callMethod('reload', {}, refusing)).toEqual({
    code: 409,
    payload: { code: 'buffer.disk', message: 'the disk is full' },
  });
  const broken = { ...powers, reload: () => Promise.reject(new TypeError('x is undefined')) };
  expect(await callMethod('reload', {}, broken)).toMatchObject({ code: 500, payload: { code: 'internal.unexpected' } });
});

it('what takes too long is given up', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'performance'] });
  const timeout = vi.spyOn(AbortSignal, 'timeout').mockImplementation((ms) => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(), ms);
    return controller.signal;
  });
  const answer = callMethod('diagnostics', {}, { ...powers, diagnostics: () => new Promise(() => {}) });
  await vi.advanceTimersByTimeAsync(30_000);
  expect(await answer).toMatchObject({ code: 504, payload: { code: 'late' } });
  timeout.mockRestore();
  vi.useRealTimers();
});

it('whatever is sent, an answer comes, and nothing is done for a wrong payload', { timeout: 60_000 }, async () => {
  const payload = fc.oneof(
    fc.jsonValue() as fc.Arbitrary<Json>,
    fc.record(
      { tags: fc.jsonValue(), from: fc.jsonValue(), source: fc.jsonValue() },
      { requiredKeys: [] },
    ) as fc.Arbitrary<Json>,
  );
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...METHOD_NAMES, 'x', '__proto__', 'toString'), payload, async (name, given) => {
      const before = asked.length;
      const { code } = await callMethod(name, given, powers);
      expect([200, 400, 404]).toContain(code);
      if (code !== 200) expect(asked.length).toBe(before);
    }),
    { numRuns: FUZZ },
  );
});

it('docs/remote.md tells the methods as they are', () => {
  const page = readFileSync(new URL('../../docs/remote.md', import.meta.url), 'utf8');
  expect(page).toBe(withMethods(page));
});
