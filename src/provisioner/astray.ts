import { type ObjectKey, keyText } from '../api/meta.ts';
import type { HostWakeup } from './provisioner.ts';

/**
 * Machines that asked the network what to boot though they have a disk to boot. Their BMC is told to boot the disk; the
 * script they were given restarts them. Nothing here touches a machine's power: anybody on the boot network can send
 * such a request in another's name. Only in memory, since such a machine asks again.
 */
export class Astray {
  readonly #keys = new Set<string>();
  readonly #wake: HostWakeup;

  constructor(wake: HostWakeup) {
    this.#wake = wake;
  }

  add(key: ObjectKey): void {
    this.#keys.add(keyText(key));
    this.#wake(key);
  }

  /** Says once that it was seen. */
  take(key: ObjectKey): boolean {
    return this.#keys.delete(keyText(key));
  }
}
