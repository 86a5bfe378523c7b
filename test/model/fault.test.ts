import { expect, test } from 'vitest';
import { describe, FAULT_CODES, Fault } from '../../agent/src/model/fault.ts';

test('every code has a class', () => {
  const classes = new Set(FAULT_CODES.map((code) => new Fault(code, 'x').class));
  expect([...classes].sort()).toEqual(['configuration', 'device', 'permanent', 'session', 'transient']);
});

test('a fault stays itself, and anything else keeps its cause', () => {
  const fault = new Fault('hub.timeout', 'late');
  expect(Fault.from(fault, 'internal.unexpected', 'sending')).toBe(fault);
  const cause = new Error('why');
  const made = Fault.from(cause, 'hub.closed', 'sending');
  expect([made.code, made.message, made.cause]).toEqual(['hub.closed', 'sending: why', cause]);
});

test('whatever is thrown can be described', () => {
  const throwing = {
    get message() {
      throw new Error('no');
    },
  };
  const things: [unknown, string][] = [
    [new Error('text'), 'text'],
    ['a string', 'a string'],
    [undefined, 'undefined'],
    [null, 'null'],
    [42n, '42'],
    [Symbol('s'), 'Symbol(s)'],
    [{ code: 'ECONNREFUSED' }, 'ECONNREFUSED'],
    [new AggregateError([new Error('one'), new Error('two')]), 'one; two'],
  ];
  for (const [thing, text] of things) expect(describe(thing)).toBe(text);
  for (const odd of [
    Object.create(null),
    throwing,
    { toString: () => 1 / 0 },
    new Proxy({}, { get: () => Symbol('x') }),
  ])
    expect(typeof describe(odd)).toBe('string');
});
