import type { NetworkData, NetworkLink } from '../../agent-protocol/network-data.ts';

/** One thing to do, in order. */
export type NetworkStep =
  /** A program and its arguments. */
  | { kind: 'run'; argv: [string, ...string[]] }
  /** A file of /sys, /proc or /etc. */
  | { kind: 'write'; path: string; text: string };

export type NetworkPlan =
  | { ok: true; steps: NetworkStep[] }
  /** MAC addresses that no card has. */
  | { ok: false; missing: string[] };

export interface Card {
  /** In this ramdisk: `eth0`. */
  name: string;
  mac: string;
}

/** By the kernel's own DHCP client of the ramdisk; it goes to the background, with a lease or still asking for one. */
const UDHCPC = 'udhcpc -s /etc/udhcpc.script -V ingot-ramdisk -O mtu -t 5 -T 2 -A 3 -b -S';

/**
 * What makes the network that the data describe: cards, bonds, VLANs on them, addresses, routes, name servers. Pure. Links
 * that no network needs are left alone, so that a card that is written down but not there does no harm.
 */
export function planNetwork(data: NetworkData, cards: readonly Card[]): NetworkPlan {
  const used = usedLinks(data);
  const missing = used.flatMap((l) => (l.kind === 'ethernet' && nameOfCard(l.mac, cards) === undefined ? [l.mac] : []));
  if (missing.length > 0) return { ok: false, missing };
  const names = new Map(
    used.map((l, i) => [l.id, l.kind === 'ethernet' ? (nameOfCard(l.mac, cards) ?? '') : `${PREFIX[l.kind]}${i}`]),
  );
  const name = (id: string) => names.get(id) ?? '';
  const byKind = (kind: NetworkLink['kind']) => used.filter((l) => l.kind === kind);
  const slaves = new Set(used.flatMap((l) => (l.kind === 'bond' ? l.links : [])));
  const links = [...byKind('ethernet'), ...byKind('bond'), ...byKind('vlan')].flatMap((link) => [
    ...made(link, name),
    ...(link.mtu === undefined ? [] : [ip('link', 'set', name(link.id), 'mtu', String(link.mtu))]),
    ...(slaves.has(link.id) ? [] : [...quickIpv6(name(link.id)), ip('link', 'set', name(link.id), 'up')]),
  ]);
  return { ok: true, steps: [...links, ...addresses(data, name), ...resolver(data.dns)] };
}

/** `bond0` is what the kernel makes by itself when the module is loaded. */
const PREFIX = { bond: 'lag', vlan: 'vlan' } as const;

/** Links that a network lies on, and what these lie on, in the order they are written down. */
function usedLinks(data: NetworkData): NetworkLink[] {
  const ids = new Set(data.networks.map((n) => n.link));
  for (const id of ids) {
    const link = data.links.find((l) => l.id === id);
    if (link?.kind === 'vlan') ids.add(link.link);
    if (link?.kind === 'bond') for (const slave of link.links) ids.add(slave);
  }
  return data.links.filter((l) => ids.has(l.id));
}

function nameOfCard(mac: string, cards: readonly Card[]): string | undefined {
  return cards.find((c) => c.mac === mac)?.name;
}

function made(link: NetworkLink, name: (id: string) => string): NetworkStep[] {
  const own = name(link.id);
  const mac = link.kind === 'ethernet' || link.mac === undefined ? [] : [ip('link', 'set', own, 'address', link.mac)];
  switch (link.kind) {
    case 'ethernet':
      return [];
    case 'vlan':
      return [
        ip('link', 'add', 'link', name(link.link), 'name', own, 'type', 'vlan', 'id', String(link.vlanId)),
        ...mac,
      ];
    case 'bond': {
      const setting = (file: string, text: string): NetworkStep => ({
        kind: 'write',
        path: `/sys/class/net/${own}/bonding/${file}`,
        text,
      });
      return [
        ip('link', 'add', own, 'type', 'bond'),
        // Modes and policies can be set only while there are no slaves.
        setting('mode', link.mode),
        setting('miimon', String(link.miimonMs)),
        ...(link.hashPolicy === undefined ? [] : [setting('xmit_hash_policy', link.hashPolicy)]),
        ...mac,
        ...link.links.flatMap((id) => [ip('link', 'set', name(id), 'down'), setting('slaves', `+${name(id)}`)]),
      ];
    }
  }
}

/** An address that was given out by a person is not asked about for a second before it is used. */
function quickIpv6(name: string): NetworkStep[] {
  return [{ kind: 'write', path: `/proc/sys/net/ipv6/conf/${name}/accept_dad`, text: '0' }];
}

function addresses(data: NetworkData, name: (id: string) => string): NetworkStep[] {
  return data.networks.flatMap((network) => {
    const dev = name(network.link);
    if (network.kind === 'dhcp4') {
      // A shell in between: the client that stays in the background must not hold our pipes.
      return [
        {
          kind: 'run',
          argv: ['sh', '-c', `${UDHCPC} -i ${dev} -p /run/udhcpc-${dev}.pid >/run/udhcpc-${dev}.log 2>&1`],
        },
      ];
    }
    // Router advertisements are taken by the kernel as soon as the link is up.
    if (network.kind === 'slaac') return [];
    return [
      ip('addr', 'replace', `${network.address}/${network.prefix}`, 'dev', dev),
      ...network.routes.map((r) => ip('route', 'replace', r.to, 'via', r.via, 'dev', dev)),
    ];
  });
}

function resolver(dns: readonly string[]): NetworkStep[] {
  if (dns.length === 0) return [];
  return [{ kind: 'write', path: '/etc/resolv.conf', text: dns.map((d) => `nameserver ${d}\n`).join('') }];
}

/** The family is said: busybox guesses it from the address only for some commands. */
function ip(object: string, ...args: string[]): NetworkStep {
  const v6 = object !== 'link' && args.some((a) => a.includes(':'));
  return { kind: 'run', argv: ['ip', ...(v6 ? ['-6'] : []), object, ...args] };
}
