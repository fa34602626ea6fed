/** Our DHCP server against real clients, servers and relays, each in its own network namespace. Run as root. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { DhcpEvent } from '../../src/dhcp/events.ts';
import type { DhcpMainOptions } from '../support/dhcp-main.ts';
import type { PlayedReply } from '../support/dhcp-player.ts';
import { NetLab, type Program } from '../support/netns.ts';

const MAIN = resolve(import.meta.dirname, '../support/dhcp-main.ts');
const PLAYER = resolve(import.meta.dirname, '../support/dhcp-player.ts');
const MAC_A = '52:54:00:aa:00:01';
const MAC_B = '52:54:00:bb:00:01';

let dir = '';
let script = '';
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'ingot-dhcp-'));
  script = join(dir, 'udhcpc.sh');
  const configure = 'case $1 in bound|renew) ip addr replace $ip/$mask dev $interface;; esac';
  const report =
    'echo "EVENT $1 ip=$ip mask=$subnet router=$router server=$serverid lease=$lease boot=$boot_file siaddr=$siaddr"';
  await writeFile(script, ['#!/bin/sh', configure, report, 'exit 0', ''].join('\n'), { mode: 0o755 });
});
after(() => rm(dir, { recursive: true, force: true }));

async function serve(lab: NetLab, ns: string, options: DhcpMainOptions): Promise<Program> {
  const server = lab.start(ns, [process.execPath, MAIN, JSON.stringify(options)]);
  await server.line(/^ready$/);
  return server;
}

function events(server: Program): DhcpEvent[] {
  return server.lines.filter((l) => l.startsWith('{')).map((l) => JSON.parse(l) as DhcpEvent);
}

function udhcpc(device: string, ...extra: string[]): string[] {
  return ['busybox', 'udhcpc', '-f', '-i', device, '-s', script, '-t', '4', '-T', '1', ...extra];
}

async function withLab(room: string, body: (lab: NetLab) => Promise<void>): Promise<void> {
  const lab = new NetLab(room);
  try {
    await body(lab);
  } finally {
    await lab.close();
  }
}

describe('busybox udhcpc', () => {
  it('goes through discover, request, renewal and release', () =>
    withLab('udhcpc', async (lab) => {
      await lab.namespace('s');
      await lab.namespace('a');
      await lab.cable({ ns: 's', device: 'lan', address: '10.61.0.1/24' }, { ns: 'a', device: 'eth0', mac: MAC_A });
      const server = await serve(lab, 's', {
        interfaces: ['lan'],
        subnets: [{ cidr: '10.61.0.0/24', range: ['10.61.0.50', '10.61.0.60'], router: '10.61.0.1' }],
        leaseSeconds: 10,
        leaseDir: join(dir, 'leases-udhcpc'),
      });
      const client = lab.start('a', udhcpc('eth0', '-R', '-O', '67'));
      const bound = await client.line(/EVENT bound/);
      assert.match(
        bound,
        /ip=10\.61\.0\.(5\d|60) mask=255\.255\.255\.0 router=10\.61\.0\.1 server=10\.61\.0\.1 lease=10/,
      );
      client.kill('SIGUSR1');
      await client.line(/EVENT renew/);
      const renewal = events(server).findLast((e) => e.kind === 'reply');
      assert.ok(renewal?.kind === 'reply' && renewal.answer === 'ACK');
      assert.match(renewal.to, /^10\.61\.0\.\d+:68$/, 'a renewal is answered by unicast');
      await client.stop();
      await server.line(/"request":"RELEASE"/);
      const kinds = events(server).map((e) => (e.kind === 'reply' ? e.answer : e.kind));
      assert.deepEqual(kinds, ['OFFER', 'ACK', 'ACK', 'silence']);
    }));

  it('gets its address again after the server was killed', () =>
    withLab('kill', async (lab) => {
      await lab.namespace('s');
      await lab.namespace('a');
      await lab.cable({ ns: 's', device: 'lan', address: '10.61.0.1/24' }, { ns: 'a', device: 'eth0', mac: MAC_A });
      const options: DhcpMainOptions = {
        interfaces: ['lan'],
        subnets: [{ cidr: '10.61.0.0/24', range: ['10.61.0.50', '10.61.0.250'] }],
        leaseDir: join(dir, 'leases-kill'),
      };
      const first = await serve(lab, 's', options);
      // A wish for an address off the hash's place: only the lease book can bring it back.
      const got = await lab.run('a', udhcpc('eth0', '-q', '-n', '-r', '10.61.0.177'));
      assert.match(got.stdout, /EVENT bound ip=10\.61\.0\.177 /);
      await first.stop('SIGKILL');
      await serve(lab, 's', options);
      const again = await lab.run('a', udhcpc('eth0', '-q', '-n'));
      assert.match(again.stdout, /EVENT bound ip=10\.61\.0\.177 /);
    }));

  it('is told NAK for an address of another network and starts over', () =>
    withLab('nak', async (lab) => {
      await lab.namespace('s');
      await lab.namespace('a');
      await lab.cable({ ns: 's', device: 'lan', address: '10.61.0.1/24' }, { ns: 'a', device: 'eth0', mac: MAC_A });
      const range: [string, string] = ['10.61.0.50', '10.61.0.60'];
      const reservations = { [MAC_A]: '10.61.0.99' };
      const first = await serve(lab, 's', {
        interfaces: ['lan'],
        leaseSeconds: 10,
        subnets: [{ cidr: '10.61.0.0/24', range }],
      });
      const client = lab.start('a', udhcpc('eth0'));
      await client.line(/EVENT bound/);
      await first.stop();
      await serve(lab, 's', { interfaces: ['lan'], subnets: [{ cidr: '10.61.0.0/24', range, reservations }] });
      client.kill('SIGUSR1');
      await client.line(/EVENT nak/);
      await client.line(/EVENT bound ip=10\.61\.0\.99 /, 12_000);
    }));

  it('hears nothing when its MAC is not known', () =>
    withLab('silent', async (lab) => {
      await lab.namespace('s');
      await lab.namespace('a');
      await lab.cable({ ns: 's', device: 'lan', address: '10.61.0.1/24' }, { ns: 'a', device: 'eth0', mac: MAC_A });
      const server = await serve(lab, 's', {
        interfaces: ['lan'],
        known: [MAC_B],
        subnets: [{ cidr: '10.61.0.0/24', range: ['10.61.0.50', '10.61.0.60'] }],
      });
      const client = await lab.run('a', udhcpc('eth0', '-q', '-n', '-t', '2'), 20_000, [1]);
      assert.doesNotMatch(client.stdout, /EVENT bound/);
      const seen = events(server);
      assert.ok(seen.length >= 2);
      assert.ok(seen.every((e) => e.kind === 'silence' && e.code === 'policy' && e.reason === 'unknown MAC'));
    }));
});

describe('two interfaces', () => {
  it('answers each client by the interface it asked on, with that network’s address', () =>
    withLab('two', async (lab) => {
      for (const ns of ['s', 'a', 'b', 'c']) await lab.namespace(ns);
      await lab.cable({ ns: 's', device: 'lan1', address: '10.61.0.1/24' }, { ns: 'a', device: 'eth0', mac: MAC_A });
      await lab.cable({ ns: 's', device: 'lan2', address: '10.62.0.1/24' }, { ns: 'b', device: 'eth0', mac: MAC_B });
      await lab.cable({ ns: 's', device: 'office', address: '10.63.0.1/24' }, { ns: 'c', device: 'eth0' });
      const server = await serve(lab, 's', {
        interfaces: ['lan1', 'lan2'],
        subnets: [
          { cidr: '10.61.0.0/24', range: ['10.61.0.50', '10.61.0.60'] },
          { cidr: '10.62.0.0/24', range: ['10.62.0.50', '10.62.0.60'] },
        ],
      });
      const [a, b] = await Promise.all([
        lab.run('a', udhcpc('eth0', '-q', '-n')),
        lab.run('b', udhcpc('eth0', '-q', '-n')),
      ]);
      assert.match(a.stdout, /EVENT bound ip=10\.61\.0\.\d+ .*server=10\.61\.0\.1 /);
      assert.match(b.stdout, /EVENT bound ip=10\.62\.0\.\d+ .*server=10\.62\.0\.1 /);
      const byInterface = events(server).map((e) => `${e.kind === 'reply' ? e.client.mac : ''} ${e.iface}`);
      assert.deepEqual([...new Set(byInterface)].sort(), [`${MAC_A} lan1`, `${MAC_B} lan2`]);
      // The third network is not ours: its requests are not even heard.
      const before = events(server).length;
      await lab.run('c', udhcpc('eth0', '-q', '-n', '-t', '2'), 20_000, [1]);
      assert.equal(events(server).length, before);
    }));

  it('names the interface that does not exist and the port that is taken', () =>
    withLab('taken', async (lab) => {
      await lab.namespace('s');
      await lab.namespace('a');
      await lab.cable({ ns: 's', device: 'lan', address: '10.61.0.1/24' }, { ns: 'a', device: 'eth0' });
      const subnets = [{ cidr: '10.61.0.0/24', range: ['10.61.0.50', '10.61.0.60'] as [string, string] }];
      await serve(lab, 's', { interfaces: ['lan'], subnets });
      const second = lab.start('s', [process.execPath, MAIN, JSON.stringify({ interfaces: ['lan'], subnets })]);
      await second.line(/cannot listen on port 67 on lan: Address already in use/);
      assert.notEqual(await second.ended, 0);
      const missing = lab.start('s', [process.execPath, MAIN, JSON.stringify({ interfaces: ['eth9'], subnets })]);
      await missing.line(/interface eth9 does not exist or has no IPv4 address/);
    }));
});

describe('dnsmasq as relay', () => {
  it('gets addresses of the network behind it', () =>
    withLab('relay', async (lab) => {
      for (const ns of ['s', 'r', 'a']) await lab.namespace(ns);
      await lab.cable(
        { ns: 's', device: 'lan', address: '10.61.0.1/24' },
        { ns: 'r', device: 'wan', address: '10.61.0.2/24' },
      );
      await lab.cable({ ns: 'r', device: 'inside', address: '10.70.0.1/24' }, { ns: 'a', device: 'eth0', mac: MAC_A });
      await lab.run('r', ['sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward']);
      await lab.ip('s', 'route add 10.70.0.0/24 via 10.61.0.2');
      const server = await serve(lab, 's', {
        interfaces: ['lan'],
        leaseSeconds: 10,
        subnets: [
          { cidr: '10.61.0.0/24', range: ['10.61.0.50', '10.61.0.60'] },
          { cidr: '10.70.0.0/24', range: ['10.70.0.50', '10.70.0.60'], router: '10.70.0.1' },
        ],
      });
      const relay = ['dnsmasq', '-k', '--port=0', '--conf-file=/dev/null', '--log-facility=-', '--user=root'];
      lab.start('r', [...relay, '--pid-file=', '--dhcp-relay=10.70.0.1,10.61.0.1']);
      const client = lab.start('a', udhcpc('eth0'));
      const bound = await client.line(/EVENT bound/);
      assert.match(bound, /ip=10\.70\.0\.(5\d|60) .*router=10\.70\.0\.1 /);
      const first = events(server).find((e) => e.kind === 'reply');
      assert.ok(first?.kind === 'reply');
      assert.equal(first.to, '10.70.0.1:67');
      // The renewal comes by unicast through a router: no giaddr, only ciaddr tells the network.
      await lab.ip('a', 'route replace default via 10.70.0.1');
      client.kill('SIGUSR1');
      await client.line(/EVENT renew/);
      const renewal = events(server).findLast((e) => e.kind === 'reply');
      assert.ok(renewal?.kind === 'reply');
      assert.match(renewal.to, /^10\.70\.0\.\d+:68$/);
    }));
});

describe('dnsmasq as the network’s own server', () => {
  it('gives the address while our proxyDHCP adds the boot file', () =>
    withLab('proxy', async (lab) => {
      for (const ns of ['sw', 's', 'd', 'a']) await lab.namespace(ns);
      await lab.ip('sw', 'link add br0 type bridge forward_delay 0 stp_state 0');
      await lab.ip('sw', 'link set br0 up');
      const ends = [
        { ns: 's', device: 'eth0', address: '10.65.0.1/24' },
        { ns: 'd', device: 'eth0', address: '10.65.0.2/24' },
        { ns: 'a', device: 'eth0', address: '10.65.0.3/24', mac: MAC_A },
      ];
      for (const [i, end] of ends.entries()) {
        await lab.cable({ ns: 'sw', device: `p${i}` }, end);
        await lab.ip('sw', `link set p${i} master br0`);
      }
      const boot = { server: '10.65.0.1', pxe: 'snponly.efi', ipxe: 'http://10.65.0.1/boot.ipxe' };
      const server = await serve(lab, 's', { interfaces: ['eth0'], mode: 'proxy', boot, subnets: [] });
      const quiet = ['--port=0', '--conf-file=/dev/null', '--user=root', '--pid-file=', '--leasefile-ro', '--no-ping'];
      const range = '--dhcp-range=10.65.0.100,10.65.0.120,1h';
      const dnsmasq = lab.start('d', ['dnsmasq', '-k', '--log-facility=-', '--log-dhcp', ...quiet, range]);
      await dnsmasq.line(/started/);

      // What OVMF sent, played back on the wire: both servers answer, each with its part.
      const replies = (
        await lab.run('a', [process.execPath, PLAYER, 'OVMF network stack', 'DISCOVER', '10.65.0.255', '67'])
      ).stdout;
      const offers = replies
        .trim()
        .split('\n')
        .map((l) => JSON.parse(l) as PlayedReply);
      const ours = offers.find((o) => o.from === '10.65.0.1');
      const theirs = offers.find((o) => o.from === '10.65.0.2');
      assert.equal(offers.length, 2, replies);
      assert.deepEqual([ours?.yiaddr, ours?.file, ours?.vendorClass], ['0.0.0.0', 'snponly.efi', 'PXEClient']);
      assert.match(theirs?.yiaddr ?? '', /^10\.65\.0\.1\d\d$/);

      // Port 4011 is asked by unicast and answers to the asking port.
      const later = (
        await lab.run('a', [process.execPath, PLAYER, 'OVMF network stack', 'REQUEST', '10.65.0.1', '4011'])
      ).stdout;
      const ack = JSON.parse(later.trim()) as PlayedReply;
      assert.deepEqual([ack.from, ack.type, ack.file], ['10.65.0.1', 5, 'snponly.efi']);

      // An ordinary client takes its address from dnsmasq; we only notice whom it follows.
      const client = await lab.run('a', udhcpc('eth0', '-q', '-n'));
      assert.match(client.stdout, /EVENT bound ip=10\.65\.0\.1\d\d .*server=10\.65\.0\.2 /);
      assert.ok(events(server).some((e) => e.kind === 'foreign-server' && e.server === '10.65.0.2' && e.mac === MAC_A));
    }));
});
