import type { BareMetalHost } from './baremetalhost.ts';

/** Annotations, labels and finalizers of metal3-compat §2.10 and §2.15. Names are an interface: never rename. */
export const PAUSED_ANNOTATION = 'baremetalhost.metal3.io/paused';
export const DETACHED_ANNOTATION = 'baremetalhost.metal3.io/detached';
export const STATUS_ANNOTATION = 'baremetalhost.metal3.io/status';
export const REBOOT_ANNOTATION = 'reboot.metal3.io';
export const INSPECT_ANNOTATION = 'inspect.metal3.io';
export const HARDWARE_DETAILS_ANNOTATION = 'inspect.metal3.io/hardwaredetails';
/** Ours: the suffixed reboot annotations a host without power off was already rebooted for, comma separated. */
export const REBOOTED_FOR_ANNOTATION = 'ingot.dev/rebooted-for';
/** Ours: the one certificate that a BMC may show, `sha256:…`. */
export const BMC_FINGERPRINT_ANNOTATION = 'ingot.dev/bmc-fingerprint';
/** Ours: departures of a BMC from its protocol, comma separated; one with `-` before it is not to be assumed. */
export const BMC_QUIRKS_ANNOTATION = 'ingot.dev/bmc-quirks';

/** Ours: `true` records the serial console of each boot into the ramdisk; it takes the one console of the BMC. */
export const RECORD_CONSOLE_ANNOTATION = 'ingot.dev/record-console';

export const HOST_FINALIZER = 'baremetalhost.metal3.io';
export const SECRET_FINALIZER = 'baremetalhost.metal3.io/secret';
export const HARDWARE_DATA_FINALIZER = 'baremetalhost.metal3.io/hardwareData';

export const ENVIRONMENT_LABEL = 'environment.metal3.io';
export const ENVIRONMENT_VALUE = 'baremetal';

export function annotation(host: BareMetalHost, key: string): string | undefined {
  return host.metadata.annotations?.[key];
}

/** What annotations say about the BMC of a host. */
export function bmcAnnotations(host: BareMetalHost): { fingerprint?: string; quirks?: string[] } {
  const fingerprint = annotation(host, BMC_FINGERPRINT_ANNOTATION)?.trim() ?? '';
  const names = annotation(host, BMC_QUIRKS_ANNOTATION) ?? '';
  const quirks = names
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  return { ...(fingerprint === '' ? {} : { fingerprint }), ...(quirks.length === 0 ? {} : { quirks }) };
}

/** Present with any value, even empty: nothing at all is done with the host. */
export function isPaused(host: BareMetalHost): boolean {
  return annotation(host, PAUSED_ANNOTATION) !== undefined;
}

export interface DetachRequest {
  deleteAction: 'delay' | 'delete';
  force: boolean;
}

/** What the detached annotation asks for; undefined without it. A value that cannot be read means the defaults. */
export function detachRequest(host: BareMetalHost): DetachRequest | undefined {
  const value = annotation(host, DETACHED_ANNOTATION);
  if (value === undefined) return undefined;
  const fields = jsonObject(value) ?? {};
  return {
    deleteAction: fields['deleteAction'] === 'delay' ? 'delay' : 'delete',
    force: fields['force'] === true,
  };
}

export interface RebootRequest {
  mode: 'soft' | 'hard';
  force: boolean;
}

export interface RebootRequests {
  /** `reboot.metal3.io`: off once, then on again. */
  base: RebootRequest | undefined;
  /** `reboot.metal3.io/<client>`: off for as long as the annotation stays; key is the whole annotation name. */
  held: ReadonlyMap<string, RebootRequest>;
  /** Annotations whose value is not what metal3-compat §2.9 allows; they act as soft reboots. */
  invalid: readonly string[];
}

/** Reads all reboot annotations of a host. */
export function rebootRequests(host: BareMetalHost): RebootRequests {
  let base: RebootRequest | undefined;
  const held = new Map<string, RebootRequest>();
  const invalid: string[] = [];
  for (const [key, value] of Object.entries(host.metadata.annotations ?? {})) {
    if (key !== REBOOT_ANNOTATION && !key.startsWith(`${REBOOT_ANNOTATION}/`)) continue;
    const parsed = parseReboot(value);
    if (parsed === undefined) invalid.push(key);
    const request = parsed ?? { mode: 'soft', force: false };
    if (key === REBOOT_ANNOTATION) base = request;
    else held.set(key, request);
  }
  return { base, held, invalid };
}

/** `""` or `{"mode": "hard"|"soft"|"", "force": bool}`; undefined for anything else. */
function parseReboot(value: string): RebootRequest | undefined {
  if (value === '') return { mode: 'soft', force: false };
  const fields = jsonObject(value);
  if (fields === undefined) return undefined;
  const { mode = '', force = false } = fields;
  if (typeof force !== 'boolean') return undefined;
  if (mode === 'hard') return { mode, force };
  return mode === 'soft' || mode === '' ? { mode: 'soft', force } : undefined;
}

/** A JSON object, or undefined for anything else. */
export function jsonObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return value !== null && typeof value === 'object' && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
