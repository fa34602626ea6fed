import assert from 'node:assert/strict';
import test from 'node:test';
import type { NetworkData } from '../../src/agent-protocol/network-data.ts';
import { planNetwork } from '../../src/agent/network/plan.ts';

const CARDS = [
  { name: 'eth0', mac: '52:54:00:00:00:01' },
  { name: 'eth1', mac: '52:54:00:00:00:02' },
];
const nic = (n: 1 | 2 | 9) => ({ kind: 'ethernet', id: `nic${n}`, mac: `52:54:00:00:00:0${n}` }) as const;

/** One line a step, as a person would type it. */
function lines(data: NetworkData): string[] {
  const plan = planNetwork(data, CARDS);
  assert.ok(plan.ok);
  return plan.steps.map((s) => (s.kind === 'run' ? s.argv.join(' ') : `${s.path} <- ${s.text.trimEnd()}`));
}

const quick = (name: string) => `/proc/sys/net/ipv6/conf/${name}/accept_dad <- 0`;

test('a static address on the card with the MAC address; other cards are left alone', () => {
  const data: NetworkData = {
    links: [nic(2), nic(9)],
    networks: [
      { kind: 'static', link: 'nic2', address: '10.0.0.2', prefix: 24, routes: [{ to: '0.0.0.0/0', via: '10.0.0.1' }] },
      { kind: 'static', link: 'nic2', address: 'fd00::2', prefix: 64, routes: [{ to: '::/0', via: 'fd00::1' }] },
    ],
    dns: ['10.0.0.53'],
  };
  assert.deepEqual(lines(data), [
    quick('eth1'),
    'ip link set eth1 up',
    'ip addr replace 10.0.0.2/24 dev eth1',
    'ip route replace 0.0.0.0/0 via 10.0.0.1 dev eth1',
    'ip -6 addr replace fd00::2/64 dev eth1',
    'ip -6 route replace ::/0 via fd00::1 dev eth1',
    '/etc/resolv.conf <- nameserver 10.0.0.53',
  ]);
});

test('a VLAN on a bond: the bond is made before its cards join, the VLAN after it', () => {
  const data: NetworkData = {
    links: [
      { kind: 'vlan', id: 'v', link: 'b', vlanId: 7, mtu: 1500 },
      {
        kind: 'bond',
        id: 'b',
        links: ['nic1', 'nic2'],
        mode: '802.3ad',
        miimonMs: 100,
        hashPolicy: 'layer3+4',
        mac: '52:54:00:00:00:01',
      },
      { ...nic(1), mtu: 9000 },
      nic(2),
    ],
    networks: [{ kind: 'static', link: 'v', address: '10.7.0.2', prefix: 24, routes: [] }],
    dns: [],
  };
  assert.deepEqual(lines(data), [
    'ip link set eth0 mtu 9000',
    'ip link add lag1 type bond',
    '/sys/class/net/lag1/bonding/mode <- 802.3ad',
    '/sys/class/net/lag1/bonding/miimon <- 100',
    '/sys/class/net/lag1/bonding/xmit_hash_policy <- layer3+4',
    'ip link set lag1 address 52:54:00:00:00:01',
    'ip link set eth0 down',
    '/sys/class/net/lag1/bonding/slaves <- +eth0',
    'ip link set eth1 down',
    '/sys/class/net/lag1/bonding/slaves <- +eth1',
    quick('lag1'),
    'ip link set lag1 up',
    'ip link add link lag1 name vlan0 type vlan id 7',
    'ip link set vlan0 mtu 1500',
    quick('vlan0'),
    'ip link set vlan0 up',
    'ip addr replace 10.7.0.2/24 dev vlan0',
  ]);
});

test('DHCP by the ramdisk’s client, in the background', () => {
  const data: NetworkData = {
    links: [nic(1)],
    networks: [
      { kind: 'dhcp4', link: 'nic1' },
      { kind: 'slaac', link: 'nic1' },
    ],
    dns: [],
  };
  const [, up, dhcp, ...rest] = lines(data);
  assert.equal(up, 'ip link set eth0 up');
  assert.match(dhcp ?? '', /^sh -c udhcpc .* -b .* -i eth0 .*>\/run\/udhcpc-eth0.log 2>&1$/);
  assert.deepEqual(rest, []);
});

test('a card that a network needs and that is not there is named', () => {
  const data: NetworkData = { links: [nic(9)], networks: [{ kind: 'dhcp4', link: 'nic9' }], dns: [] };
  assert.deepEqual(planNetwork(data, CARDS), { ok: false, missing: ['52:54:00:00:00:09'] });
});
