// Files of the PKI are whole or not there at all, also where the disk is nearly full.

import { readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { writeWhole } from '../../../../agent/src/adapters/opcua/security/files.ts';
import { smallDisk } from '../../../support/small-disk.ts';

const folder = smallDisk(1);

test.runIf(folder)('a disk with room for a part of the file keeps the file there was', () => {
  const [file, ballast] = [join(folder!, 'list.crl'), join(folder!, 'ballast')];
  writeWhole(file, 'the old one');
  const { bavail, bsize } = statfsSync(folder!);
  writeFileSync(ballast, Buffer.alloc((bavail - 2) * bsize));
  expect(() => writeWhole(file, Buffer.alloc(4 * bsize, 'x'))).toThrow(expect.objectContaining({ code: 'ENOSPC' }));
  expect(readFileSync(file, 'utf8')).toBe('the old one');
  rmSync(ballast);
  writeWhole(file, 'a new one');
  expect(readFileSync(file, 'utf8')).toBe('a new one');
});
