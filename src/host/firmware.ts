import type { BareMetalHost } from '../api/baremetalhost.ts';
import type { FirmwareUpdate, HostFirmwareComponents, HostFirmwareSettings } from '../api/firmware.ts';
import { type Condition, type KubeObject, keyOf } from '../api/meta.ts';
import { HOST_FIRMWARE_COMPONENTS, HOST_FIRMWARE_SETTINGS, HOST_UPDATE_POLICY } from '../api/resources.ts';
import type { FirmwareWish } from '../provisioner/provisioner.ts';
import { orMissing } from '../store/or-missing.ts';
import type { Store } from '../store/store.ts';

/** What HostFirmwareSettings and HostFirmwareComponents of a host ask for (metal3-compat §2.14). */
export interface FirmwareAnswer {
  /** False while a controller has not looked at the newest wish yet. */
  ready: boolean;
  wish: FirmwareWish;
}

export const NO_FIRMWARE: FirmwareWish = { settings: {}, updates: [] };

export function wishesNothing(wish: FirmwareWish): boolean {
  return Object.keys(wish.settings).length === 0 && wish.updates.length === 0;
}

/** Only changes that a controller has found to be valid count. */
export async function readFirmwareWish(store: Store, host: BareMetalHost): Promise<FirmwareAnswer> {
  const settings = await orMissing(store.get(HOST_FIRMWARE_SETTINGS, keyOf(host)));
  const components = await orMissing(store.get(HOST_FIRMWARE_COMPONENTS, keyOf(host)));
  return answerOf(settings, components);
}

/**
 * What may be changed at the reboot of a machine that has an OS (metal3-compat §1.6). Without a HostUpdatePolicy, nothing:
 * changes wait until the host is prepared for its next use.
 */
export async function readLiveFirmwareWish(store: Store, host: BareMetalHost): Promise<FirmwareAnswer> {
  const policy = await orMissing(store.get(HOST_UPDATE_POLICY, keyOf(host)));
  const live = {
    settings: policy?.spec.firmwareSettings === 'onReboot',
    updates: policy?.spec.firmwareUpdates === 'onReboot',
  };
  const settings = live.settings ? await orMissing(store.get(HOST_FIRMWARE_SETTINGS, keyOf(host))) : undefined;
  const components = live.updates ? await orMissing(store.get(HOST_FIRMWARE_COMPONENTS, keyOf(host))) : undefined;
  return answerOf(settings, components);
}

function answerOf(
  settings: HostFirmwareSettings | undefined,
  components: HostFirmwareComponents | undefined,
): FirmwareAnswer {
  return {
    ready: isLookedAt(settings) && isLookedAt(components),
    wish: {
      // All of it: while they come into force one by one, it stays the same wish.
      settings: isDue(settings) ? settings.spec.settings : {},
      updates: isDue(components) ? pending(components) : [],
    },
  };
}

type WithConditions = KubeObject & { status?: { conditions?: Condition[] } };

/** An object without conditions belongs to a BMC that shows none of this. */
function isLookedAt(object: WithConditions | undefined): boolean {
  const conditions = object?.status?.conditions ?? [];
  return conditions.every((c) => c.observedGeneration === object?.metadata.generation);
}

function isDue<T extends WithConditions>(object: T | undefined): object is T {
  const holds = (type: string) => object?.status?.conditions?.find((c) => c.type === type)?.status === 'True';
  return holds('ChangeDetected') && holds('Valid');
}

function pending({ spec, status }: HostFirmwareComponents): FirmwareUpdate[] {
  const applied = status?.updates ?? [];
  return spec.updates.filter((w) => !applied.some((a) => a.component === w.component && a.url === w.url));
}

/** Notes a wish as granted, so that nobody asks for it again before the controllers have looked. */
export async function noteFirmwareApplied(store: Store, host: BareMetalHost, wish: FirmwareWish): Promise<void> {
  if (Object.keys(wish.settings).length > 0) {
    const object = await orMissing(store.get(HOST_FIRMWARE_SETTINGS, keyOf(host)));
    const applied = Object.entries(wish.settings).map(([name, value]) => [name, String(value)]);
    const settings = { ...object?.status?.settings, ...(Object.fromEntries(applied) as Record<string, string>) };
    if (object !== undefined) {
      const status = { ...object.status, settings, conditions: unchanged(object) };
      await store.updateStatus(HOST_FIRMWARE_SETTINGS, { ...object, status });
    }
  }
  if (wish.updates.length > 0) {
    const object = await orMissing(store.get(HOST_FIRMWARE_COMPONENTS, keyOf(host)));
    if (object === undefined) return;
    const updates = [...(object.status?.updates ?? []), ...wish.updates].filter((u) =>
      object.spec.updates.some((w) => w.component === u.component && w.url === u.url),
    );
    const status = { ...object.status, updates, conditions: unchanged(object) };
    await store.updateStatus(HOST_FIRMWARE_COMPONENTS, { ...object, status });
  }
}

/** After a failure everything is tried again. */
export async function noteFirmwareFailed(store: Store, host: BareMetalHost): Promise<void> {
  const object = await orMissing(store.get(HOST_FIRMWARE_COMPONENTS, keyOf(host)));
  if (object === undefined || (object.status?.updates?.length ?? 0) === 0) return;
  await store.updateStatus(HOST_FIRMWARE_COMPONENTS, { ...object, status: { ...object.status, updates: [] } });
}

function unchanged(object: WithConditions): Condition[] {
  return (object.status?.conditions ?? []).map((c) => (c.type === 'ChangeDetected' ? { ...c, status: 'False' } : c));
}
