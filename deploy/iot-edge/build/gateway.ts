// The gateway's container: hardened as facts and auditors ask, and nothing that it does not need. The same options make
// the module of IoT Edge and the unit of a plain container host.

/** Docker's container options (Engine API 1.41), as far as they are used. */
export interface ContainerOptions {
  readonly User: string;
  readonly StopTimeout: number;
  readonly ExposedPorts: Readonly<Record<string, Readonly<Record<string, never>>>>;
  readonly HostConfig: {
    readonly Binds: readonly string[];
    readonly ReadonlyRootfs: boolean;
    readonly CapDrop: readonly string[];
    readonly SecurityOpt: readonly string[];
    readonly PidsLimit: number;
    /** Bytes; swap counts into MemorySwap, so equal means none. */
    readonly Memory: number;
    readonly MemorySwap: number;
    readonly Tmpfs: Readonly<Record<string, string>>;
    readonly Ulimits: readonly { readonly Name: string; readonly Soft: number; readonly Hard: number }[];
    readonly PortBindings: Readonly<Record<string, readonly { readonly HostIp: string; readonly HostPort: string }[]>>;
    readonly LogConfig: { readonly Type: string; readonly Config: Readonly<Record<string, string>> };
    readonly Devices?: readonly {
      readonly PathOnHost: string;
      readonly PathInContainer: string;
      readonly CgroupPermissions: string;
    }[];
    readonly GroupAdd?: readonly string[];
  };
}

export interface GatewayPlace {
  /** Folder of the host for buffer, certificates and mappings; it belongs to 10001:10001. */
  readonly data: string;
  /** Folder of the host with `fieldgate.yaml`, read only. */
  readonly config: string;
  /** Folder of the host with the files that the mapping's secrets name, read only. */
  readonly secrets?: string;
  /** Serial devices for Modbus RTU, and the number of the host's group that may use them (dialout, often 20). */
  readonly serial?: { readonly devices: readonly string[]; readonly group: string };
}

const USER = '10001:10001';
export const METRICS_PORT = 9_600;
/** What the container may use, and what of it the heap of Node may: buffers, threads and SQLite live beside it. */
const MEMORY = 1024 ** 3;
const HEAP_MB = 512;

export function gatewayOptions({ data, config, secrets, serial }: GatewayPlace): ContainerOptions {
  const port = `${METRICS_PORT}/tcp`;
  return {
    User: USER,
    // SIGTERM commits and sends for at most 10 s.
    StopTimeout: 30,
    ExposedPorts: { [port]: {} },
    HostConfig: {
      Binds: [
        `${data}:/data`,
        `${config}:/config:ro`,
        ...(secrets === undefined ? [] : [`${secrets}:/run/secrets:ro`]),
      ],
      ReadonlyRootfs: true,
      CapDrop: ['ALL'],
      // Docker's seccomp profile is in force as long as nothing here says otherwise.
      SecurityOpt: ['no-new-privileges:true'],
      PidsLimit: 128,
      Memory: MEMORY,
      MemorySwap: MEMORY,
      Tmpfs: { '/tmp': 'rw,noexec,nosuid,nodev,size=64m' },
      Ulimits: [{ Name: 'nofile', Soft: 4_096, Hard: 4_096 }],
      PortBindings: { [port]: [{ HostIp: '127.0.0.1', HostPort: String(METRICS_PORT) }] },
      LogConfig: { Type: 'local', Config: { 'max-size': '20m', 'max-file': '5' } },
      ...(serial !== undefined && {
        Devices: serial.devices.map((path) => ({ PathOnHost: path, PathInContainer: path, CgroupPermissions: 'rw' })),
        GroupAdd: [serial.group],
      }),
    },
  };
}

/** The gateway's environment, besides what the image and the edge agent set. */
export function gatewayEnvironment(image: string): Record<string, string> {
  return { NODE_OPTIONS: `--max-old-space-size=${HEAP_MB}`, FIELDGATE_IMAGE: image };
}
