import type { BareMetalHost } from '../api/baremetalhost.ts';
import { SECRET } from '../api/resources.ts';
import { readNetworkData } from '../agent-protocol/network-data.ts';
import type { Store } from '../store/store.ts';
import { secretValue, yamlObject } from './config-data.ts';
import { hostErrors } from './errors.ts';
import { labelSecret } from './secrets.ts';
import { orMissing } from '../store/or-missing.ts';

const FIELD = 'spec.preprovisioningNetworkDataName';

/**
 * The network that the ramdisk of a host is to use where there is no DHCP (metal3-compat §4.8), checked for everything
 * that the ramdisk could not follow. Undefined when the host names none, or its Secret says nothing.
 * @throws HOST_NETWORK_DATA_MISSING, HOST_NETWORK_DATA_INVALID, STORE_*
 */
export async function readPreprovisioningNetwork(
  store: Store,
  host: BareMetalHost,
): Promise<Record<string, unknown> | undefined> {
  const name = host.spec.preprovisioningNetworkDataName ?? '';
  if (name === '') return undefined;
  const key = { namespace: host.metadata.namespace ?? '', name };
  const secret = await orMissing(store.get(SECRET, key));
  if (secret === undefined) {
    throw hostErrors.make('HOST_NETWORK_DATA_MISSING', `${FIELD}: Secret ${name} does not exist`);
  }
  await labelSecret(store, key, secret);
  const value = secretValue({ field: 'networkData', name, secret });
  const parsed = yamlObject('networkData', value instanceof Uint8Array ? value : undefined);
  const invalid = (problem: string) =>
    hostErrors.make('HOST_NETWORK_DATA_INVALID', `${FIELD}: Secret ${name}: ${problem}`);
  if (!parsed.ok) throw invalid('its value is not a YAML mapping');
  if (parsed.value === undefined || Object.keys(parsed.value).length === 0) return undefined;
  const read = readNetworkData(parsed.value);
  if (!read.ok) throw invalid(read.problem);
  return parsed.value;
}
