import { parse } from 'yaml';
import type { BareMetalHost, SecretReference } from '../api/baremetalhost.ts';
import type { Secret } from '../api/core-types.ts';
import type { ConfigProblem, ConfigResult } from './ask.ts';

export type ConfigField = ConfigProblem['field'];

/** One reference of the spec with the Secret it leads to; undefined Secret: not found. */
export interface ConfigSource {
  field: ConfigField;
  name: string;
  secret: Secret | undefined;
}

/** The Secrets that a host's config data comes from, in the order they are reported on. */
export function configReferences(host: BareMetalHost): { field: ConfigField; reference: SecretReference }[] {
  const { userData, networkData, metaData, preprovisioningNetworkDataName: fallback = '' } = host.spec;
  const network = networkData ?? (fallback === '' ? undefined : { name: fallback });
  return (
    [
      ['userData', userData],
      ['networkData', network],
      ['metaData', metaData],
    ] as const
  ).flatMap(([field, reference]) => ((reference?.name ?? '') === '' ? [] : [{ field, reference: reference ?? {} }]));
}

/** §5 rule 4: a host may only use Secrets of its own namespace. */
export function foreignReference(host: BareMetalHost): ConfigProblem | undefined {
  const own = host.metadata.namespace ?? '';
  for (const { field, reference } of configReferences(host)) {
    const { namespace = '' } = reference;
    if (namespace !== '' && namespace !== own) {
      const message = `spec.${field}.namespace: "${namespace}" is not the namespace of the host, "${own}"`;
      return { field, kind: 'invalid', message };
    }
  }
  return undefined;
}

/** Keys of meta_data.json that every host has (metal3-compat §4.7). All are strings. */
export function defaultMetaData(host: BareMetalHost): Record<string, string> {
  const { name, namespace = '', uid = '' } = host.metadata;
  return {
    uuid: uid,
    'metal3-namespace': namespace,
    'metal3-name': name,
    'local-hostname': name,
    local_hostname: name,
    name,
  };
}

/**
 * Merges what the Secrets hold into what goes on the config drive (metal3-compat §4.7).
 * User data are opaque bytes; network and meta data are YAML, the latter merged key by key over the defaults.
 */
export function buildConfigData(host: BareMetalHost, sources: readonly ConfigSource[]): ConfigResult {
  const values = new Map<ConfigField, Uint8Array>();
  for (const source of sources) {
    const value = secretValue(source);
    if (value !== undefined && 'kind' in value) return { ok: false, problem: value };
    if (value !== undefined) values.set(source.field, value);
  }
  const metaData = yamlObject('metaData', values.get('metaData'));
  if (!metaData.ok) return metaData;
  const networkData = yamlObject('networkData', values.get('networkData'));
  if (!networkData.ok) return networkData;
  return {
    ok: true,
    config: {
      userData: values.get('userData'),
      metaData: { ...defaultMetaData(host), ...metaData.value },
      networkData: networkData.value,
    },
  };
}

/** The bytes under the field's own key, else under `value`. Only network data may have neither. */
export function secretValue(source: ConfigSource): Uint8Array | ConfigProblem | undefined {
  const { field, name, secret } = source;
  if (secret === undefined) {
    return { field, kind: 'pending', message: `Secret ${name} (spec.${field}) does not exist` };
  }
  const encoded = secret.data?.[field] ?? secret.data?.['value'];
  if (encoded !== undefined) return new Uint8Array(Buffer.from(encoded, 'base64'));
  if (field === 'networkData') return undefined;
  return { field, kind: 'pending', message: `Secret ${name} (spec.${field}) has neither key ${field} nor value` };
}

type Parsed = { ok: true; value: Record<string, unknown> | undefined } | { ok: false; problem: ConfigProblem };

export function yamlObject(field: ConfigField, bytes: Uint8Array | undefined): Parsed {
  const invalid = (why: string): Parsed => ({
    ok: false,
    problem: { field, kind: 'invalid', message: `spec.${field}: the Secret's value is not ${why}` },
  });
  if (bytes === undefined) return { ok: true, value: undefined };
  let value: unknown;
  try {
    // Aliases are bounded: a few lines of YAML must not become gigabytes.
    value = parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes), { maxAliasCount: 100 });
  } catch (error) {
    // Only the position: the text around it may be secret.
    return invalid(`YAML${position(error)}`);
  }
  if (value === null || value === undefined) return { ok: true, value: undefined };
  if (typeof value !== 'object' || Array.isArray(value)) return invalid('a YAML mapping');
  return { ok: true, value: value as Record<string, unknown> };
}

function position(error: unknown): string {
  if (typeof error !== 'object' || error === null || !('linePos' in error)) return '';
  const first: unknown = Array.isArray(error.linePos) ? error.linePos[0] : undefined;
  if (typeof first !== 'object' || first === null || !('line' in first) || !('col' in first)) return '';
  return `, line ${String(first.line)} column ${String(first.col)}`;
}
