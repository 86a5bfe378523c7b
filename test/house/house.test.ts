// The house's check finds what it is there to find: each rule gets a tree with one violation planted in it, and the
// same tree without it is in order.

import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { inspect } from '../../scripts/house.ts';
import { scratch } from '../support/scratch.ts';

const CLEAN: Record<string, string> = {
  'agent/src/main.ts': "import { dispatch } from './cli/commands.ts';\n",
  'agent/src/gateway.ts':
    "import { supervisor } from './adapters/supervisor.ts';\nimport { wire } from './wiring.ts';\n",
  'agent/src/wiring.ts': "import { opcuaAdapter } from './adapters/opcua/adapter.ts';\n",
  'agent/src/cli/commands.ts': "const load = () => import('./demo.ts');\n",
  'agent/src/cli/demo.ts': "import type { Io } from './commands.ts';\nimport { hub } from '../../../sim/hub/hub.ts';\n",
  'agent/src/model/tag.ts': 'export interface Tag {}\n',
  'agent/src/config/plant.ts': "import type { Tag } from '../model/tag.ts';\n",
  'agent/src/adapters/supervisor.ts': "import type { Tag } from '../model/tag.ts';\n",
  'agent/src/adapters/opcua/adapter.ts':
    "import { OPCUAClient } from 'node-opcua-client';\nimport '../supervisor.ts';\n",
  'agent/src/adapters/modbus/adapter.ts': "import { connect } from 'node:net';\n",
  'agent/src/buffer/buffer.ts': "import Database from 'better-sqlite3';\nimport type { Tag } from '../model/tag.ts';\n",
  'agent/src/delivery/forwarder.ts': "import type { Plant } from '../config/plant.ts';\n",
  'agent/src/store/store.ts': "new Worker(new URL('./worker.ts', import.meta.url));\n",
  'agent/src/store/worker.ts': "import { open } from '../buffer/buffer.ts';\nimport '../delivery/forwarder.ts';\n",
  'agent/src/observe/metrics.ts': "import type { Sent } from '../delivery/forwarder.ts';\n",
  'sim/hub/hub.ts': "import type { Tag } from '../../agent/src/model/tag.ts';\nimport { Aedes } from 'aedes';\n",
  'bench/load.ts': "import { startGateway } from '../agent/src/gateway.ts';\n",
  'test/buffer/buffer.test.ts':
    "import { open } from '../../agent/src/buffer/buffer.ts';\nit.skipIf(noPeer)('x', f);\n",
};

const folder = scratch();

function tree(planted: Record<string, string> = {}): string {
  const root = mkdtempSync(join(folder, 'tree-'));
  for (const [file, text] of Object.entries({ ...CLEAN, ...planted })) {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), text);
  }
  return root;
}

function found(planted: Record<string, string>, longFiles: Record<string, string> = {}): string[] {
  return inspect(tree(planted), longFiles).map(({ file, line, what }) => `${file}:${line}: ${what}`);
}

