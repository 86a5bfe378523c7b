// /etc/aziot/config.toml against the rules that our templates in deploy/iot-edge/host follow.

import { parse, TomlError } from 'smol-toml';
import { broken, good, type Look, odd } from '../look.ts';
import { hidden, read } from './files.ts';

const PATH = '/etc/aziot/config.toml';
const TEMPLATES =
  'deploy/iot-edge/host has a template for each way (docs/deployment.md); then sudo iotedge config apply';
const PROTOCOLS = ['Amqp', 'AmqpWs', 'Mqtt', 'MqttWs'];

type Table = Readonly<Record<string, unknown>>;
const table = (value: unknown): Table => (typeof value === 'object' && value !== null ? (value as Table) : {});
const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

export function judgeConfig(source: string): Look[] {
  let config: Table;
  try {
    config = parse(source) as Table;
  } catch (thrown) {
    if (!(thrown instanceof TomlError)) throw thrown;
    const what = `${PATH}:${thrown.line}:${thrown.column} is no TOML: ${thrown.message.split('\n')[0]}`;
    return [broken('config.toml', what, TEMPLATES)];
  }
  const provisioning = table(config.provisioning);
  const from = text(provisioning.source);
  const name = text(config.hostname);
  const looks: Look[] = [];
  if (name === undefined) looks.push(broken('hostname', `${PATH} names no hostname`, TEMPLATES));
  else looks.push(good('hostname', name));
  if (from === undefined)
    looks.push(broken('provisioning', `${PATH} does not say where the device gets its identity`, TEMPLATES));
  else looks.push(identity(provisioning, name));
  looks.push(...trust(config));
  looks.push(...protocol(config));
  return looks;
}

function identity(provisioning: Table, name: string | undefined): Look {
  const attestation = table(provisioning.attestation);
  const authentication = table(provisioning.authentication);
  const device = text(attestation.registration_id) ?? text(provisioning.device_id);
  const method = text(attestation.method) ?? text(authentication.method) ?? 'connection string';
  const what = `${provisioning.source}, ${method}, device ${device ?? 'unnamed'}`;
  if (
    authentication.method === 'sas' ||
    'connection_string' in provisioning ||
    attestation.method === 'symmetric_key'
  ) {
    return odd('provisioning', `${what}: a key in a file is all that it takes to be this gateway`, 'X.509 or a TPM');
  }
  if (device !== undefined && name !== undefined && device !== name) {
    return odd('provisioning', `${what}, and the host calls itself ${name}`, 'one name for both: messages carry it');
  }
  return good('provisioning', what);
}

function* trust(config: Table): Generator<Look> {
  if (config.edge_ca === undefined) {
    const what = 'no [edge_ca]: the runtime makes a CA for edgeHub that ends after 90 days, and delivery with it';
    yield broken('edge CA', what, TEMPLATES);
  } else {
    const { cert, method } = table(config.edge_ca);
    yield good('edge CA', text(cert) ?? `from ${text(method) ?? 'the runtime'}`);
  }
  const bundle = text(config.trust_bundle_cert);
  if (bundle !== undefined) yield good('trust bundle', bundle);
  else yield broken('trust bundle', 'no trust_bundle_cert: modules have no root to know edgeHub by', TEMPLATES);
  const elevated = config.allow_elevated_docker_permissions;
  if (elevated === false) yield good('elevation', 'a deployment cannot make a container privileged');
  else {
    const what = 'allow_elevated_docker_permissions is not false: who may deploy may have this host';
    yield odd('elevation', what, 'set it to false; sudo iotedge config apply');
  }
}

function* protocol(config: Table): Generator<Look> {
  const agent = table(config.agent);
  const upstream = text(table(agent.env).UpstreamProtocol);
  const image = text(table(agent.config).image);
  if (upstream === undefined) {
    const mend = 'set it under [agent.env], as in the deployment (docs/deployment.md)';
    yield odd('protocol', 'UpstreamProtocol is not set: AMQP on port 5671 is tried', mend);
  } else if (PROTOCOLS.includes(upstream)) yield good('protocol', `upstream by ${upstream}`);
  else yield broken('protocol', `UpstreamProtocol is "${upstream}"; there are ${PROTOCOLS.join(', ')}`, 'mend it');
  if (image === undefined) yield odd('agent', 'the image of edgeAgent is not named', TEMPLATES);
  else if (/:\d+\.\d+\.\d+$/.test(image)) yield good('agent', image);
  else yield odd('agent', `${image} names no release: what runs may change with any restart`, 'name it: …-agent:1.6.1');
}

export async function configToml(root: string): Promise<Look[]> {
  const found = await read(root, PATH);
  if ('text' in found) return judgeConfig(found.text);
  if ('why' in found) return [hidden('config.toml', PATH, found.why)];
  return [broken('config.toml', `${PATH} is not there: this host has not been set up for IoT Edge`, TEMPLATES)];
}
