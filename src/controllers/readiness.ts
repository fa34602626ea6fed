import { detachRequest, isPaused } from '../api/annotations.ts';
import type { BareMetalHost } from '../api/baremetalhost.ts';
import { hasBmcDetails } from '../api/predicates.ts';

/**
 * May the BMC of a host be asked about firmware and the like? Paused, detached, unmanaged and leaving hosts are left
 * alone, and so are those whose credentials were not accepted yet (metal3-compat §1.3).
 */
export function mayAskBmc(host: BareMetalHost): boolean {
  return host.metadata.deletionTimestamp === undefined && mayCleanUp(host);
}

/** As `mayAskBmc`, but a host on its way out too: what was put into its BMC is to be taken back before it is gone. */
export function mayCleanUp(host: BareMetalHost): boolean {
  const { status } = host;
  if (isPaused(host) || !hasBmcDetails(host)) return false;
  if (detachRequest(host) !== undefined || status?.operationalStatus === 'detached') return false;
  return status?.goodCredentials?.credentials?.name !== undefined;
}
