import type { Ipv4, Subnet } from '../wire/ipv4.ts';
import { inSubnet } from '../wire/ipv4.ts';

export type LeaseState = 'offered' | 'bound' | 'released' | 'declined';

export interface Lease {
  /** See `clientKey`: the MAC, or `id:` and the client identifier. Empty for an address someone else was found using. */
  client: string;
  address: Ipv4;
  state: LeaseState;
  /** Wall time, ms. After it the address is free, but is kept for its last owner as long as others can be had. */
  expires: number;
  hostname?: string;
}

/** What a decision may look at. */
export interface LeaseView {
  at(address: Ipv4): Lease | undefined;
  /** The client's lease in a subnet, if it has or had one. */
  of(client: string, subnet: Subnet): Lease | undefined;
}

/**
 * Leases by address and by client. One lease per address; it stays after it expired, so that a machine that comes back
 * gets what it had. Size is bounded by the addresses that can be given.
 */
export class LeaseTable implements LeaseView {
  readonly #byAddress = new Map<Ipv4, Lease>();
  readonly #byClient = new Map<string, Set<Ipv4>>();

  get size(): number {
    return this.#byAddress.size;
  }

  at(address: Ipv4): Lease | undefined {
    return this.#byAddress.get(address);
  }

  of(client: string, subnet: Subnet): Lease | undefined {
    for (const address of this.#byClient.get(client) ?? []) {
      if (inSubnet(address, subnet)) return this.#byAddress.get(address);
    }
    return undefined;
  }

  /** Puts a lease in the place of whatever its address and its client had in `subnet`. */
  put({ lease, subnet }: LeaseChange): void {
    const old = lease.client === '' ? undefined : this.of(lease.client, subnet);
    if (old !== undefined && old.address !== lease.address) this.delete(old.address);
    this.delete(lease.address);
    this.#byAddress.set(lease.address, lease);
    if (lease.client === '') return;
    const addresses = this.#byClient.get(lease.client) ?? new Set();
    addresses.add(lease.address);
    this.#byClient.set(lease.client, addresses);
  }

  delete(address: Ipv4): void {
    const lease = this.#byAddress.get(address);
    if (lease === undefined) return;
    this.#byAddress.delete(address);
    const addresses = this.#byClient.get(lease.client);
    addresses?.delete(address);
    if (addresses?.size === 0) this.#byClient.delete(lease.client);
  }

  all(): Lease[] {
    return [...this.#byAddress.values()];
  }
}

/** What a decision wants changed. */
export interface LeaseChange {
  lease: Lease;
  /** The client keeps one lease in here: an older one is dropped. */
  subnet: Subnet;
}
