import { IPXE_NO_PROXYDHCP, OPT, PXE_DISCOVERY_CONTROL, PXE_USE_THIS_FILE } from './codes.ts';
import { type DhcpMessage, fitsFile } from './message.ts';
import type { BootAnswer } from './policy.ts';
import type { DhcpRequest } from './request.ts';
import { readSubOptions, text, u8, writeSubOptions } from './values.ts';
import { formatIpv4 } from '../wire/ipv4.ts';

type Boot = Extract<BootAnswer, { kind: 'boot' }>;

/** Sub-option of 43 by which a ROM names the menu item it wants; it expects it back on port 4011 (PXE 2.1 §2.2.3). */
const PXE_BOOT_ITEM = 71;

/**
 * Puts boot information into a reply. ROMs differ in where they look, so the file is told in the header field and in
 * option 67, the server in `siaddr` and option 66. What else depends on the stage:
 *
 * - a PXE ROM takes a packet for a boot offer only if option 60 says `PXEClient`, and without option 43.6 = 8 goes on to
 *   look for boot servers and menus;
 * - UEFI HTTP boot takes it only if option 60 says `HTTPClient`;
 * - iPXE would wait three seconds for a proxyDHCP server; 175.176 = 1 says there is none. It gets no option 43, or it
 *   would behave like a ROM.
 *
 * @param proxy the address comes from another server: iPXE has to take us for the proxyDHCP server we are
 */
export function addBoot(reply: DhcpMessage, request: DhcpRequest, boot: Boot, proxy: boolean): void {
  const { facts, message } = request;
  const { options } = reply;
  reply.siaddr = boot.server;
  if (fitsFile(boot.file)) reply.file = boot.file;
  if (facts.stage === 'http') {
    options.set(OPT.vendorClass, text('HTTPClient'));
  } else if (facts.stage === 'pxe' || proxy) {
    options.set(OPT.vendorClass, text('PXEClient'));
    options.set(OPT.vendorInfo, pxeOptions(request));
  } else if (facts.stage === 'ipxe') {
    options.set(OPT.ipxe, writeSubOptions(new Map([[IPXE_NO_PROXYDHCP, u8(1)]]), false));
  }
  if (facts.stage !== 'http') options.set(OPT.tftpServer, text(formatIpv4(boot.server)));
  options.set(OPT.bootFile, text(boot.file));
  // A ROM may drop an answer that does not carry its own UUID back (RFC 4578 §2.3 leaves it open, PXE 2.1 does not).
  const uuid = message.options.get(OPT.clientUuid);
  if (uuid !== undefined) options.set(OPT.clientUuid, uuid);
}

function pxeOptions(request: DhcpRequest): Uint8Array {
  const out = new Map([[PXE_DISCOVERY_CONTROL, u8(PXE_USE_THIS_FILE)]]);
  const item = readSubOptions(request.message.options.get(OPT.vendorInfo)).get(PXE_BOOT_ITEM);
  if (item !== undefined) out.set(PXE_BOOT_ITEM, item);
  return writeSubOptions(out, true);
}
