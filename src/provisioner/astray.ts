import { type ObjectKey, keyText } from '../api/meta.ts';
import type { Clock } from '../core/clock.ts';
import type { HostWakeup } from './provisioner.ts';

/** A BMC is told once in this time, however often somebody asks in the machine's name: each telling may wear its flash. */
const AGAIN_MS = 60_000;

/**
 * Machines that asked the network what to boot though they have a disk to boot. Their BMC is told to boot the disk; the
 * script they were given restarts them. Nothing here touches a machine's power: anybody on the boot network can send
 * such a request in another's name. Only in memory, since such a machine asks again.
 */
export class Astray {
  readonly #keys = new Set<string>();
  readonly #toldAt = new Map<string, number>();
  readonly #wake: HostWakeup;
  readonly #clock: Clock;

  constructor(wake: HostWakeup, clock: Clock) {
    this.#wake = wake;
    this.#clock = clock;
  }

  add(key: ObjectKey): void {
    const now = this.#clock.monotonic();
    const told = this.#toldAt.get(keyText(key));
    if (told !== undefined && now - told < AGAIN_MS) return;
    this.#toldAt.set(keyText(key), now);
    this.#keys.add(keyText(key));
    this.#wake(key);
  }

  forget(key: ObjectKey): void {
    this.#keys.delete(keyText(key));
    this.#toldAt.delete(keyText(key));
  }

  /** Says once that it was seen. */
  take(key: ObjectKey): boolean {
    return this.#keys.delete(keyText(key));
  }
}
