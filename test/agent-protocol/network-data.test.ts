import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { readNetworkData } from '../../src/agent-protocol/network-data.ts';

const MAC = '52:54:00:12:00:01';
const CARD = { id: 'nic0', type: 'phy', ethernet_mac_address: MAC.toUpperCase() };

/** As in nova's documentation: a VLAN on a bond, static IPv4 with routes, DHCP, IPv6. */
const FULL = {
  links: [
    CARD,
    { id: 'nic1', type: 'physical', ethernet_mac_address: '52:54:00:12:00:02', mtu: 9000 },
    {
      id: 'bond0',
      type: 'bond',
      bond_links: ['nic0', 'nic1'],
      bond_mode: '802.3ad',
      bond_miimon: '50',
      bond_xmit_hash_policy: 'layer3+4',
      ethernet_mac_address: MAC,
    },
    { id: 'vlan7', type: 'vlan', vlan_link: 'bond0', vlan_id: 7, vlan_mac_address: null },
  ],
  networks: [
    {
      id: 'a',
      link: 'vlan7',
      type: 'ipv4',
      ip_address: '10.7.0.5',
      netmask: '255.255.255.0',
      routes: [
        { network: '0.0.0.0', netmask: '0.0.0.0', gateway: '10.7.0.1' },
        { network: '10.8.0.0/16', gateway: '10.7.0.2' },
      ],
      services: [{ type: 'dns', address: '10.7.0.53' }],
    },
    { id: 'b', link: 'bond0', type: 'ipv4_dhcp' },
    { id: 'c', link: 'bond0', type: 'ipv6', ip_address: 'fd00::5/64', gateway: 'fd00::1' },
    { id: 'd', link: 'bond0', type: 'ipv6_slaac' },
    { id: 'e', link: 'bond0', type: 'ipv6', ip_address: 'fd01::5', netmask: 'ffff:ffff::' },
  ],
  services: [
    { type: 'dns', address: '9.9.9.9' },
    { type: 'ntp', address: '10.0.0.1' },
  ],
};

test('reads links, networks, routes and name servers as nova writes them', () => {
  assert.deepEqual(readNetworkData(FULL), {
    ok: true,
    data: {
      links: [
        { kind: 'ethernet', id: 'nic0', mac: MAC },
        { kind: 'ethernet', id: 'nic1', mac: '52:54:00:12:00:02', mtu: 9000 },
        {
          kind: 'bond',
          id: 'bond0',
          links: ['nic0', 'nic1'],
          mode: '802.3ad',
          miimonMs: 50,
          hashPolicy: 'layer3+4',
          mac: MAC,
        },
        { kind: 'vlan', id: 'vlan7', link: 'bond0', vlanId: 7 },
      ],
      networks: [
        {
          kind: 'static',
          link: 'vlan7',
          address: '10.7.0.5',
          prefix: 24,
          routes: [
            { to: '0.0.0.0/0', via: '10.7.0.1' },
            { to: '10.8.0.0/16', via: '10.7.0.2' },
          ],
        },
        { kind: 'dhcp4', link: 'bond0' },
        { kind: 'static', link: 'bond0', address: 'fd00::5', prefix: 64, routes: [{ to: '::/0', via: 'fd00::1' }] },
        { kind: 'slaac', link: 'bond0' },
        { kind: 'static', link: 'bond0', address: 'fd01::5', prefix: 32, routes: [] },
      ],
      dns: ['9.9.9.9', '10.7.0.53'],
    },
  });
});

test('what is wrong is named by its place', () => {
  const network = { id: 'n', link: 'nic0', type: 'ipv4', ip_address: '10.0.0.2', netmask: '255.255.255.0' };
  const wrong = (value: unknown, problem: RegExp) => {
    const read = readNetworkData(value);
    assert.ok(!read.ok, JSON.stringify(value));
    assert.match(read.problem, problem);
  };
  const links = (...list: unknown[]) => ({ links: list, networks: [network] });
  const networks = (...list: unknown[]) => ({ links: [CARD], networks: list });
  wrong('text', /^network data: a mapping/);
  wrong({ links: {} }, /^links: a list/);
  wrong({ links: [CARD] }, /^networks: there is none/);
  wrong(links({ ...CARD, ethernet_mac_address: 'x' }), /^links\[0\]\.ethernet_mac_address: "x" is not a MAC/);
  wrong(links({ ...CARD, ethernet_mac_address: undefined }), /^links\[0\]\.ethernet_mac_address: a text/);
  wrong(links(CARD, CARD), /same id/);
  wrong(links(CARD, { id: 'v', type: 'vlan', vlan_link: 'nope', vlan_id: 5 }), /^links\[1\]\.vlan_link: "nope"/);
  wrong(links(CARD, { id: 'v', type: 'vlan', vlan_link: 'nic0', vlan_id: 4095 }), /^links\[1\]\.vlan_id/);
  wrong(links(CARD, { id: 'b', type: 'bond', bond_links: [] }), /^links\[1\]\.bond_links: there is none/);
  wrong(
    links(CARD, { id: 'b', type: 'bond', bond_links: ['nic0'], bond_mode: 'fast' }),
    /^links\[1\]\.bond_mode: "fast"/,
  );
  wrong(networks({ ...network, link: 'eth9' }), /^networks\[0\]\.link: there is no link "eth9"/);
  wrong(networks({ ...network, type: 'ipv6_dhcpv6-stateful' }), /^networks\[0\]\.type: .* is not supported/);
  wrong(networks({ ...network, ip_address: 'fd00::1' }), /^networks\[0\]\.ip_address: "fd00::1" is no IPv4/);
  wrong(networks({ ...network, netmask: '255.0.255.0' }), /^networks\[0\]\.netmask/);
  wrong(networks({ ...network, netmask: undefined }), /^networks\[0\]\.netmask/);
  wrong(
    networks({ ...network, routes: [{ network: '0.0.0.0/0', gateway: 'gw' }] }),
    /^networks\[0\]\.routes\[0\]\.gateway/,
  );
  wrong({ ...networks(network), services: [{ type: 'dns', address: 'dns.example' }] }, /^services\[0\]\.address/);
  wrong({ links: Array.from({ length: 65 }, () => CARD) }, /more than 64/);
});

test('bonding modes may be numbers', () => {
  const bond = { id: 'b', type: 'bond', bond_links: ['nic0'], bond_mode: 1 };
  const read = readNetworkData({ links: [CARD, bond], networks: [{ link: 'b', type: 'ipv4_dhcp' }] });
  assert.equal(read.ok && read.data.links[1]?.kind === 'bond' && read.data.links[1].mode, 'active-backup');
});

test('whatever a Secret holds, it is read or refused', () => {
  const keys = ['links', 'networks', 'services', 'id', 'type', 'link', 'bond_links', 'ip_address', 'routes'] as const;
  const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
    tree: fc.oneof(
      { depthSize: 'small' },
      fc.constantFrom('nic0', 'ipv4', 'bond', 'vlan', MAC, '10.0.0.1', null, 1, true),
      fc.array(tie('tree'), { maxLength: 4 }),
      fc.dictionary(fc.constantFrom(...keys), tie('tree'), { maxKeys: 6 }),
    ),
  }));
  fc.assert(
    fc.property(tree, (value) => typeof readNetworkData(value).ok === 'boolean'),
    { numRuns: 3000 },
  );
});
