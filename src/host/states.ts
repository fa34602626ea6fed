import type { ProvisioningState } from '../api/baremetalhost.ts';
import { hostErrors } from './errors.ts';

type Targets = readonly ProvisioningState[];

const fromAvailable: Targets = [
  'externally provisioned',
  'inspecting',
  'preparing',
  'provisioning',
  'powering off before delete',
  'deleting',
];

/**
 * Every move a host can make (metal3-compat §2.5 and §2.10). `deleting` is reached from anywhere by a host that is
 * deleted while detached; the machine is then left alone.
 */
export const TRANSITIONS: Readonly<Record<ProvisioningState, Targets>> = Object.freeze({
  '': ['registering', 'unmanaged', 'deleting'],
  unmanaged: ['registering', 'deleting'],
  registering: ['externally provisioned', 'inspecting', 'preparing', 'deleting'],
  'match profile': ['preparing', 'powering off before delete', 'deleting'],
  inspecting: ['preparing', 'powering off before delete', 'deleting'],
  preparing: ['available', 'powering off before delete', 'deleting'],
  ready: fromAvailable,
  available: fromAvailable,
  provisioning: ['provisioned', 'deprovisioning', 'deleting'],
  provisioned: ['deprovisioning', 'deleting'],
  'externally provisioned': ['provisioned', 'powering off before delete', 'deleting'],
  deprovisioning: ['available', 'powering off before delete', 'deleting'],
  'powering off before delete': ['deleting'],
  deleting: [],
});

export function mayMove(from: ProvisioningState, to: ProvisioningState): boolean {
  return TRANSITIONS[from].includes(to);
}

/** @throws HOST_ILLEGAL_TRANSITION when the table does not have this move */
export function assertMove(from: ProvisioningState, to: ProvisioningState): void {
  if (mayMove(from, to)) return;
  throw hostErrors.make('HOST_ILLEGAL_TRANSITION', `a host cannot go from "${from}" to "${to}"`);
}

/** Where a deletion leads from each state; undefined: the state's own work goes on (metal3-compat §2.10). */
export const ON_DELETION: Readonly<Record<ProvisioningState, ProvisioningState | undefined>> = Object.freeze({
  '': 'deleting',
  unmanaged: 'deleting',
  registering: 'deleting',
  'match profile': 'powering off before delete',
  inspecting: 'powering off before delete',
  preparing: 'powering off before delete',
  ready: 'powering off before delete',
  available: 'powering off before delete',
  provisioning: 'deprovisioning',
  provisioned: 'deprovisioning',
  'externally provisioned': 'powering off before delete',
  deprovisioning: undefined,
  'powering off before delete': undefined,
  deleting: undefined,
});
