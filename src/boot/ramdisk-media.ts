import type { BareMetalHost } from '../api/baremetalhost.ts';
import type { HostProgressStatus } from '../api/hostprogress.ts';
import { keyOf } from '../api/meta.ts';
import type { IsoInfo } from '../disk/iso-overlay.ts';
import { bootErrors } from './errors.ts';
import { bootMacOf } from './host-index.ts';
import { type IsoContent, isoContent } from './ramdisk-iso.ts';
import type { AgentTokens } from './tokens.ts';
import type { UrlSigner } from './url-signing.ts';

export interface RamdiskMediaDoors {
  /** Undefined: the ramdisk was built without one. */
  iso: IsoInfo | undefined;
  signer: UrlSigner;
  tokens: AgentTokens;
  /** `sha256:<hex>` */
  fingerprint: string;
  kernelArguments: string;
  /**
   * Where this host's BMC (or its firmware) fetches, and where its ramdisk finds the agent API.
   * @throws BOOT_MEDIA_ADDRESS
   */
  bases: (host: BareMetalHost) => Promise<{ http: string; agent: string }>;
  /** What `spec.preprovisioningNetworkDataName` leads to. @throws HOST_NETWORK_DATA_MISSING, HOST_NETWORK_DATA_INVALID */
  networkData: (host: BareMetalHost) => Promise<unknown>;
}

/** A machine may take hours over a boot that is long given up: the URL ends with the attempt anyway. */
const URL_MS = 12 * 3600_000;
/** Contents that are kept, some 70 KB each; more machines than boot at a time. */
const KEPT = 128;

/**
 * The ramdisk for machines that boot it from their BMC's virtual CD or by UEFI HTTP: one ISO a host and attempt, made while
 * it is sent. What is on it is remembered for as long as it is fetched, not needed: it can be made again at any time.
 */
export class RamdiskMedia {
  readonly #doors: RamdiskMediaDoors;
  readonly #contents = new Map<string, Promise<IsoContent>>();

  constructor(doors: RamdiskMediaDoors) {
    this.#doors = doors;
  }

  /**
   * What a BMC is told to insert for the boot under way: no query, an address and no name, `.iso` at the end, the same
   * for one attempt. Whatever could fail later fails here, before the machine is touched.
   * @throws BOOT_ISO_MISSING, BOOT_ISO_TOO_SMALL, BOOT_MEDIA_ADDRESS, HOST_NETWORK_DATA_*
   */
  async url(host: BareMetalHost, status: HostProgressStatus): Promise<string> {
    await this.content(host, status);
    const { http } = await this.#doors.bases(host);
    const { namespace, name } = keyOf(host);
    const attempt = status.attempt ?? 0;
    const since = Date.parse(status.boot?.since ?? '1970-01-01');
    const segment = this.#doors.signer.segment(mediaScope(host, attempt), since + URL_MS);
    return `${http}/media/${namespace}/${attempt}/${segment}/${name}.iso`;
  }

  /** What is on the ISO of the current attempt. @throws as `url` */
  content(host: BareMetalHost, status: HostProgressStatus): Promise<IsoContent> {
    const { iso } = this.#doors;
    if (iso === undefined) throw bootErrors.make('BOOT_ISO_MISSING', 'the folder of the ramdisk has no ramdisk.iso');
    const key = mediaScope(host, status.attempt ?? 0);
    const held = this.#contents.get(key);
    if (held !== undefined) return held;
    const made = this.#make(iso, host, status.attempt ?? 0);
    this.#contents.set(key, made);
    const [oldest] = this.#contents.keys();
    if (this.#contents.size > KEPT && oldest !== undefined) this.#contents.delete(oldest);
    // What failed may have been mended by the next call.
    made.catch(() => this.#contents.delete(key));
    return made;
  }

  async #make(iso: IsoInfo, host: BareMetalHost, attempt: number): Promise<IsoContent> {
    const { tokens, fingerprint, kernelArguments } = this.#doors;
    const { agent } = await this.#doors.bases(host);
    return isoContent(iso, {
      agentServer: agent,
      fingerprint,
      token: tokens.mediaToken(keyOf(host), { hostUid: host.metadata.uid ?? '', attempt }),
      bootMac: bootMacOf(host),
      kernelArguments,
      networkData: await this.#doors.networkData(host),
    });
  }
}

/** What the signature of an ISO's URL is bound to. A host made again under its old name has another uid. */
export function mediaScope(host: BareMetalHost, attempt: number): string {
  return `media/${host.metadata.uid ?? ''}/${attempt}`;
}
