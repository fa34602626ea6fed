import type { JsonObject, Json } from './calls.ts';
import { objectAt, textAt, textsAt } from './json.ts';
import type { RedfishQuirk } from './quirks.ts';

export type BootDevice = 'none' | 'pxe' | 'disk' | 'cdrom' | 'http' | 'bios-setup';

export interface BootOverride {
  device: BootDevice;
  persistence: 'once' | 'persistent';
  firmware: 'uefi' | 'legacy';
  /** For the device `http`. */
  httpUri?: string;
}

/** BootSourceOverrideTarget → what it is to us; all others are none of it. */
const DEVICES: ReadonlyMap<string, BootDevice> = new Map([
  ['None', 'none'],
  ['Pxe', 'pxe'],
  ['Hdd', 'disk'],
  ['Cd', 'cdrom'],
  ['UsbCd', 'cdrom'],
  ['UefiHttp', 'http'],
  ['BiosSetup', 'bios-setup'],
]);

const TARGETS: Readonly<Record<BootDevice, readonly string[]>> = {
  none: ['None'],
  pxe: ['Pxe'],
  disk: ['Hdd'],
  cdrom: ['Cd', 'UsbCd'],
  http: ['UefiHttp'],
  'bios-setup': ['BiosSetup'],
};

/** Reads `Boot` of a System or of its settings object. */
export function readOverride(body: JsonObject): BootOverride {
  const boot = objectAt(body, 'Boot');
  const enabled = textAt(boot, 'BootSourceOverrideEnabled');
  const target = textAt(boot, 'BootSourceOverrideTarget') ?? 'None';
  const uri = httpBootUriIn(body);
  const device = enabled === 'Disabled' ? 'none' : (DEVICES.get(target) ?? 'none');
  return {
    device,
    persistence: enabled === 'Continuous' ? 'persistent' : 'once',
    firmware: bootModeIn(body) ?? 'uefi',
    ...(device !== 'http' || uri === undefined ? {} : { httpUri: uri }),
  };
}

export function httpBootUriIn(body: JsonObject): string | undefined {
  const uri = textAt(body, 'Boot', 'HttpBootUri');
  // sushy-tools writes the name of Python's nothing.
  return uri === 'None' ? undefined : uri;
}

/** The override as it is, in the three properties that AMI wants with every change. */
export function bootTriple(body: JsonObject): Record<string, string> {
  return {
    BootSourceOverrideTarget: textAt(body, 'Boot', 'BootSourceOverrideTarget') ?? 'None',
    BootSourceOverrideEnabled: textAt(body, 'Boot', 'BootSourceOverrideEnabled') ?? 'Disabled',
    BootSourceOverrideMode: modeName(bootModeIn(body) ?? 'uefi'),
  };
}

export function bootModeIn(body: JsonObject): 'uefi' | 'legacy' | undefined {
  const mode = textAt(body, 'Boot', 'BootSourceOverrideMode');
  return mode === undefined ? undefined : mode === 'Legacy' ? 'legacy' : 'uefi';
}

export function modeName(firmware: BootOverride['firmware']): 'UEFI' | 'Legacy' {
  return firmware === 'uefi' ? 'UEFI' : 'Legacy';
}

/** The Target for a device, out of those that the BMC offers; undefined when it offers none for it. */
export function targetFor(device: BootDevice, body: JsonObject, quirks: ReadonlySet<RedfishQuirk>): string | undefined {
  const names = quirks.has('cd-is-usb-cd') ? [...TARGETS[device]].reverse() : TARGETS[device];
  const allowed = textsAt(body, 'Boot', 'BootSourceOverrideTarget@Redfish.AllowableValues');
  if (allowed.length === 0 || device === 'none') return names[0];
  return names.find((name) => allowed.includes(name));
}

/**
 * Bodies to try, most welcome first (facts §2.3): Target and Enabled together, which Supermicro demands and others take,
 * with Mode where it would change; the full triple for AMI; without Mode for HPE; at last only what differs.
 * @param body the System as it reads now
 */
export function bootForms(
  wanted: BootOverride,
  target: string,
  body: JsonObject,
  quirks: ReadonlySet<RedfishQuirk>,
): JsonObject[] {
  const boot = objectAt(body, 'Boot') ?? {};
  const now = bootModeIn(body);
  // No override is no reason to change the mode.
  const firmware = wanted.device === 'none' ? (now ?? wanted.firmware) : wanted.firmware;
  const modeDiffers = now !== undefined && now !== firmware;
  const mode = { BootSourceOverrideMode: modeName(firmware) };
  const uri = wanted.device === 'http' && wanted.httpUri !== undefined ? { HttpBootUri: wanted.httpUri } : {};
  return enabledNames(wanted, quirks).flatMap((enabled) => {
    const pair = { BootSourceOverrideTarget: target, BootSourceOverrideEnabled: enabled, ...uri };
    const full = { ...pair, ...mode };
    const withMode = !quirks.has('boot-without-mode');
    const preferred = withMode && (modeDiffers || quirks.has('boot-full')) ? full : pair;
    const others: JsonObject[] = withMode ? [full, pair] : [pair];
    const changed = Object.entries(pair).filter(([key, value]) => boot[key] !== value);
    return unique([preferred, ...others, ...(changed.length === 0 ? [] : [Object.fromEntries<Json>(changed)])]);
  });
}

function enabledNames({ device, persistence }: BootOverride, quirks: ReadonlySet<RedfishQuirk>): string[] {
  if (device === 'none') return ['Disabled'];
  if (persistence === 'once' || quirks.has('boot-once-only')) return ['Once'];
  return ['Continuous', 'Once'];
}

function unique(forms: readonly JsonObject[]): JsonObject[] {
  return [...new Map(forms.map((form) => [JSON.stringify(form), form])).values()];
}

export type BootVerdict =
  | { kind: 'same' }
  /** Accepted, with something worth a line in the log. */
  | { kind: 'tolerated'; why: string }
  | { kind: 'different'; why: string };

/**
 * Does what a BMC reads back fit what was set? The device decides; once must not have become for ever, except on BMCs
 * known to show it so.
 */
export function compareOverride(
  wanted: BootOverride,
  read: BootOverride,
  quirks: ReadonlySet<RedfishQuirk>,
): BootVerdict {
  const byCd = wanted.device === 'http' && read.device === 'cdrom' && quirks.has('http-reads-cd');
  if (read.device !== wanted.device && !byCd) {
    return { kind: 'different', why: `asked for ${wanted.device}, reads back ${read.device}` };
  }
  if (wanted.device === 'none') return { kind: 'same' };
  if (wanted.persistence === 'once' && read.persistence === 'persistent' && !quirks.has('boot-reads-continuous')) {
    return { kind: 'different', why: 'asked for once, reads back Continuous' };
  }
  if (wanted.httpUri !== undefined && read.httpUri !== undefined && wanted.httpUri !== read.httpUri) {
    return { kind: 'different', why: 'reads back another HttpBootUri' };
  }
  const missing = [
    wanted.persistence === read.persistence ? '' : wanted.persistence,
    wanted.firmware === read.firmware ? '' : `boot mode ${wanted.firmware}`,
    wanted.httpUri === read.httpUri ? '' : 'HttpBootUri',
    byCd ? 'UefiHttp (a virtual CD does it)' : '',
  ].filter((text) => text !== '');
  return missing.length === 0 ? { kind: 'same' } : { kind: 'tolerated', why: `not read back: ${missing.join(', ')}` };
}
