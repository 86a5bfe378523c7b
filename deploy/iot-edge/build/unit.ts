// The gateway on a plain container host: a systemd unit that runs the same container with the same options, for sites
// without IoT Edge (hub: mqtt) or with docker or podman alone.

import { type GatewayPlace, gatewayEnvironment, gatewayOptions } from './gateway.ts';

/** The text of `fieldgate.service`. @param engine the program: docker or podman take the same arguments */
export function unit(image: string, place: GatewayPlace, engine = '/usr/bin/docker'): string {
  return `# Made by "npm run manifests"; see docs/deployment.md. Put values of your own into a drop-in:
#   systemctl edit fieldgate
[Unit]
Description=fieldgate, the edge gateway
Documentation=file:///usr/share/doc/fieldgate/operations.md
After=network-online.target docker.service
Wants=network-online.target
# Any number of attempts: a gateway that gives up loses readings.
StartLimitIntervalSec=0

[Service]
Environment=FIELDGATE_IMAGE=${image}
ExecStartPre=-${engine} rm --force fieldgate
ExecStart=${engine} run --rm --name fieldgate \\
${runArguments(place, image)
  .map((line) => `  ${line} \\`)
  .join('\n')}
  \${FIELDGATE_IMAGE} run --config /config/fieldgate.yaml
ExecReload=${engine} kill --signal HUP fieldgate
ExecStop=${engine} stop --time 30 fieldgate
TimeoutStopSec=45
Restart=always
RestartSec=2

[Install]
WantedBy=multi-user.target
`;
}

/** What \`docker run\` takes for the options of the container. */
function runArguments(place: GatewayPlace, image: string): string[] {
  const { User, HostConfig: host } = gatewayOptions(place);
  // Of the image the unit's own variable speaks, so that a drop-in changes both.
  const environment = { ...gatewayEnvironment(image), FIELDGATE_IMAGE: `$\{FIELDGATE_IMAGE}` };
  return [
    `--user ${User}`,
    ...host.Binds.map((bind) => `--volume ${bind}`),
    '--read-only',
    ...host.CapDrop.map((one) => `--cap-drop ${one}`),
    ...host.SecurityOpt.map((one) => `--security-opt ${one}`),
    `--pids-limit ${host.PidsLimit}`,
    `--memory ${host.Memory} --memory-swap ${host.MemorySwap}`,
    ...Object.entries(host.Tmpfs).map(([path, options]) => `--tmpfs ${path}:${options}`),
    ...host.Ulimits.map(({ Name, Soft, Hard }) => `--ulimit ${Name}=${Soft}:${Hard}`),
    ...Object.entries(host.PortBindings).flatMap(([port, bindings]) =>
      bindings.map(({ HostIp, HostPort }) => `--publish ${HostIp}:${HostPort}:${port.split('/')[0]}`),
    ),
    `--log-driver ${host.LogConfig.Type} ${Object.entries(host.LogConfig.Config)
      .map(([key, value]) => `--log-opt ${key}=${value}`)
      .join(' ')}`,
    ...(host.Devices ?? []).map(({ PathOnHost, PathInContainer }) => `--device ${PathOnHost}:${PathInContainer}`),
    ...(host.GroupAdd ?? []).map((group) => `--group-add ${group}`),
    ...Object.entries(environment).map(([name, value]) => `--env ${name}=${value}`),
  ];
}
