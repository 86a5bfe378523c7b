// Addresses with a scheme: `opc.tcp://10.20.1.15:4840`, `mqtts://host:8883`.

/** What is wrong with an address, or undefined. @param schemes without `://`, @param example a good one */
export function endpointProblem(text: string, schemes: readonly string[], example: string): string | undefined {
  const url = URL.parse(text);
  if (url === null || !schemes.includes(url.protocol.slice(0, -1)) || !text.startsWith(`${url.protocol}//`)) {
    return `write an address, like ${example}`;
  }
  if (url.username !== '' || url.password !== '') {
    return 'write the user under "user", with passwordFile or passwordEnv, and nothing before "@"';
  }
  if (url.hostname === '') return `the host is missing; write an address, like ${example}`;
  if (/\s/.test(text)) return 'an address has no blanks';
  return undefined;
}
