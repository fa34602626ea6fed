import { type ObjectKey, keyOf } from '../api/meta.ts';
import { isMac, normalizeMac } from '../wire/mac.ts';
import type { HostIndex } from './host-index.ts';

/** More machines than one boot network holds; the oldest sighting goes first. */
const LIMIT = 10_000;

/** Which machine was last seen at which address. TFTP and HTTP know clients by address only. */
export class Sightings {
  readonly #hosts: HostIndex;
  readonly #macs = new Map<string, string>();

  constructor(hosts: HostIndex) {
    this.#hosts = hosts;
  }

  seen(ip: string, mac: string): void {
    this.#macs.delete(ip);
    this.#macs.set(ip, mac);
    const [oldest] = this.#macs.keys();
    if (this.#macs.size > LIMIT && oldest !== undefined) this.#macs.delete(oldest);
  }

  hostAt(ip: string): ObjectKey | undefined {
    const mac = this.#macs.get(ip);
    return mac === undefined ? undefined : this.hostOf(mac);
  }

  hostOf(mac: string): ObjectKey | undefined {
    const owner = isMac(mac) ? this.#hosts.byMac(normalizeMac(mac)) : undefined;
    return owner?.kind === 'host' ? keyOf(owner.host) : undefined;
  }
}
