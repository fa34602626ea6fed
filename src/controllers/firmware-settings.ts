import { isDeepStrictEqual } from 'node:util';
import type { BareMetalHost } from '../api/baremetalhost.ts';
import type {
  FirmwareSchema,
  HostFirmwareSettings,
  HostFirmwareSettingsStatus,
  SettingSchema,
} from '../api/firmware.ts';
import { type Condition, type OwnerReference, keyOf } from '../api/meta.ts';
import { FIRMWARE_SCHEMA, HOST_FIRMWARE_SETTINGS } from '../api/resources.ts';
import type { BiosControl } from '../bmc/capabilities.ts';
import { kubeTime } from '../core/clock.ts';
import { storeErrors } from '../store/errors.ts';
import { orMissing } from '../store/or-missing.ts';
import { announceInvalid } from './announce.ts';
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
  const registry = await bios.registry(signal);
  const settings = shownSettings(attributes, registry);
  const rules = settingSchemas(settings, registry);
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
    await leaveSchema(doors, object, schema?.name);
    const lastUpdated = kubeTime(now);
    await doors.store.updateStatus(HOST_FIRMWARE_SETTINGS, { ...object, status: { ...status, lastUpdated } });
    // Said once: a wish that stays wrong is looked at every minute.
    const problems =
      messageOf(before.conditions) === messageOf(status.conditions) ? [] : problemsOf(object, settings, rules);
    await announceInvalid(
      doors,
      object,
      'hostfirmwaresettings',
      problems.map((p) => `${INVALID}: ${p}`),
    );
  }
  return findings.some((f) => f.type === 'ChangeDetected' && f.status === 'True');
}

const INVALID = 'Invalid BIOS setting';

function messageOf(conditions: readonly Condition[] | undefined): string {
  return conditions?.find((c) => c.type === 'Valid')?.message ?? '';
}

function problemsOf(
  { spec }: HostFirmwareSettings,
  settings: Readonly<Record<string, string>>,
  rules: Readonly<Record<string, SettingSchema>>,
): string[] {
  return changedSettings(spec.settings, settings, rules).length === 0
    ? []
    : settingProblems(spec.settings, settings, rules);
}

/** What the conditions say of a wish; one that changes nothing is valid, whatever it names. Pure. */
export function settingFindings(
  wanted: Readonly<Record<string, number | string>>,
  now: Readonly<Record<string, string>>,
  rules: Readonly<Record<string, SettingSchema>>,
): Finding[] {
  const changed = changedSettings(wanted, now, rules);
  const problems = changed.length === 0 ? [] : settingProblems(wanted, now, rules);
  const message = `${INVALID}: ${problems.join('; ')}`.slice(0, MAX_MESSAGE);
  const valid: Finding =
    problems.length === 0
      ? { type: 'Valid', status: 'True', reason: 'Success', message: '' }
      : { type: 'Valid', status: 'False', reason: 'ConfigurationError', message };
  const status = changed.length > 0 ? 'True' : 'False';
  const names = changed.join(', ').slice(0, MAX_MESSAGE);
  return [{ type: 'ChangeDetected', status, reason: 'Success', message: names }, valid];
}

/** Bytes that the API takes in a condition are many more; nobody reads beyond this. */
const MAX_MESSAGE = 4096;

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

/** New firmware may bring new rules: the old ones go when the last machine that has them is not this one. */
async function leaveSchema(
  doors: ControllerDoors,
  { metadata, status }: HostFirmwareSettings,
  now: string | undefined,
): Promise<void> {
  const name = status?.schema?.name;
  if (name === undefined || name === now) return;
  const key = { name, namespace: metadata.namespace ?? '' };
  const old = await orMissing(doors.store.get(FIRMWARE_SCHEMA, key));
  const owners = old?.metadata.ownerReferences ?? [];
  const ownerReferences = owners.filter((o) => o.uid !== metadata.uid);
  if (old === undefined || ownerReferences.length === owners.length) return;
  const { resourceVersion, uid } = old.metadata;
  // A twin that comes to it just now makes it anew.
  if (ownerReferences.length === 0)
    await orMissing(doors.store.delete(FIRMWARE_SCHEMA, key, uid === undefined ? {} : { uid }));
  else await orMissing(doors.store.patch(FIRMWARE_SCHEMA, key, { metadata: { resourceVersion, ownerReferences } }));
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
