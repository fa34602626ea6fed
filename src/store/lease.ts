import type { Lease } from '../api/core-types.ts';
import type { ObjectKey } from '../api/meta.ts';
import { LEASE } from '../api/resources.ts';
import { type Clock, sleep } from '../core/clock.ts';
import { errorText } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import { storeErrors } from './errors.ts';
import type { Store } from './store.ts';

export interface LeaseDoors {
  store: Store;
  clock: Clock;
  random: () => number;
  log: Logger;
}

export interface LeaseOptions {
  key: ObjectKey;
  /** Unique per process: host name and a random part. */
  identity: string;
  /** Others may take over this long after the last renewal they saw, ms. */
  leaseMs: number;
  /** A leader that could not renew for this long stops leading; less than leaseMs, ms. */
  renewDeadlineMs: number;
  /** Time between tries, ms. */
  retryMs: number;
}

/** client-go's defaults. */
export const LEASE_TIMES = { leaseMs: 15_000, renewDeadlineMs: 10_000, retryMs: 2000 } as const;

/** A lease as last seen, and when by our own monotonic clock: clocks of two machines are never compared. */
export interface SeenLease {
  lease: Lease | undefined;
  seenAt: number;
}

export type LeaseDecision = { kind: 'create' } | { kind: 'renew' } | { kind: 'take-over' } | { kind: 'wait' };

/** What to do about a lease: pure. `now` and `seen.seenAt` are of the same monotonic clock, ms. */
export function decideLease(seen: SeenLease, identity: string, leaseMs: number, now: number): LeaseDecision {
  const holder = seen.lease?.spec?.holderIdentity ?? '';
  if (seen.lease === undefined) return { kind: 'create' };
  if (holder === identity) return { kind: 'renew' };
  if (holder === '' || now - seen.seenAt >= leaseMs) return { kind: 'take-over' };
  return { kind: 'wait' };
}

/**
 * Runs `lead` while this process holds the Lease; returns when it was lost, when `lead` ends, or when `signal` aborts.
 * `lead`'s signal aborts the moment leadership can no longer be proven. The Lease is released on the way out.
 */
export async function leadWhileHeld(
  doors: LeaseDoors,
  options: LeaseOptions,
  signal: AbortSignal,
  lead: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const holder = new LeaseHolder(doors, options);
  await holder.acquire(signal);
  doors.log.info(`leading as ${options.identity}`);
  const leading = new AbortController();
  const work = lead(AbortSignal.any([signal, leading.signal]));
  const renewing = holder.keep(AbortSignal.any([signal, leading.signal]));
  try {
    await Promise.race([work, renewing]);
  } finally {
    leading.abort(new Error('leadership ended'));
    await Promise.allSettled([work, renewing]);
    await holder.release();
  }
}

class LeaseHolder {
  readonly #doors: LeaseDoors;
  readonly #options: LeaseOptions;
  #seen: SeenLease;

  constructor(doors: LeaseDoors, options: LeaseOptions) {
    this.#doors = doors;
    this.#options = options;
    this.#seen = { lease: undefined, seenAt: doors.clock.monotonic() };
  }

  /** Waits until the Lease is ours. */
  async acquire(signal: AbortSignal): Promise<void> {
    while (!(await this.#try())) await this.#pause(signal);
  }

  /**
   * Renews until it fails for too long or another holder appears; then returns. An API server that does not answer is
   * not waited for beyond the deadline: by then another process may lead.
   */
  async keep(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#doors;
    let renewedAt = clock.monotonic();
    while (!signal.aborted) {
      await this.#pause(signal).catch(() => {});
      if (signal.aborted) return;
      // Counted from before the write: others count from when it reached the server.
      const triedAt = clock.monotonic();
      const left = renewedAt + this.#options.renewDeadlineMs - triedAt;
      if (await this.#tryWithin(left, signal)) renewedAt = triedAt;
      else if (signal.aborted) return;
      else if (this.#lostTo() || clock.monotonic() - renewedAt >= this.#options.renewDeadlineMs) {
        log.warn('leadership lost');
        return;
      }
    }
  }

  /** False also when there is no answer in time. */
  async #tryWithin(ms: number, signal: AbortSignal): Promise<boolean> {
    const late = new AbortController();
    const timeout = sleep(this.#doors.clock, ms, AbortSignal.any([signal, late.signal])).catch(() => {});
    const answer = await Promise.race([this.#try(), timeout.then(() => false)]);
    late.abort();
    return answer;
  }

  /** Gives the Lease up so that a successor need not wait for it to expire. Best effort. */
  async release(): Promise<void> {
    const { lease } = this.#seen;
    if (lease?.spec?.holderIdentity !== this.#options.identity) return;
    try {
      await this.#doors.store.update(LEASE, {
        ...lease,
        spec: { ...lease.spec, holderIdentity: '', leaseDurationSeconds: 1 },
      });
    } catch (error) {
      this.#doors.log.debug(`lease not released: ${errorText(error)}`);
    }
  }

  #pause(signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#doors;
    return sleep(clock, this.#options.retryMs * (1 + 0.2 * random()), signal);
  }

  #lostTo(): boolean {
    const holder = this.#seen.lease?.spec?.holderIdentity ?? '';
    return holder !== '' && holder !== this.#options.identity;
  }

  /** One look and, if it is ours to have, one write. Every failure is a "not now". */
  async #try(): Promise<boolean> {
    const { clock, store, log } = this.#doors;
    try {
      await this.#look();
      const decision = decideLease(this.#seen, this.#options.identity, this.#options.leaseMs, clock.monotonic());
      if (decision.kind === 'wait') return false;
      const next = this.#next(decision.kind);
      const written = decision.kind === 'create' ? await store.create(LEASE, next) : await store.update(LEASE, next);
      this.#seen = { lease: written, seenAt: clock.monotonic() };
      return true;
    } catch (error) {
      log.debug(`lease ${this.#options.key.name}: ${errorText(error)}`);
      return false;
    }
  }

  async #look(): Promise<void> {
    const { clock, store } = this.#doors;
    const lease = await store.get(LEASE, this.#options.key).catch((error: unknown) => {
      if (storeErrors.is(error, 'STORE_NOT_FOUND')) return undefined;
      throw error;
    });
    const changed = lease?.metadata.resourceVersion !== this.#seen.lease?.metadata.resourceVersion;
    this.#seen = { lease, seenAt: changed ? clock.monotonic() : this.#seen.seenAt };
  }

  #next(decision: 'create' | 'renew' | 'take-over'): Lease {
    const { key, identity, leaseMs } = this.#options;
    const before = this.#seen.lease;
    // MicroTime wants six decimals.
    const now = `${new Date(this.#doors.clock.now()).toISOString().slice(0, -1)}000Z`;
    const transitions = before?.spec?.leaseTransitions ?? 0;
    return {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: before?.metadata ?? { namespace: key.namespace, name: key.name },
      spec: {
        holderIdentity: identity,
        leaseDurationSeconds: Math.round(leaseMs / 1000),
        acquireTime: decision === 'renew' ? (before?.spec?.acquireTime ?? now) : now,
        renewTime: now,
        leaseTransitions: decision === 'take-over' ? transitions + 1 : transitions,
      },
    };
  }
}
