import type { Clock, Timer } from '../core/clock.ts';
import type { Bmc } from './bmc.ts';
import { RedfishClients } from '../redfish/shared-clients.ts';
import { type BmcCredentials, type BmcDoors, openBmc } from './open.ts';

export interface BmcRequest {
  /** `spec.bmc.address` */
  address: string;
  credentials: BmcCredentials;
  /** Changes whenever the credentials do, e.g. uid and resourceVersion of the Secret. */
  credentialsVersion: string;
  disableCertificateVerification: boolean;
  /** See `OpenBmcOptions`. */
  fingerprint?: string;
  quirks?: readonly string[];
  /** Cipher suite that worked last time; does not make another connection. */
  preferredSuite?: number;
}

interface Entry {
  key: string;
  bmc: Bmc;
  /** Of one that others have replaced: closes it. */
  end?: Timer;
}

/**
 * So long a replaced BMC is kept for those who still work with it, and for those who have not heard of the change yet:
 * the parts of the engine see an edit one after the other, and one must not cut off what another is doing. Longer than
 * any call to a BMC may take.
 */
const LINGER_MS = 180_000;

/**
 * One open BMC per address, so that all parts of the engine share its one session and its one queue; systems behind one
 * Redfish service share those too (redfish/shared-clients.ts). Idle sessions close by themselves and open again with the
 * next command.
 */
export class BmcPool {
  readonly #open: (request: BmcRequest) => Bmc;
  readonly #clock: Clock;
  /** By address; the last is the present one. */
  readonly #entries = new Map<string, Entry[]>();
  readonly #closing = new Set<Promise<void>>();

  /** @param open how a BMC is opened; tests hand in their own */
  constructor(doors: BmcDoors, open?: (request: BmcRequest) => Bmc) {
    const shared = { redfish: new RedfishClients(), ...doors };
    this.#clock = doors.clock;
    this.#open = open ?? ((request) => openBmc({ ...request, doors: shared }));
  }

  /** Number of BMCs held open. */
  get size(): number {
    return [...this.#entries.values()].flat().length;
  }

  /**
   * The BMC at an address. New credentials, trust or quirks replace the old connection, which is closed a while later.
   * @throws what `openBmc` throws
   */
  get(request: BmcRequest): Bmc {
    const { address, credentialsVersion, disableCertificateVerification, fingerprint, quirks } = request;
    const key = JSON.stringify([credentialsVersion, disableCertificateVerification, fingerprint, quirks]);
    const entries = this.#entries.get(address) ?? [];
    const present = entries.at(-1);
    if (present?.key === key) return present.bmc;
    const entry = entries.find((e) => e.key === key) ?? { key, bmc: this.#open(request) };
    entry.end?.cancel();
    delete entry.end;
    if (present !== undefined) present.end = this.#clock.timer(LINGER_MS, () => this.#drop(address, present), true);
    this.#entries.set(address, [...entries.filter((e) => e !== entry), entry]);
    return entry.bmc;
  }

  /** Closes the BMC at an address, e.g. because its host is gone. Commands that wait fail with BMC_CLOSED. */
  async forget(address: string): Promise<void> {
    const entries = this.#entries.get(address) ?? [];
    this.#entries.delete(address);
    await Promise.all(entries.map((entry) => this.#close(entry)));
  }

  /** Closes all, so that no session stays behind on any BMC. */
  async close(): Promise<void> {
    for (const entry of [...this.#entries.values()].flat()) void this.#close(entry);
    this.#entries.clear();
    await Promise.all(this.#closing);
  }

  #drop(address: string, entry: Entry): void {
    const left = (this.#entries.get(address) ?? []).filter((e) => e !== entry);
    this.#entries.set(address, left);
    void this.#close(entry);
  }

  #close({ bmc, end }: Entry): Promise<void> {
    end?.cancel();
    const done = bmc.close().finally(() => this.#closing.delete(done));
    this.#closing.add(done);
    return done;
  }
}
