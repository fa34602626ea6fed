import { macToString } from '../wire/mac.ts';
import { toHex } from '../wire/hex.ts';
import { OPT } from './codes.ts';
import type { DhcpMessage } from './message.ts';
import type { ClientFacts } from './policy.ts';
import { readUserClass } from './userclass.ts';
import { readClientUuid } from './uuid.ts';
import { readText, readU16 } from './values.ts';

/** Gathers what a request says about its sender, once; nothing after this looks at raw options to learn who asks. */
export function clientFacts(message: DhcpMessage): ClientFacts {
  const vendorClass = readText(message.options, OPT.vendorClass);
  const userClass = readUserClass(message.options.get(OPT.userClass));
  return {
    mac: clientKey(message),
    stage: stageOf(message, vendorClass, userClass),
    arch: readU16(message.options, OPT.clientArch),
    vendorClass,
    userClass,
    uuid: readClientUuid(message.options.get(OPT.clientUuid)),
    hostname: readText(message.options, OPT.hostname),
    relay: message.giaddr,
  };
}

/**
 * Who the client is for leases: its hardware address, and the client identifier only where there is none (IPoIB). RFC
 * 2131 §4.2 would prefer the identifier, but ROM, iPXE and OS of one machine each send another one: the machine would
 * change its address at every stage of one boot, and some ROMs hang when the address they knew is refused.
 */
export function clientKey(message: DhcpMessage): string {
  const known = message.chaddr.length > 0 && message.chaddr.some((b) => b !== 0);
  if (known) return macToString(message.chaddr);
  const id = message.options.get(OPT.clientId);
  return id === undefined ? '' : `id:${toHex(id.subarray(0, 64))}`;
}

/** iPXE says `PXEClient` as well, so it has to be recognised first; otherwise it would be sent its own binary for ever. */
function stageOf(message: DhcpMessage, vendorClass: string | undefined, userClass: string[]): ClientFacts['stage'] {
  if (userClass.includes('iPXE') || message.options.has(OPT.ipxe)) return 'ipxe';
  if (vendorClass?.startsWith('HTTPClient') === true) return 'http';
  if (vendorClass?.startsWith('PXEClient') === true) return 'pxe';
  return 'other';
}
