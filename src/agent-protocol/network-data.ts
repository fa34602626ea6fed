import { isIP } from 'node:net';
import { isMac, normalizeMac } from '../wire/mac.ts';

/** OpenStack's network_data.json (nova's `network_data` schema, metal3-compat §4.8), as far as a ramdisk needs it. */
export interface NetworkData {
  links: NetworkLink[];
  networks: NetworkConfig[];
  /** Addresses of name servers. */
  dns: string[];
}

export type NetworkLink =
  | { kind: 'ethernet'; id: string; mac: string; mtu?: number }
  /** `links`: ids of ethernet links. `mode` and `hashPolicy` in the kernel's spelling. */
  | {
      kind: 'bond';
      id: string;
      links: string[];
      mode: string;
      miimonMs: number;
      hashPolicy?: string;
      mac?: string;
      mtu?: number;
    }
  | { kind: 'vlan'; id: string; link: string; vlanId: number; mac?: string; mtu?: number };

export type NetworkConfig =
  | { kind: 'dhcp4'; link: string }
  /** Addresses from router advertisements: what the kernel does by itself. */
  | { kind: 'slaac'; link: string }
  | { kind: 'static'; link: string; address: string; prefix: number; routes: NetworkRoute[] };

export interface NetworkRoute {
  /** `0.0.0.0/0`, `::/0`, `10.1.0.0/16` */
  to: string;
  via: string;
}

export type ParsedNetworkData = { ok: true; data: NetworkData } | { ok: false; problem: string };

type Fields = Readonly<Record<string, unknown>>;

/** What is wrong with the data, thrown inside this file only. */
class Problem extends Error {}

const MAX_ENTRIES = 64;
/** drivers/net/bonding: by name and by number, as people write both. */
const BOND_MODES = ['balance-rr', 'active-backup', 'balance-xor', 'broadcast', '802.3ad', 'balance-tlb', 'balance-alb'];
const HASH_POLICIES = ['layer2', 'layer3+4', 'layer2+3', 'encap2+3', 'encap3+4', 'vlan+srcmac'];

/**
 * Reads parsed network_data.json. Pure, and both sides use it: the server refuses what the ramdisk could not follow
 * before any machine is touched.
 * @param value of JSON or YAML
 */
export function readNetworkData(value: unknown): ParsedNetworkData {
  try {
    const root = fields(value, 'network data');
    const links = list(root['links'], 'links').map((l, i) => readLink(fields(l, `links[${i}]`), `links[${i}]`));
    const known = new Map(links.map((l) => [l.id, l]));
    if (known.size !== links.length) throw new Problem('links: two have the same id');
    for (const [i, link] of links.entries()) checkReferences(link, known, `links[${i}]`);
    const networks = list(root['networks'], 'networks').flatMap((n, i) => {
      const at = `networks[${i}]`;
      const network = readNetwork(fields(n, at), at);
      if (!known.has(network.link)) throw new Problem(`${at}.link: there is no link "${network.link}"`);
      return [network];
    });
    if (networks.length === 0) throw new Problem('networks: there is none, so the machine would have no address');
    const inner = list(root['networks'], 'networks').flatMap((n) => servers((n as Fields)['services'], 'services'));
    return {
      ok: true,
      data: { links, networks, dns: [...new Set([...servers(root['services'], 'services'), ...inner])] },
    };
  } catch (error) {
    if (error instanceof Problem) return { ok: false, problem: error.message };
    throw error;
  }
}

function readLink(link: Fields, at: string): NetworkLink {
  const id = text(link['id'], `${at}.id`);
  const type = text(link['type'] ?? 'phy', `${at}.type`);
  const size =
    link['mtu'] === undefined || link['mtu'] === null ? {} : { mtu: number(link['mtu'], `${at}.mtu`, 68, 65_535) };
  const own = (key: string) =>
    link[key] === undefined || link[key] === null ? {} : { mac: macOf(link[key], `${at}.${key}`) };
  if (type === 'bond') {
    const policy = link['bond_xmit_hash_policy'];
    return {
      kind: 'bond',
      id,
      links: list(link['bond_links'], `${at}.bond_links`).map((l) => text(l, `${at}.bond_links`)),
      mode: oneOf(link['bond_mode'] ?? 'active-backup', BOND_MODES, `${at}.bond_mode`),
      miimonMs: number(link['bond_miimon'] ?? 100, `${at}.bond_miimon`, 0, 60_000),
      ...(policy === undefined || policy === null
        ? {}
        : { hashPolicy: oneOf(policy, HASH_POLICIES, `${at}.bond_xmit_hash_policy`) }),
      ...own('ethernet_mac_address'),
      ...size,
    };
  }
  if (type === 'vlan') {
    const vlanId = number(link['vlan_id'], `${at}.vlan_id`, 1, 4094);
    return {
      kind: 'vlan',
      id,
      link: text(link['vlan_link'], `${at}.vlan_link`),
      vlanId,
      ...own('vlan_mac_address'),
      ...size,
    };
  }
  // Everything else (phy, ovs, bridge, hw_veb…) says how a hypervisor would plug it in: here it is a card with this MAC.
  return { kind: 'ethernet', id, mac: macOf(link['ethernet_mac_address'], `${at}.ethernet_mac_address`), ...size };
}

function checkReferences(link: NetworkLink, known: ReadonlyMap<string, NetworkLink>, at: string): void {
  if (link.kind === 'vlan' && (known.get(link.link)?.kind ?? 'vlan') === 'vlan') {
    throw new Problem(`${at}.vlan_link: "${link.link}" is no ethernet or bond link`);
  }
  if (link.kind !== 'bond') return;
  if (link.links.length === 0) throw new Problem(`${at}.bond_links: there is none`);
  const wrong = link.links.find((l) => known.get(l)?.kind !== 'ethernet');
  if (wrong !== undefined) throw new Problem(`${at}.bond_links: "${wrong}" is no ethernet link`);
}

