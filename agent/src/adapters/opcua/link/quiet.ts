// node-opcua prints warnings and errors to the console, where they would mix with the gateway's own output (which
// may be the readings themselves). Whatever it has to say reaches us as an error or a status.

import { LogLevel, setErrorLogger, setLogLevel, setWarningLogger } from 'node-opcua-client';

/** Silences the library for the whole process. Calling it again does nothing. */
export function quiet(): void {
  setLogLevel(LogLevel.Emergency);
  setWarningLogger(() => {});
  setErrorLogger(() => {});
}
