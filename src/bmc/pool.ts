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
}

/**
 * One open BMC per address, so that all parts of the engine share its one session and its one queue; systems behind one
 * Redfish service share those too (redfish/shared-clients.ts). Idle sessions close by themselves and open again with the
 * next command.
 */
export class BmcPool {
  readonly #open: (request: BmcRequest) => Bmc;
  readonly #entries = new Map<string, Entry>();
  readonly #closing = new Set<Promise<void>>();

  /** @param open how a BMC is opened; tests hand in their own */
  constructor(doors: BmcDoors, open?: (request: BmcRequest) => Bmc) {
    const shared = { redfish: new RedfishClients(), ...doors };
    this.#open = open ?? ((request) => openBmc({ ...request, doors: shared }));
  }

  /** Number of BMCs held open. */
  get size(): number {
    return this.#entries.size;
  }

  /**
   * The BMC at an address. New credentials replace the old connection, whose waiting commands fail with BMC_CLOSED.
   * @throws what `openBmc` throws
   */
  get(request: BmcRequest): Bmc {
    const { credentialsVersion, disableCertificateVerification, fingerprint, quirks } = request;
    const key = JSON.stringify([credentialsVersion, disableCertificateVerification, fingerprint, quirks]);
    const known = this.#entries.get(request.address);
    if (known?.key === key) return known.bmc;
    const bmc = this.#open(request);
    if (known !== undefined) void this.#close(known.bmc);
    this.#entries.set(request.address, { key, bmc });
    return bmc;
  }

  /** Closes the BMC at an address, e.g. because its host is gone. */
  async forget(address: string): Promise<void> {
    const entry = this.#entries.get(address);
    if (entry === undefined) return;
    this.#entries.delete(address);
    await this.#close(entry.bmc);
  }

  /** Closes all, so that no session stays behind on any BMC. */
  async close(): Promise<void> {
    for (const entry of this.#entries.values()) void this.#close(entry.bmc);
    this.#entries.clear();
    await Promise.all(this.#closing);
  }

  #close(bmc: Bmc): Promise<void> {
    const done = bmc.close().finally(() => this.#closing.delete(done));
    this.#closing.add(done);
    return done;
  }
}