function readNetwork(network: Fields, at: string): NetworkConfig {
  const link = text(network['link'], `${at}.link`);
  const type = text(network['type'], `${at}.type`);
  switch (type) {
    case 'ipv4_dhcp':
      return { kind: 'dhcp4', link };
    case 'ipv6_slaac':
    case 'ipv6_dhcpv6-stateless':
      return { kind: 'slaac', link };
    case 'ipv4':
    case 'ipv6':
      return { kind: 'static', link, ...addressOf(network, type === 'ipv4' ? 4 : 6, at) };
    default:
      throw new Problem(
        `${at}.type: "${type}" is not supported; ipv4, ipv4_dhcp, ipv6, ipv6_slaac and ipv6_dhcpv6-stateless are`,
      );
  }
}

function addressOf(network: Fields, family: 4 | 6, at: string) {
  const [address = '', bits] = text(network['ip_address'], `${at}.ip_address`).split('/');
  if (isIP(address) !== family) throw new Problem(`${at}.ip_address: "${address}" is no IPv${family} address`);
  const prefix =
    bits === undefined
      ? prefixOf(network['netmask'], family, `${at}.netmask`)
      : prefixOf(bits, family, `${at}.ip_address`);
  const routes = list(network['routes'], `${at}.routes`).map((r, i) =>
    readRoute(fields(r, `${at}.routes[${i}]`), family, `${at}.routes[${i}]`),
  );
  const gateway = network['gateway'];
  if (gateway !== undefined && gateway !== null && gateway !== '') {
    routes.push({ to: family === 4 ? '0.0.0.0/0' : '::/0', via: addressText(gateway, family, `${at}.gateway`) });
  }
  return { address, prefix, routes };
}

function readRoute(route: Fields, family: 4 | 6, at: string): NetworkRoute {
  const [network = '', bits] = text(route['network'], `${at}.network`).split('/');
  if (isIP(network) !== family) throw new Problem(`${at}.network: "${network}" is no IPv${family} network`);
  const prefix =
    bits === undefined ? prefixOf(route['netmask'], family, `${at}.netmask`) : prefixOf(bits, family, `${at}.network`);
  return { to: `${network}/${prefix}`, via: addressText(route['gateway'], family, `${at}.gateway`) };
}

/** A mask (`255.255.255.0`, `ffff:ffff::`) or a length. */
function prefixOf(value: unknown, family: 4 | 6, at: string): number {
  const said = typeof value === 'number' ? String(value) : text(value, at);
  const max = family === 4 ? 32 : 128;
  if (/^\d{1,3}$/.test(said) && Number(said) <= max) return Number(said);
  const bits = isIP(said) === family ? maskBits(said, family) : undefined;
  const ones = /^(1*)0*$/.exec(bits ?? 'x')?.[1];
  if (ones === undefined) throw new Problem(`${at}: "${said}" is neither a mask nor a prefix length`);
  return ones.length;
}

function maskBits(mask: string, family: 4 | 6): string {
  if (family === 4) {
    return mask
      .split('.')
      .map((b) => Number(b).toString(2).padStart(8, '0'))
      .join('');
  }
  const [head = '', tail] = mask.split('::');
  const groups = (part: string) => (part === '' ? [] : part.split(':'));
  const before = groups(head);
  const after = groups(tail ?? '');
  const zeros = Array.from({ length: tail === undefined ? 0 : 8 - before.length - after.length }, () => '0');
  return [...before, ...zeros, ...after].map((g) => Number.parseInt(g, 16).toString(2).padStart(16, '0')).join('');
}

function servers(value: unknown, at: string): string[] {
  return list(value, at).flatMap((s, i) => {
    const service = fields(s, `${at}[${i}]`);
    if (service['type'] !== 'dns') return [];
    const address = text(service['address'], `${at}[${i}].address`);
    if (isIP(address) === 0) throw new Problem(`${at}[${i}].address: "${address}" is no address`);
    return [address];
  });
}

function addressText(value: unknown, family: 4 | 6, at: string): string {
  const said = text(value, at);
  if (isIP(said) !== family) throw new Problem(`${at}: "${said}" is no IPv${family} address`);
  return said;
}

function macOf(value: unknown, at: string): string {
  const said = text(value, at);
  if (!isMac(said)) throw new Problem(`${at}: "${said}" is not a MAC address`);
  return normalizeMac(said);
}

function oneOf(value: unknown, known: readonly string[], at: string): string {
  const said = typeof value === 'number' || /^\d$/.test(String(value)) ? known[Number(value)] : String(value);
  if (said === undefined || !known.includes(said))
    throw new Problem(`${at}: "${String(value)}" is none of ${known.join(', ')}`);
  return said;
}

function number(value: unknown, at: string, min: number, max: number): number {
  const said = Number(value);
  if (Number.isInteger(said) && said >= min && said <= max && value !== '' && value !== null) return said;
  throw new Problem(`${at}: a whole number from ${min} to ${max} is wanted`);
}

function text(value: unknown, at: string): string {
  if (typeof value === 'string' && value !== '' && value.length <= 256) return value;
  throw new Problem(`${at}: a text is wanted`);
}

function fields(value: unknown, at: string): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
  throw new Problem(`${at}: a mapping is wanted`);
}

function list(value: unknown, at: string): readonly unknown[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw new Problem(`${at}: a list is wanted`);
  if (value.length > MAX_ENTRIES) throw new Problem(`${at}: more than ${MAX_ENTRIES} entries`);
  return value;
}
