import type { BareMetalHost } from '../api/baremetalhost.ts';
import { keyOf, keyText } from '../api/meta.ts';
import { isMac, normalizeMac } from '../wire/mac.ts';

export type MacOwner =
  | { kind: 'host'; host: BareMetalHost; boot: boolean }
  | { kind: 'unknown' }
  /** Two hosts claim it; neither may boot by it. */
  | { kind: 'ambiguous'; hosts: string[] };

/**
 * Which host a MAC address belongs to. A host's `bootMACAddress` comes first; the addresses that inspection found count
 * too, because firmware may well boot from another port than the one that was written down.
 */
export class HostIndex {
  readonly #hosts = new Map<string, BareMetalHost>();
  readonly #boot = new Map<string, Set<string>>();
  readonly #nics = new Map<string, Set<string>>();

  set(host: BareMetalHost): void {
    const key = keyText(keyOf(host));
    this.remove(key);
    this.#hosts.set(key, host);
    add(this.#boot, bootMacOf(host), key);
    for (const nic of host.status?.hardware?.nics ?? []) {
      if (nic.mac !== undefined && isMac(nic.mac)) add(this.#nics, normalizeMac(nic.mac), key);
    }
  }

  remove(key: string): void {
    if (!this.#hosts.delete(key)) return;
    for (const map of [this.#boot, this.#nics]) {
      for (const [mac, keys] of map) {
        keys.delete(key);
        if (keys.size === 0) map.delete(mac);
      }
    }
  }

  get(key: string): BareMetalHost | undefined {
    return this.#hosts.get(key);
  }

  /** @param mac canonical form (lower case, colons) */
  byMac(mac: string): MacOwner {
    const boot = this.#boot.get(mac);
    const keys = boot ?? this.#nics.get(mac) ?? new Set<string>();
    const [first, ...rest] = keys;
    if (first === undefined) return { kind: 'unknown' };
    if (rest.length > 0) return { kind: 'ambiguous', hosts: [first, ...rest].sort() };
    const host = this.#hosts.get(first);
    return host === undefined ? { kind: 'unknown' } : { kind: 'host', host, boot: boot !== undefined };
  }
}

/** The host's boot MAC address in canonical form; undefined when there is none or it is not an address. */
export function bootMacOf(host: BareMetalHost): string | undefined {
  const mac = host.spec.bootMACAddress;
  return mac !== undefined && isMac(mac) ? normalizeMac(mac) : undefined;
}

function add(map: Map<string, Set<string>>, mac: string | undefined, key: string): void {
  if (mac === undefined) return;
  const keys = map.get(mac) ?? new Set();
  keys.add(key);
  map.set(mac, keys);
}
