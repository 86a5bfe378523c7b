// The shapes of an IoT Edge deployment, and the one thing about them that is not plain JSON: createOptions is a JSON text,
// cut into pieces of 512 characters (createOptions, createOptions01, …), because a twin's values were bounded to that
// (learn.microsoft.com/azure/iot-edge/module-composition; iotedge doc/deployment).

export interface Module {
  readonly version: string;
  readonly type: 'docker';
  readonly status: 'running';
  readonly restartPolicy: 'always';
  readonly startupOrder?: number;
  readonly imagePullPolicy?: 'on-create' | 'never';
  readonly env?: Readonly<Record<string, { readonly value: string }>>;
  readonly settings: Settings;
}

/** `edgeAgent` and `edgeHub`; the agent ignores status and policy of itself (IoT Edge, known limits). */
export interface SystemModule {
  readonly type: 'docker';
  readonly status?: 'running';
  readonly restartPolicy?: 'always';
  readonly startupOrder?: number;
  readonly env?: Readonly<Record<string, { readonly value: string }>>;
  readonly settings: Settings;
}

export type Settings = { readonly image: string } & Readonly<Record<string, string>>;

export interface EdgeAgentDesired {
  readonly schemaVersion: '1.1';
  readonly runtime: { readonly type: 'docker'; readonly settings: Readonly<Record<string, never>> };
  readonly systemModules: { readonly edgeAgent: SystemModule; readonly edgeHub: SystemModule };
  readonly modules: Readonly<Record<string, Module>>;
}

export interface Route {
  readonly route: string;
  /** 0 to 9; 0 goes first (iotedge doc/Route_priority_and_TTL.md). */
  readonly priority: number;
  readonly timeToLiveSecs: number;
}

export interface EdgeHubDesired {
  /** From 1.1 on routes carry priority and time to live. */
  readonly schemaVersion: '1.1';
  readonly routes: Readonly<Record<string, Route>>;
  readonly storeAndForwardConfiguration: { readonly timeToLiveSecs: number };
}

type Desired = Readonly<Record<string, unknown>>;

/** A whole deployment: what a device runs. */
export interface Manifest {
  readonly modulesContent: {
    readonly $edgeAgent: { readonly 'properties.desired': EdgeAgentDesired };
    readonly $edgeHub: { readonly 'properties.desired': EdgeHubDesired };
    readonly [module: string]: Readonly<Record<string, Desired | EdgeAgentDesired | EdgeHubDesired>>;
  };
}

/** A layer: what is laid over a base by priority. Its paths name one thing each, `properties.desired.modules.NAME`. */
export interface Layer {
  readonly modulesContent: {
    readonly $edgeAgent: Readonly<Record<string, Module>>;
    readonly [module: string]: Readonly<Record<string, unknown>>;
  };
}

const PIECE = 512;
/** createOptions and createOptions01 to createOptions99. */
const MOST_PIECES = 100;

/** An image with its createOptions, cut. @throws RangeError when they are longer than a twin can hold */
export function settings(image: string, createOptions: object): Settings {
  const text = JSON.stringify(createOptions);
  const pieces = text.match(new RegExp(`.{1,${PIECE}}`, 'gsu')) ?? [];
  if (pieces.length > MOST_PIECES) throw new RangeError(`createOptions of ${image} has ${text.length} characters`);
  return { image, ...Object.fromEntries(pieces.map((piece, i) => [pieceName(i), piece])) };
}

/** The createOptions of a module, joined as the edge agent does. @throws SyntaxError when they are no JSON */
export function createOptionsOf(given: Readonly<Record<string, string>>): Record<string, unknown> {
  let text = '';
  for (let i = 0; given[pieceName(i)] !== undefined; i++) text += given[pieceName(i)];
  return text === '' ? {} : (JSON.parse(text) as Record<string, unknown>);
}

export function pieceName(i: number): string {
  return i === 0 ? 'createOptions' : `createOptions${String(i).padStart(2, '0')}`;
}
