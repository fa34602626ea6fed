import { defineErrors } from '../core/errors.ts';

export const dhcpErrors = defineErrors({
  DHCP_MALFORMED: { blame: 'peer', retry: false, hint: 'the packet is not DHCP as RFC 2131 writes it; it is dropped' },
  DHCP_TOO_LARGE: {
    blame: 'user',
    retry: false,
    hint: 'the reply does not fit what the client accepts; shorten the boot file name or the option lists',
  },
  DHCP_CONFIG: { blame: 'user', retry: false, hint: 'correct the DHCP ranges, reservations or interfaces' },
  DHCP_INTERFACE: {
    blame: 'user',
    retry: false,
    hint: 'name an interface that exists and has an IPv4 address; see `ip -4 addr`',
  },
  DHCP_PORT_IN_USE: {
    blame: 'user',
    retry: false,
    hint: 'another DHCP server runs on this machine; stop it, or use proxyDHCP on another machine',
  },
  DHCP_SOCKET: { blame: 'machine', retry: false, hint: 'DHCP needs root (or CAP_NET_RAW and CAP_NET_BIND_SERVICE)' },
  DHCP_LEASES: { blame: 'machine', retry: true, hint: 'check space and permissions of the data folder' },
});
