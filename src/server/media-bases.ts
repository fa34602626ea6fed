import type { BareMetalHost } from '../api/baremetalhost.ts';
import { errorText } from '../core/errors.ts';
import { urlHost } from '../core/url-host.ts';
import { bootErrors } from '../boot/errors.ts';

export interface MediaAddresses {
  /** Where BMCs fetch, when it is not the address that the routing table says. */
  media: string | undefined;
  /** Where ramdisks find us, when it is not that of the boot network. */
  ramdisk: string | undefined;
  /** Our address on the boot network, where there is one. */
  bootNetwork: string | undefined;
  ports: () => { http: number; agent: number };
  /** How a host boots and at which address its BMC is. @throws errors of `bmcErrors` */
  bmcOf: (host: BareMetalHost) => { boot: 'ipxe' | 'virtual-media' | 'uefi-http'; host: string };
  towards: (host: string) => Promise<string>;
}

/**
 * The two base URLs that a host booting from an ISO needs: the BMC fetches from its own network, the ramdisk may be in
 * another. Nobody tells either of them, as DHCP does for machines that boot by network, so they are derived, or configured.
 * @throws BOOT_MEDIA_ADDRESS
 */
export async function mediaBases(host: BareMetalHost, at: MediaAddresses): Promise<{ http: string; agent: string }> {
  const bmc = at.bmcOf(host);
  const { http, agent } = at.ports();
  const routed = () => usable(bmc.host, at.towards);
  // Firmware that fetches by itself does so over the card it boots from.
  const fetched =
    at.media ?? (bmc.boot === 'uefi-http' ? (at.ramdisk ?? at.bootNetwork) : undefined) ?? (await routed());
  const reached = at.ramdisk ?? at.bootNetwork ?? fetched;
  if (at.ramdisk === undefined && (reached.startsWith('127.') || reached === '::1')) {
    const text = `the BMC ${bmc.host} is on this machine, and at which address the machine behind it finds this server is not known`;
    throw bootErrors.make('BOOT_MEDIA_ADDRESS', text);
  }
  return { http: `http://${urlHost(fetched)}:${http}`, agent: `https://${urlHost(reached)}:${agent}` };
}

/** Where the BMC of a host, which is never the machine itself, finds our HTTP server. @throws BOOT_MEDIA_ADDRESS */
export async function bmcBase(host: BareMetalHost, at: MediaAddresses): Promise<string> {
  const address = at.media ?? (await usable(at.bmcOf(host).host, at.towards));
  return `http://${urlHost(address)}:${at.ports().http}`;
}

async function usable(bmcHost: string, towards: MediaAddresses['towards']): Promise<string> {
  let address: string;
  try {
    address = await towards(bmcHost);
  } catch (error) {
    throw bootErrors.make('BOOT_MEDIA_ADDRESS', `no way to the BMC ${bmcHost} is known: ${errorText(error)}`);
  }
  if (!/^fe[89ab]/i.test(address)) return address;
  const text = `the BMC ${bmcHost} is reached by a link-local address of ours, ${address}, which no URL can carry`;
  throw bootErrors.make('BOOT_MEDIA_ADDRESS', text);
}
