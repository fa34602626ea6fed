import { isPaused } from '../api/annotations.ts';
import type { BareMetalHost } from '../api/baremetalhost.ts';
import { type ObjectKey, keyOf, keyText } from '../api/meta.ts';
import { isBusy, usesVirtualMedia } from '../api/predicates.ts';
import { isMac, normalizeMac } from '../wire/mac.ts';
import { configReferences } from './config-data.ts';

interface Entry {
  key: ObjectKey;
  uid: string;
  bootMac: string | undefined;
  /** Has a registration of its own. */
  registered: boolean;
  created: string;
  busy: boolean;
  secrets: readonly string[];
  /** Those of them that a finalizer keeps for this host. */
  held: readonly string[];
}

/** What passes need to know about the other hosts, kept up to date from the watch and from each pass's own writes. */
export class HostIndex {
  readonly #entries = new Map<string, Entry>();
  /** Slots promised to passes that have not written their status yet. */
  readonly #promised = new Set<string>();

  observe(host: BareMetalHost): void {
    const { metadata, spec, status } = host;
    const mac = spec.bootMACAddress ?? '';
    this.#entries.set(keyText(keyOf(host)), {
      key: keyOf(host),
      uid: metadata.uid ?? '',
      bootMac: isMac(mac) ? normalizeMac(mac) : undefined,
      registered: (status?.provisioning.ID ?? '') !== '',
      created: metadata.creationTimestamp ?? '',
      busy: takesSlot(host),
      secrets: [...heldSecrets(host), ...configReferences(host).map(({ reference }) => reference.name ?? '')],
      held: heldSecrets(host),
    });
  }

  remove(key: ObjectKey): void {
    this.#entries.delete(keyText(key));
    this.#promised.delete(keyText(key));
  }

  /** Every host of the namespace that names this Secret anywhere in its spec. */
  usersOfSecret(namespace: string, name: string): { key: ObjectKey; uid: string }[] {
    return [...this.#entries.values()]
      .filter((e) => e.key.namespace === namespace && e.secrets.includes(name))
      .map(({ key, uid }) => ({ key, uid }));
  }

  /** Is there another host that a finalizer keeps this Secret for? */
  othersHold(host: BareMetalHost, secret: string): boolean {
    const own = keyText(keyOf(host));
    const namespace = host.metadata.namespace ?? '';
    return [...this.#entries].some(([k, e]) => k !== own && e.key.namespace === namespace && e.held.includes(secret));
  }

  /**
   * The other host that has a better claim to this host's boot MAC, compared without case and punctuation: one that is
   * registered, or else the older one. A registered host never loses its address to a newcomer.
   */
  bootMacOwner(host: BareMetalHost): string | undefined {
    const mine = this.#entries.get(keyText(keyOf(host)));
    const mac = host.spec.bootMACAddress ?? '';
    if (!isMac(mac) || (host.status?.provisioning.ID ?? '') !== '') return undefined;
    const wanted = normalizeMac(mac);
    const rank = (e: { created: string; uid: string }) => `${e.created} ${e.uid}`;
    const own = rank(mine ?? { created: host.metadata.creationTimestamp ?? '', uid: host.metadata.uid ?? '' });
    const rivals = [...this.#entries.values()].filter((e) => e !== mine && e.bootMac === wanted);
    const owner = rivals.find((e) => e.registered) ?? rivals.find((e) => rank(e) < own);
    return owner === undefined ? undefined : keyText(owner.key);
  }

  /** Hosts with this boot MAC: when one of them goes, the others may be registered. */
  rivalsOf(bootMac: string | undefined): ObjectKey[] {
    const wanted = isMac(bootMac ?? '') ? normalizeMac(bootMac ?? '') : undefined;
    return wanted === undefined
      ? []
      : [...this.#entries.values()].filter((e) => e.bootMac === wanted).map((e) => e.key);
  }

  /** Takes one of `limit` slots for `key`, until `settle`. */
  takeSlot(key: ObjectKey, limit: number): boolean {
    const name = keyText(key);
    const busy = new Set(this.#promised);
    for (const [other, entry] of this.#entries) if (entry.busy) busy.add(other);
    busy.delete(name);
    if (busy.size >= limit) return false;
    this.#promised.add(name);
    return true;
  }

  /** The pass over `key` is over: from here on what was written about the host counts. */
  settle(key: ObjectKey): void {
    this.#promised.delete(keyText(key));
  }
}

/** Busy hosts that failed are waiting, and those of virtual media do not load the boot network (metal3-compat §2.5). */
function takesSlot(host: BareMetalHost): boolean {
  const { status } = host;
  if (status === undefined || isPaused(host) || usesVirtualMedia(host)) return false;
  return isBusy(status.provisioning.state) && status.operationalStatus === 'OK';
}

function heldSecrets({ spec }: BareMetalHost): string[] {
  return [spec.bmc?.credentialsName ?? '', spec.preprovisioningNetworkDataName ?? ''].filter((name) => name !== '');
}
