import { StatusCodes } from 'node-opcua-status-code';
import { expect, test } from 'vitest';
import { hasOverflow, infoBits, isBad, isGood, StatusCode, statusName } from '../../agent/src/model/status.ts';

test('the table of status codes equals that of node-opcua', () => {
  const theirs: Record<string, number> = {};
  for (const [name, code] of Object.entries(StatusCodes as unknown as Record<string, { value?: number } | undefined>)) {
    if (typeof code?.value === 'number') theirs[name] = code.value;
  }
  const known = Object.fromEntries(Object.entries(theirs).filter(([name]) => name in StatusCode));
  expect(StatusCode).toEqual(known);
  // A name of theirs with info bits in it is a convenience of that library, not a code.
  const missing = Object.entries(theirs).filter(([name, value]) => !(name in StatusCode) && infoBits(value) === 0);
  expect(missing.filter(([, value]) => !Object.values(StatusCode).includes(value as never))).toEqual([]);
});

test('every code has one name, and its name is found again with info bits', () => {
  for (const [name, code] of Object.entries(StatusCode)) {
    expect(statusName(code), name).toBe(name);
    expect(statusName((code | 0x0480) >>> 0)).toBe(name);
    expect(infoBits((code | 0x0480) >>> 0)).toBe(0x0480);
  }
});

test('severity follows the two highest bits', () => {
  for (const [name, code] of Object.entries(StatusCode)) {
    expect(isGood(code), name).toBe(name.startsWith('Good'));
    expect(isBad(code), name).toBe(name.startsWith('Bad'));
  }
});

test('the overflow bit counts only together with its info type', () => {
  expect(hasOverflow(0x480)).toBe(true);
  expect(hasOverflow(0x80000480)).toBe(true);
  expect(hasOverflow(0x080)).toBe(false);
  expect(hasOverflow(0x400)).toBe(false);
});

test('a code that nobody defined is written as its number', () => {
  expect(statusName(0x80ab1234)).toBe(statusName(0x80ab0000));
  expect(statusName(0x9fff0001)).toBe('0x9fff0000');
});
