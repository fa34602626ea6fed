import type { Condition } from '../../src/api/meta.ts';
import { HOST_FIRMWARE_COMPONENTS, HOST_FIRMWARE_SETTINGS, HOST_UPDATE_POLICY } from '../../src/api/resources.ts';
import type { FirmwareUpdate, HostUpdatePolicy } from '../../src/api/firmware.ts';
import { type HostLab, KEY } from './host-lab.ts';

const AT = '2026-01-01T00:00:00Z';

export const conditions = (changed: boolean, valid: boolean, observedGeneration: number): Condition[] =>
  [['ChangeDetected', changed] as const, ['Valid', valid] as const].map(([type, holds]) => ({
    type,
    status: holds ? 'True' : 'False',
    reason: 'Success',
    message: '',
    lastTransitionTime: AT,
    observedGeneration,
  }));

const object = (kind: string) => ({ apiVersion: 'metal3.io/v1alpha1', kind, metadata: { ...KEY } });

/** Settings as a person wished them and as the controller found them: `Hyper` is to be changed. */
export async function wishSettings(lab: HostLab, options: { valid?: boolean; lookedAt?: boolean } = {}): Promise<void> {
  const made = await lab.store.create(HOST_FIRMWARE_SETTINGS, {
    ...object('HostFirmwareSettings'),
    spec: { settings: { Hyper: 'On', Cores: 4 } },
  });
  await lookAtSettings(lab, options.lookedAt === false ? 99 : (made.metadata.generation ?? 0), options.valid);
}

/** What the controller would write of them now. */
export async function lookAtSettings(lab: HostLab, generation?: number, valid = true): Promise<void> {
  const held = await lab.store.get(HOST_FIRMWARE_SETTINGS, KEY);
  const settings = held.status?.settings ?? { Hyper: 'Off', Cores: '4' };
  const changed = Object.entries(held.spec.settings).some(([k, v]) => settings[k] !== String(v));
  const seen = conditions(changed, valid, generation ?? held.metadata.generation ?? 0);
  await lab.store.updateStatus(HOST_FIRMWARE_SETTINGS, { ...held, status: { settings, conditions: seen } });
}

/**
 * Wishes for a value of `Hyper`, looked at at once; may be applied whenever the machine is rebooted. Can be repeated.
 * @param value undefined: the other one than the machine has
 */
export async function wishHyper(lab: HostLab, value?: 'On' | 'Off'): Promise<void> {
  if ((await lab.store.list(HOST_UPDATE_POLICY)).length === 0) await policy(lab, { firmwareSettings: 'onReboot' });
  const held =
    (await lab.store.list(HOST_FIRMWARE_SETTINGS))[0] ??
    (await lab.store.create(HOST_FIRMWARE_SETTINGS, { ...object('HostFirmwareSettings'), spec: { settings: {} } }));
  const Hyper = value ?? (held.status?.settings['Hyper'] === 'On' ? 'Off' : 'On');
  await lab.store.update(HOST_FIRMWARE_SETTINGS, { ...held, spec: { settings: { Hyper } } });
  await lookAtSettings(lab);
}

export async function wishUpdates(
  lab: HostLab,
  updates: FirmwareUpdate[],
  applied: FirmwareUpdate[] = [],
): Promise<void> {
  const made = await lab.store.create(HOST_FIRMWARE_COMPONENTS, {
    ...object('HostFirmwareComponents'),
    spec: { updates },
  });
  const seen = conditions(true, true, made.metadata.generation ?? 0);
  await lab.store.updateStatus(HOST_FIRMWARE_COMPONENTS, { ...made, status: { updates: applied, conditions: seen } });
}

export async function policy(lab: HostLab, spec: HostUpdatePolicy['spec']): Promise<void> {
  await lab.store.create(HOST_UPDATE_POLICY, { ...object('HostUpdatePolicy'), spec });
}
