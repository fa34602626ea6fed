/** Option numbers of RFC 2132 and its successors, by their usual short names. */
export const OPT = {
  pad: 0,
  subnetMask: 1,
  router: 3,
  dns: 6,
  hostname: 12,
  domain: 15,
  mtu: 26,
  broadcast: 28,
  ntp: 42,
  vendorInfo: 43,
  requestedAddress: 50,
  leaseTime: 51,
  overload: 52,
  messageType: 53,
  serverId: 54,
  parameterList: 55,
  message: 56,
  maxSize: 57,
  renewalTime: 58,
  rebindingTime: 59,
  vendorClass: 60,
  clientId: 61,
  tftpServer: 66,
  bootFile: 67,
  userClass: 77,
  relayInfo: 82,
  clientArch: 93,
  clientNdi: 94,
  clientUuid: 97,
  ipxe: 175,
  end: 255,
} as const;

/** Values of option 53 (RFC 2132 §9.6). */
export const TYPE = {
  discover: 1,
  offer: 2,
  request: 3,
  decline: 4,
  ack: 5,
  nak: 6,
  release: 7,
  inform: 8,
} as const;

const TYPE_NAMES = ['', 'DISCOVER', 'OFFER', 'REQUEST', 'DECLINE', 'ACK', 'NAK', 'RELEASE', 'INFORM'];

/** `DISCOVER` for 1 and so on; `TYPE17` for numbers without a name here. */
export function typeName(type: number): string {
  return TYPE_NAMES[type] || `TYPE${type}`;
}

/** Sub-options of option 82: RFC 3046, 3527 (link selection), 5107 (server identifier override). */
export const RELAY_SUB = { circuitId: 1, remoteId: 2, linkSelection: 5, serverIdOverride: 11 } as const;

/** Sub-option of option 43 for PXE clients: how to find boot servers (PXE 2.1, table 2-1). */
export const PXE_DISCOVERY_CONTROL = 6;

/** Bit 3 of PXE_DISCOVERY_CONTROL: take the boot file of this very packet, no menu, no discovery. */
export const PXE_USE_THIS_FILE = 8;

/** Sub-option of option 175: iPXE shall not wait for a proxyDHCP offer. */
export const IPXE_NO_PROXYDHCP = 176;

export const SERVER_PORT = 67;
export const CLIENT_PORT = 68;
/** Where a PXE client asks a proxyDHCP server for its boot file (PXE 2.1 §2.2). */
export const PROXY_PORT = 4011;
