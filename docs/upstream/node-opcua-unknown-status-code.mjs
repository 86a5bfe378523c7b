// node-opcua 2.186.4: a StatusCode that is not in the library's table is decoded as plain Bad (0x80000000), whatever its
// severity. A vendor's own sub-code is lost, and a value that is only Uncertain, or even Good, is taken for Bad.
// OPC 10000-4 section 7.39: unknown sub-codes are to be handled by their severity.
//
//   npm install node-opcua-client@2.186.4 node-opcua-secure-channel@2.186.4 && node node-opcua-unknown-status-code.mjs
//
// Expected: every code is decoded as itself. Found: 0x80000000 each time.

import { BinaryStream } from 'node-opcua-binary-stream';
import { DataValue } from 'node-opcua-client';
import { end } from './server.mjs';

const hex = (code) => `0x${code.toString(16).padStart(8, '0')}`;
const codes = [0x4fab0000, 0x8abc1234, 0x00fe0000];
const decoded = codes.map((code) => {
  const stream = new BinaryStream(16);
  stream.writeUInt8(0x02); // a DataValue with a status and nothing else
  stream.writeUInt32(code);
  stream.length = 0;
  const value = new DataValue();
  value.decode(stream);
  return value.statusCode.value;
});
end(
  decoded.some((value, i) => value !== codes[i]),
  codes.map((code, i) => `${hex(code)} is decoded as ${hex(decoded[i])}`).join('; '),
);