describe('the check of the house', () => {
  it('finds nothing in a house that is in order', () => {
    expect(inspect(tree(), {})).toEqual([]);
  });

  it.each([
    ['agent/src/model/tag.ts', "import '../config/plant.ts';", 'model may not import config'],
    ['agent/src/config/plant.ts', "import '../buffer/buffer.ts';", 'config may not import buffer'],
    ['agent/src/adapters/opcua/adapter.ts', "import '../../buffer/buffer.ts';", 'adapters/opcua may not import buffer'],
    [
      'agent/src/adapters/opcua/adapter.ts',
      "import { read } from '../modbus/adapter.ts';",
      'adapters/opcua may not import adapters/modbus',
    ],
    ['agent/src/adapters/supervisor.ts', "import './opcua/adapter.ts';", 'adapters may not import adapters/opcua'],
    ['agent/src/delivery/forwarder.ts', "export * from '../buffer/buffer.ts';", 'delivery may not import buffer'],
    [
      'agent/src/buffer/buffer.ts',
      "import type { F } from '../delivery/forwarder.ts';",
      'buffer may not import delivery',
    ],
    [
      'agent/src/observe/metrics.ts',
      "import { send } from '../delivery/forwarder.ts';",
      'observe may not import delivery',
    ],
    ['agent/src/store/store.ts', "const g = await import('../gateway.ts');", 'store may not import gateway'],
    ['agent/src/gateway.ts', "import '../../sim/hub/hub.ts';", 'gateway may not import sim'],
    ['agent/src/cli/run.ts', "import '../../../sim/hub/hub.ts';", 'only cli/demo may import sim'],
    ['agent/src/store/store.ts', "import Database from 'better-sqlite3';", 'store may not import better-sqlite3'],
    ['agent/src/cli/demo.ts', "import { Aedes } from 'aedes';", 'cli may not import aedes'],
    [
      'agent/src/adapters/modbus/adapter.ts',
      "import ModbusRTU from 'modbus-serial';",
      'adapters/modbus may not import modbus-serial',
    ],
    ['sim/hub/hub.ts', "import '../../agent/src/buffer/buffer.ts';", 'sim may not import buffer'],
    ['agent/src/buffer/buffer.ts', 'await import(name);', 'an import whose file only the running program knows'],
  ])('finds in %s: %s', (file, line, what) => {
    const violations = found({ [file]: `// The file's first line.\n\n${line}\n` });
    // some of these close a cycle as well
    expect(violations.filter((violation) => !violation.includes('cycle'))).toEqual([`${file}:3: ${what}`]);
  });

  it('finds an import that runs over several lines, at its first', () => {
    const text = "import {\n  one,\n  two,\n} from '../buffer/buffer.ts';\n";
    expect(found({ 'agent/src/config/plant.ts': text })).toEqual([
      'agent/src/config/plant.ts:1: config may not import buffer',
    ]);
  });

  it('takes no comment for an import', () => {
    const text = "// import '../buffer/buffer.ts';\n/*\nimport '../buffer/buffer.ts';\n*/\n";
    expect(found({ 'agent/src/config/plant.ts': text })).toEqual([]);
  });

  it('finds a cycle and shows the way round', () => {
    const planted = {
      'agent/src/model/a.ts': "import './b.ts';\n",
      'agent/src/model/b.ts': "import type { C } from './c.ts';\n",
      'agent/src/model/c.ts': "\nimport './a.ts';\n",
    };
    expect(found(planted)).toEqual(['agent/src/model/c.ts:2: import cycle: a.ts → b.ts → c.ts → a.ts']);
  });

  it('finds folders of one room that go round, though no files do', () => {
    const planted = {
      'agent/src/model/one/a.ts': "import '../two/b.ts';\n",
      'agent/src/model/two/b.ts': '',
      'agent/src/model/two/c.ts': "\nimport '../one/d.ts';\n",
      'agent/src/model/one/d.ts': '',
    };
    expect(found(planted)).toEqual(['agent/src/model/two:2: import cycle: one → two → one']);
  });

  it('finds a file that is in no room', () => {
    expect(found({ 'agent/src/utils.ts': '', 'agent/src/helpers/text.ts': '' })).toEqual([
      'agent/src/helpers/text.ts:1: agent/src/helpers/text.ts is in no room',
      'agent/src/utils.ts:1: agent/src/utils.ts is in no room',
    ]);
  });

  it('finds a file that is too long, unless it is listed, and a listing that is out of date', () => {
    const long = { 'agent/src/model/tag.ts': '//\n'.repeat(401) };
    expect(found(long)).toEqual(['agent/src/model/tag.ts:401: 401 lines, more than 400']);
    expect(found(long, { 'agent/src/model/tag.ts': 'a table' })).toEqual([]);
    expect(found({}, { 'agent/src/model/tag.ts': 'a table' })).toEqual([
      'agent/src/model/tag.ts:1: listed as long but has 1 lines',
    ]);
    expect(found({}, { 'agent/src/model/old.ts': 'a table' })).toEqual([
      'agent/src/model/old.ts:1: listed as long but gone',
    ]);
  });

  it.each(['it.only', 'it.skip', 'describe.only', 'test.concurrent.skip', 'it.todo'])('finds %s in a test', (call) => {
    const text = `\n  ${call}('x', () => {});\n`;
    expect(found({ 'test/buffer/buffer.test.ts': text })).toEqual([
      `test/buffer/buffer.test.ts:2: a test is switched off or singled out: ${call}`,
    ]);
  });
});
