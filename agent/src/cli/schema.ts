// `fieldgate schema`: the JSON Schema of the mapping, for editors.

import { mappingJsonSchemaText } from '../config/jsonschema.ts';
import { parseArguments } from './arguments.ts';
import { type Command, EXIT } from './command.ts';

export const command: Command = {
  name: 'schema',
  usage: '',
  summary: 'Prints the JSON Schema of the mapping, with which an editor completes keys and marks mistakes.',
  help: `
Visual Studio Code: install the extension "YAML" (redhat.vscode-yaml) and begin the mapping with
  # yaml-language-server: $schema=./fieldgate.schema.json

Example:
  fieldgate schema > fieldgate.schema.json

Exit codes: 0, 2 wrong usage.
`,

  async run(args, io) {
    parseArguments(args, {}, []);
    io.out.write(mappingJsonSchemaText());
    return EXIT.clean;
  },
};
