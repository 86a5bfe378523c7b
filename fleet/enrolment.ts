// The enrolment group of the provisioning service: who has a certificate of this CA becomes an IoT Edge device with these
// tags. Shown as a difference before it is written, read back after.

import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import azureProvisioning from 'azure-iot-provisioning-service';
import { describe } from '../agent/src/model/fault.ts';
import type { Calls } from './calls.ts';
import { type Access, connect } from './connection.ts';
import type { Plan } from './plan.ts';
import { Trouble } from './trouble.ts';

type EnrollmentGroup = Parameters<azureProvisioning.ProvisioningServiceClient['createOrUpdateEnrollmentGroup']>[0];

export interface Enrolments {
  get(group: string): Promise<EnrollmentGroup | undefined>;
  put(group: EnrollmentGroup): Promise<'done' | 'unsure' | 'conflict'>;
}

export async function openEnrolments(access: Access, calls: Calls): Promise<Enrolments> {
  const { client, config } = await connect(access);
  const service = new azureProvisioning.ProvisioningServiceClient(config as never, client as never);
  return {
    async get(id) {
      const answer = await calls.read(
        `reading enrolment group ${id}`,
        'enrolment',
        async () => ((await service.getEnrollmentGroup(id)) as { responseBody: EnrollmentGroup }).responseBody,
        (body) => body?.enrollmentGroupId === id,
      );
      return answer === 'missing' ? undefined : answer;
    },
    put: (group) =>
      calls.write(`writing enrolment group ${group.enrollmentGroupId}`, 'enrolment', () =>
        service.createOrUpdateEnrollmentGroup(group),
      ),
  };
}

/** The group that a plan asks for. @throws Trouble when the certificate cannot be read */
export function groupOf({ file, enrolment }: Plan): EnrollmentGroup {
  if (enrolment === undefined) throw new Trouble('usage', `${file} has no enrolment`);
  const { group, ca, tags, hubs } = enrolment;
  const x509 =
    'reference' in ca
      ? { caReferences: { primary: ca.reference } }
      : { signingCertificates: { primary: { certificate: certificateOf(resolve(dirname(file), ca.file)) } } };
  return {
    enrollmentGroupId: group,
    attestation: { type: 'x509', x509 },
    capabilities: { iotEdge: true },
    provisioningStatus: 'enabled',
    reprovisionPolicy: { updateHubAssignment: true, migrateDeviceData: true },
    initialTwin: { tags, properties: { desired: {} } },
    ...(hubs !== undefined && { iotHubs: hubs, allocationPolicy: 'static' }),
  } as unknown as EnrollmentGroup;
}

/** @throws Trouble when it is no certificate, or a key */
function certificateOf(path: string): string {
  try {
    const text = readFileSync(path, 'utf8');
    if (text.includes('PRIVATE KEY')) throw new Error('it holds a private key: name the certificate alone');
    const { ca, validTo } = new X509Certificate(text);
    if (!ca) throw new Error('it is no CA certificate');
    if (Date.parse(validTo) < Date.now()) throw new Error(`it expired on ${validTo}`);
    return text;
  } catch (error) {
    throw new Trouble('usage', `${path}: ${describe(error)}`, error);
  }
}

/**
 * Lines that say how `stored` becomes `wanted`: `+ path value`, `- path value`, `~ path old → new`. Only what is wanted
 * is compared, and tags as a whole: the service adds much of its own.
 */
export function differences(stored: EnrollmentGroup | undefined, wanted: EnrollmentGroup): string[] {
  const before = flat(shown(stored ?? {}));
  const after = flat(shown(wanted));
  const lines: string[] = [];
  for (const [path, value] of after) {
    const old = before.get(path);
    if (old === undefined) lines.push(`+ ${path} ${value}`);
    else if (old !== value) lines.push(`~ ${path} ${old} → ${value}`);
  }
  const ours = ['initialTwin.tags', 'attestation', 'iotHubs'];
  for (const [path, value] of before) {
    if (!after.has(path) && ours.some((prefix) => path.startsWith(prefix))) lines.push(`- ${path} ${value}`);
  }
  return lines;
}

/** A certificate as its thumbprint: the service answers with either, and people compare those. */
function shown(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shown);
  if (typeof value !== 'object' || value === null) return value;
  const { certificate, info } = value as { certificate?: unknown; info?: { sha256Thumbprint?: unknown } };
  if (typeof info?.sha256Thumbprint === 'string') return { sha256: info.sha256Thumbprint.toLowerCase() };
  if (typeof certificate === 'string') {
    return { sha256: new X509Certificate(certificate).fingerprint256.replaceAll(':', '').toLowerCase() };
  }
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, shown(each)]));
}

function flat(value: unknown, path = ''): Map<string, string> {
  if (value === null || value === undefined) return new Map();
  if (typeof value !== 'object') return new Map([[path, String(value)]]);
  return new Map(Object.entries(value).flatMap(([key, each]) => [...flat(each, path === '' ? key : `${path}.${key}`)]));
}

const MOST_WRITES = 5;

/** Makes the service have it; gives back what was different. @throws Trouble when it does not take it */
export async function enrol(enrolments: Enrolments, wanted: EnrollmentGroup): Promise<string[]> {
  let first: string[] | undefined;
  for (let written = 0; ; written++) {
    const stored = await enrolments.get(wanted.enrollmentGroupId);
    const lines = differences(stored, wanted);
    first ??= lines;
    if (lines.length === 0) return first;
    if (written >= MOST_WRITES)
      throw new Trouble('service', `the group is not what was written, ${written} times: ${lines.join('; ')}`);
    await enrolments.put({ ...wanted, ...(stored !== undefined && { etag: stored.etag }) });
  }
}
