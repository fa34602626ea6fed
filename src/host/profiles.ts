import { isDeepStrictEqual } from 'node:util';
import type { BareMetalHost, ProvisionStatus, RaidConfig } from '../api/baremetalhost.ts';
import type { RootDeviceHints } from '../api/hardware.ts';
import { usesLibvirt } from '../api/predicates.ts';
import type { RaidWish } from '../provisioner/provisioner.ts';
import { hostErrors } from './errors.ts';
import type { HostStatus } from './status.ts';

/** Hardware profiles: all that is left of them is the disk they choose when there are no hints (metal3-compat §2.17). */
const PROFILES: ReadonlyMap<string, RootDeviceHints> = new Map<string, RootDeviceHints>([
  ['unknown', { deviceName: '/dev/sda' }],
  ['libvirt', { deviceName: '/dev/vda' }],
  ['openstack', { deviceName: '/dev/vdb' }],
  ['dell', { hctl: '0:0:0:0' }],
  ['dell-raid', { hctl: '0:2:0:0' }],
  ['empty', {}],
]);

/**
 * The profile of a host: the one it has, else the one it asks for, else the one of its BMC.
 * @throws HOST_PROFILE_UNKNOWN
 */
export function resolveProfile(host: BareMetalHost, status: HostStatus): string {
  const fallback = usesLibvirt(host) ? 'libvirt' : 'unknown';
  const name = firstText(status.hardwareProfile, host.spec.hardwareProfile) ?? fallback;
  if (PROFILES.has(name)) return name;
  throw hostErrors.make('HOST_PROFILE_UNKNOWN', `spec.hardwareProfile: "${name}" is not a hardware profile`, {
    seen: { known: [...PROFILES.keys()] },
  });
}

function firstText(...texts: (string | undefined)[]): string | undefined {
  return texts.find((text) => text !== undefined && text !== '');
}

/** What decides the disk: the spec's hints, else the profile's. */
export function effectiveHints(host: BareMetalHost, status: HostStatus): RootDeviceHints {
  return host.spec.rootDeviceHints ?? PROFILES.get(status.hardwareProfile ?? '') ?? {};
}

/** Settings that preparing applies and then remembers in status. */
export type HostSettings = Pick<ProvisionStatus, 'rootDeviceHints' | 'raid'>;

/** The settings the spec asks for now; no RAID in the spec keeps what hardware RAID there is (metal3-compat §2.14). */
export function wantedSettings(host: BareMetalHost, status: HostStatus): HostSettings {
  const raid = wantedRaid(host.spec.raid, status.provisioning.raid);
  return { rootDeviceHints: effectiveHints(host, status), ...(raid === undefined ? {} : { raid }) };
}

function wantedRaid(spec: RaidConfig | undefined, applied: RaidConfig | undefined): RaidConfig | undefined {
  const raid: RaidConfig = {};
  const hardware = spec?.hardwareRAIDVolumes ?? applied?.hardwareRAIDVolumes;
  const software = spec?.softwareRAIDVolumes;
  if (hardware !== undefined && hardware !== null) raid.hardwareRAIDVolumes = hardware;
  if (software !== undefined && software !== null) raid.softwareRAIDVolumes = software;
  return Object.keys(raid).length === 0 ? undefined : raid;
}

/** Must the host go through preparing before it can be used as the spec says? */
export function settingsDiffer(host: BareMetalHost, status: HostStatus): boolean {
  const wanted = wantedSettings(host, status);
  const { rootDeviceHints, raid } = status.provisioning;
  return !isDeepStrictEqual(wanted.rootDeviceHints, rootDeviceHints) || !isDeepStrictEqual(wanted.raid, raid);
}

/** The hardware RAID that the spec asks for; undefined: what there is stays as it is. */
export function raidWish(host: BareMetalHost, status: HostStatus): RaidWish | undefined {
  const volumes = host.spec.raid?.hardwareRAIDVolumes;
  if (volumes === undefined || volumes === null) return undefined;
  const applied = status.provisioning.raid?.hardwareRAIDVolumes;
  return { volumes, differs: !isDeepStrictEqual(volumes, applied) };
}

/** Remembers the wanted settings as applied. */
export function saveSettings(host: BareMetalHost, status: HostStatus): void {
  const { rootDeviceHints, raid } = wantedSettings(host, status);
  if (rootDeviceHints !== undefined) status.provisioning.rootDeviceHints = structuredClone(rootDeviceHints);
  if (raid === undefined) delete status.provisioning.raid;
  else status.provisioning.raid = structuredClone(raid);
}

/** Forgets what has to be applied anew for the next use; hardware RAID stays (metal3-compat §2.14). */
export function clearSettings(status: HostStatus): void {
  delete status.provisioning.rootDeviceHints;
  const volumes = status.provisioning.raid?.hardwareRAIDVolumes;
  if (volumes === undefined || volumes === null) delete status.provisioning.raid;
  else status.provisioning.raid = { hardwareRAIDVolumes: volumes };
}
