import type { BareMetalHost } from '../api/baremetalhost.ts';
import { keyOf } from '../api/meta.ts';
import { bootErrors } from './errors.ts';
import type { UrlSigner } from './url-signing.ts';

export interface EventUrlDoors {
  signer: UrlSigner;
  /** `http://10.0.0.1:8080`, as this host's BMC finds us. @throws BOOT_MEDIA_ADDRESS */
  base: (host: BareMetalHost) => Promise<string>;
}

/** The start of the path of a receiver; the name of the log's redaction too (`core/log.ts`). */
export const EVENTS_PATH = '/redfish-events';

/** A subscription has no end of its own, and its URL must be the same for ever: else every restart would add another. */
const FOREVER_MS = Date.UTC(2100, 0, 1);

/** Where the BMC of a host posts its events: signed, without a query, for this host and no other. */
export class EventUrls {
  readonly #doors: EventUrlDoors;

  constructor(doors: EventUrlDoors) {
    this.#doors = doors;
  }

  /** The same for the life of the host and of the server's secret, as long as our address stays. @throws BOOT_MEDIA_ADDRESS */
  async url(host: BareMetalHost): Promise<string> {
    const { namespace, name } = keyOf(host);
    const segment = this.#doors.signer.segment(scopeOf(host), FOREVER_MS);
    return `${await this.#doors.base(host)}${EVENTS_PATH}/${namespace}/${segment}/${name}`;
  }

  /** @param host undefined: no such host, which is told in the same words. @throws BOOT_URL_INVALID, BOOT_URL_EXPIRED */
  verify(host: BareMetalHost | undefined, segment: string, nowMs: number): void {
    this.#doors.signer.verifySegment(segment, host === undefined ? '' : scopeOf(host), nowMs);
    if (host === undefined) throw bootErrors.make('BOOT_URL_INVALID', 'the signature of this URL is wrong');
  }

  /** Is this one of our receivers of this host, at whatever address we had then? */
  isOurs(host: BareMetalHost, destination: string): boolean {
    if (!URL.canParse(destination)) return false;
    const { namespace, name } = keyOf(host);
    const { pathname } = new URL(destination);
    const segment = pathname.split('/')[3] ?? '';
    if (pathname !== `${EVENTS_PATH}/${namespace}/${segment}/${name}`) return false;
    try {
      this.verify(host, segment, 0);
      return true;
    } catch (error) {
      if (bootErrors.is(error, 'BOOT_URL_INVALID')) return false;
      throw error;
    }
  }
}

/** A host made again under its old name has another uid. */
function scopeOf(host: BareMetalHost): string {
  return `redfish-events/${host.metadata.uid ?? ''}`;
}
