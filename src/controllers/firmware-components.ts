import { isDeepStrictEqual } from 'node:util';
import type { BareMetalHost } from '../api/baremetalhost.ts';
import type {
  FirmwareComponentStatus,
  FirmwareUpdate,
  HostFirmwareComponents,
  HostFirmwareComponentsStatus,
} from '../api/firmware.ts';
import { keyOf } from '../api/meta.ts';
import { HOST_FIRMWARE_COMPONENTS } from '../api/resources.ts';
import type { FirmwareControl } from '../bmc/capabilities.ts';
import { kubeTime } from '../core/clock.ts';
import { orMissing } from '../store/or-missing.ts';
import { announceInvalid } from './announce.ts';
import { type Finding, conditionsOf } from './conditions.ts';
import type { ControllerDoors } from './doors.ts';
import { ownedBy, withOwner } from './owners.ts';

/** What Metal3 lets people update by name (metal3-compat §1.5). */
const UPDATABLE = /^(bmc|bios|nic:.+)$/;

/**
 * Brings HostFirmwareComponents of a host up to what the BMC says. Made only for machines that name a component.
 * @returns whether an update waits to be applied
 */
export async function reconcileComponents(
  doors: ControllerDoors,
  host: BareMetalHost,
  firmware: FirmwareControl,
  signal: AbortSignal,
): Promise<boolean> {
  const found = (await firmware.components(signal)).filter((c) => UPDATABLE.test(c.component));
  const object = await claimed(doors, host, found.length > 0);
  if (object === undefined) return false;
  const now = doors.clock.now();
  const old = object.status;
  // One that is not wished for any more may be wished for again, and is then flashed again.
  const applied = (old?.updates ?? []).filter((a) => object.spec.updates.some((w) => isSame(w, a)));
  const findings = componentFindings(
    object.spec.updates,
    applied,
    found.map((c) => c.component),
  );
  const status: HostFirmwareComponentsStatus = {
    ...(old?.updates === undefined ? {} : { updates: applied }),
    components: found.map((c) => componentStatus(old?.components, c.component, c.version, now)),
    conditions: conditionsOf(old?.conditions, findings, object.metadata.generation, now),
  };
  const { lastUpdated: _, ...before } = old ?? {};
  if (!isDeepStrictEqual(before, status)) {
    const lastUpdated = kubeTime(now);
    await doors.store.updateStatus(HOST_FIRMWARE_COMPONENTS, { ...object, status: { ...status, lastUpdated } });
    const [message, last] = [status, before].map((s) => s.conditions?.find((c) => c.type === 'Valid')?.message ?? '');
    const news = message === undefined || message === '' || message === last ? [] : [message];
    await announceInvalid(doors, object, 'hostfirmwarecomponents', news);
  }
  return findings.some((f) => f.type === 'ChangeDetected' && f.status === 'True');
}

/** What the conditions say of a wish. Pure. @param known components that the machine has */
export function componentFindings(
  wanted: readonly FirmwareUpdate[],
  applied: readonly FirmwareUpdate[],
  known: readonly string[],
): Finding[] {
  const changed = pendingUpdates(wanted, applied);
  // A wish that is fulfilled is not judged again: the BMC may have dropped the component since.
  const problems = changed.length === 0 ? [] : componentProblems(wanted, known);
  return [
    {
      type: 'ChangeDetected',
      status: changed.length > 0 ? 'True' : 'False',
      reason: 'OK',
      message: changed.map((u) => u.component).join(', '),
    },
    problems.length === 0
      ? { type: 'Valid', status: 'True', reason: 'OK', message: '' }
      : {
          type: 'Valid',
          status: 'False',
          reason: 'InvalidComponent',
          message: `Invalid Firmware Components: ${problems.join('; ')}`,
        },
  ];
}

function componentProblems(wanted: readonly FirmwareUpdate[], known: readonly string[]): string[] {
  return [...new Set(wanted.map((u) => u.component))].flatMap((component) => {
    if (!UPDATABLE.test(component)) {
      const rule = "only 'bmc', 'bios', or names starting with 'nic:' are allowed as update names";
      return [`component ${component} is invalid, ${rule}`];
    }
    if (known.includes(component)) return [];
    return [`component ${component} is invalid, the machine has none of that name; it has ${known.join(', ')}`];
  });
}

/** Updates that were not flashed yet: those whose component and URL are not in the status. */
export function pendingUpdates(
  wanted: readonly FirmwareUpdate[],
  applied: readonly FirmwareUpdate[],
): FirmwareUpdate[] {
  return wanted.filter((w) => !applied.some((a) => isSame(w, a)));
}

function isSame(a: FirmwareUpdate, b: FirmwareUpdate): boolean {
  return a.component === b.component && a.url === b.url;
}

/** A version that changed was flashed since the last look. */
function componentStatus(
  old: readonly FirmwareComponentStatus[] | undefined,
  component: string,
  version: string,
  nowMs: number,
): FirmwareComponentStatus {
  const before = old?.find((c) => c.component === component);
  if (before === undefined) return { component, initialVersion: version, currentVersion: version };
  if (before.currentVersion === version) return before;
  return { ...before, currentVersion: version, lastVersionFlashed: version, updatedAt: kubeTime(nowMs) };
}

async function claimed(
  doors: ControllerDoors,
  host: BareMetalHost,
  make: boolean,
): Promise<HostFirmwareComponents | undefined> {
  const { store } = doors;
  const found = await orMissing(store.get(HOST_FIRMWARE_COMPONENTS, keyOf(host)));
  if (found === undefined) {
    if (!make) return undefined;
    return await store.create(HOST_FIRMWARE_COMPONENTS, {
      apiVersion: 'metal3.io/v1alpha1',
      kind: 'HostFirmwareComponents',
      metadata: {
        name: host.metadata.name,
        namespace: host.metadata.namespace ?? '',
        ownerReferences: [ownedBy(host)],
      },
      spec: { updates: [] },
    });
  }
  const ownerReferences = withOwner(found, ownedBy(host));
  return ownerReferences === undefined
    ? found
    : await store.patch(HOST_FIRMWARE_COMPONENTS, keyOf(found), { metadata: { ownerReferences } });
}
