import { isDeepStrictEqual } from 'node:util';
import type { BareMetalHost } from '../api/baremetalhost.ts';
import type {
  FirmwareSchema,
  HostFirmwareSettings,
  HostFirmwareSettingsStatus,
  SettingSchema,
} from '../api/firmware.ts';
import { type OwnerReference, keyOf } from '../api/meta.ts';
import { FIRMWARE_SCHEMA, HOST_FIRMWARE_SETTINGS } from '../api/resources.ts';
import type { BiosControl } from '../bmc/capabilities.ts';
import { kubeTime } from '../core/clock.ts';
import { storeErrors } from '../store/errors.ts';
import { orMissing } from '../store/or-missing.ts';
import { changedSettings, schemaName, settingProblems, settingSchemas, shownSettings } from './bios-settings.ts';
import { type Finding, conditionsOf } from './conditions.ts';
import type { ControllerDoors } from './doors.ts';
import { ownedBy, withOwner } from './owners.ts';

/**
 * Brings HostFirmwareSettings of a host, and the FirmwareSchema it points to, up to what the BMC says. Made when it is
 * not there (metal3-compat §1.3).
 * @returns whether a change waits to be applied
 */
export async function reconcileSettings(
  doors: ControllerDoors,
  host: BareMetalHost,
  bios: BiosControl,
  signal: AbortSignal,
): Promise<boolean> {
  const object = await claimed(doors, host);
  const { attributes } = await bios.state(signal);
  const rules = settingSchemas(await bios.registry(signal));
  const settings = shownSettings(attributes);
  const schema = await shareSchema(doors, object, host, rules);
  const findings = settingFindings(object.spec.settings, settings, rules);
  const now = doors.clock.now();
  const status: HostFirmwareSettingsStatus = {
    ...(schema === undefined ? {} : { schema }),
    settings,
    conditions: conditionsOf(object.status?.conditions, findings, object.metadata.generation, now),
  };
  const { lastUpdated: _, ...before } = object.status ?? { settings: {} };
  if (!isDeepStrictEqual(before, status)) {
    const lastUpdated = kubeTime(now);
    await doors.store.updateStatus(HOST_FIRMWARE_SETTINGS, { ...object, status: { ...status, lastUpdated } });
  }
  return findings.some((f) => f.type === 'ChangeDetected' && f.status === 'True');
}

/** What the conditions say of a wish. Pure. */
export function settingFindings(
  wanted: Readonly<Record<string, number | string>>,
  now: Readonly<Record<string, string>>,
  rules: Readonly<Record<string, SettingSchema>>,
): Finding[] {
  const changed = changedSettings(wanted, now);
  const problems = settingProblems(wanted, now, rules);
  const valid: Finding =
    problems.length === 0
      ? { type: 'Valid', status: 'True', reason: 'Success', message: '' }
      : {
          type: 'Valid',
          status: 'False',
          reason: 'ConfigurationError',
          message: `Invalid BIOS setting: ${problems.join('; ')}`.slice(0, 4096),
        };
  const status = changed.length > 0 ? 'True' : 'False';
  return [{ type: 'ChangeDetected', status, reason: 'Success', message: changed.join(', ').slice(0, 4096) }, valid];
}

async function claimed(doors: ControllerDoors, host: BareMetalHost): Promise<HostFirmwareSettings> {
  const { store } = doors;
  const found = await orMissing(store.get(HOST_FIRMWARE_SETTINGS, keyOf(host)));
  if (found === undefined) {
    return await store.create(HOST_FIRMWARE_SETTINGS, {
      apiVersion: 'metal3.io/v1alpha1',
      kind: 'HostFirmwareSettings',
      metadata: {
        name: host.metadata.name,
        namespace: host.metadata.namespace ?? '',
        ownerReferences: [ownedBy(host)],
      },
      spec: { settings: {} },
    });
  }
  const ownerReferences = withOwner(found, ownedBy(host));
  return ownerReferences === undefined
    ? found
    : await store.patch(HOST_FIRMWARE_SETTINGS, keyOf(found), { metadata: { ownerReferences } });
}

/** One FirmwareSchema for all machines with the same rules: each of their HostFirmwareSettings is an owner. */
async function shareSchema(
  doors: ControllerDoors,
  settings: HostFirmwareSettings,
  host: BareMetalHost,
  rules: Record<string, SettingSchema>,
): Promise<{ name: string; namespace: string } | undefined> {
  if (Object.keys(rules).length === 0) return undefined;
  const key = { name: schemaName(rules), namespace: settings.metadata.namespace ?? '' };
  const owner = ownedBy(settings);
  const found =
    (await orMissing(doors.store.get(FIRMWARE_SCHEMA, key))) ?? (await make(doors, key, host, rules, owner));
  const ownerReferences = withOwner(found, owner);
  if (ownerReferences !== undefined) await doors.store.patch(FIRMWARE_SCHEMA, key, { metadata: { ownerReferences } });
  return key;
}

async function make(
  doors: ControllerDoors,
  key: { name: string; namespace: string },
  host: BareMetalHost,
  rules: Record<string, SettingSchema>,
  owner: OwnerReference,
): Promise<FirmwareSchema> {
  const { manufacturer, productName } = host.status?.hardware?.systemVendor ?? {};
  try {
    return await doors.store.create(FIRMWARE_SCHEMA, {
      apiVersion: 'metal3.io/v1alpha1',
      kind: 'FirmwareSchema',
      metadata: { ...key, ownerReferences: [owner] },
      spec: {
        ...(manufacturer === undefined ? {} : { hardwareVendor: manufacturer }),
        ...(productName === undefined ? {} : { hardwareModel: productName }),
        schema: rules,
      },
    });
  } catch (error) {
    // A twin of this machine was faster.
    if (!storeErrors.is(error, 'STORE_ALREADY_EXISTS')) throw error;
    return await doors.store.get(FIRMWARE_SCHEMA, key);
  }
}
