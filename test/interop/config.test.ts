/** `ingot up --config FILE` with a network of its own and one behind a relay (dnsmasq), busybox as client. Run as root. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, it } from 'node:test';
import { stringify } from 'yaml';
import { NetLab } from '../support/netns.ts';

const INGOT = resolve(import.meta.dirname, '../../hack/ingot');
const NEAR = '52:54:00:ed:00:01';
const FAR = '52:54:00:ed:00:02';
const STRANGER = '52:54:00:ed:00:03';
const lab = new NetLab('config');
let dir = '';

before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'ingot-config-'));
  for (const file of ['undionly.kpxe', 'snponly.efi', 'vmlinuz', 'ramdisk.zst']) {
    await writeFile(join(dir, file), `content of ${file}`);
  }
  const body = [
    '#!/bin/sh',
    'case $1 in bound) ip addr replace $ip/$mask dev $interface;; esac',
    'echo "EVENT $1 ip=$ip mask=$subnet router=$router dns=$dns domain=$domain lease=$lease host=$hostname server=$serverid"',
  ];
  await writeFile(join(dir, 'udhcpc.sh'), `${body.join('\n')}\n`, { mode: 0o755 });
});
after(async () => {
  await lab.close();
  await rm(dir, { recursive: true, force: true });
});

/** Two machines' networks: one on an interface of Ingot's, one behind a router that relays. */
async function wire(): Promise<void> {
  for (const ns of ['s', 'near', 'r', 'far', 'alien']) await lab.namespace(ns);
  await lab.cable({ ns: 's', device: 'lan1', address: '10.65.0.2/24' }, { ns: 'near', device: 'eth0', mac: NEAR });
  await lab.cable(
    { ns: 's', device: 'lan2', address: '10.66.0.2/24' },
    { ns: 'r', device: 'wan', address: '10.66.0.1/24' },
  );
  await lab.ip('r', 'link add inside type bridge');
  await lab.ip('r', 'addr add 10.67.0.1/24 dev inside');
  await lab.ip('r', 'link set inside up');
  await lab.cable({ ns: 'r', device: 'p1' }, { ns: 'far', device: 'eth0', mac: FAR });
  await lab.cable({ ns: 'r', device: 'p2' }, { ns: 'alien', device: 'eth0', mac: STRANGER });
  for (const port of ['p1', 'p2']) await lab.ip('r', `link set ${port} master inside`);
  await lab.run('r', ['sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward']);
  await lab.ip('s', 'route add 10.67.0.0/24 via 10.66.0.1');
  const relay = [
    'dnsmasq',
    '-k',
    '--port=0',
    '--conf-file=/dev/null',
    '--log-facility=-',
    '--user=root',
    '--pid-file=',
  ];
  lab.start('r', [...relay, '--dhcp-relay=10.67.0.1,10.66.0.2']);
}

async function up(): Promise<string> {
  const file = join(dir, 'ingot.yaml');
  const settings = {
    interfaces: ['lan1', 'lan2'],
    data: 'data',
    ramdisk: '.',
    ipxe: '.',
    ports: { http: 0, agent: 0 },
    dhcp: {
      domain: 'rack.example',
      leaseTime: '10m',
      subnets: [
        {
          subnet: '10.65.0.0/24',
          router: '10.65.0.1',
          reservations: [{ mac: NEAR, address: '10.65.0.77', hostname: 'n0' }],
        },
        {
          subnet: '10.67.0.0/24',
          ranges: ['10.67.0.50-10.67.0.60'],
          router: '10.67.0.1',
          dns: ['10.67.0.3'],
          leaseTime: 300,
        },
      ],
    },
  };
  await writeFile(file, stringify(settings));
  const argv = [INGOT, 'up', '--config', file, '--api-port', '0', '--json', '--yes', '--lease-time', '7m'];
  const program = lab.start('s', argv);
  const ready = await program.line(/^\{"ready":true/, 30_000);
  const { kubeconfig } = JSON.parse(ready) as { kubeconfig: string };
  assert.equal(kubeconfig, join(dir, 'data/kubeconfig'), 'paths start from the file');
  await program.line(/10\.67\.0\.0\/24.*through relays/);
  return kubeconfig;
}

async function enrol(kubeconfig: string, name: string, bootMACAddress: string): Promise<void> {
  const host = {
    apiVersion: 'metal3.io/v1alpha1',
    kind: 'BareMetalHost',
    metadata: { name },
    spec: { bootMACAddress },
  };
  const file = join(dir, `${name}.json`);
  await writeFile(file, JSON.stringify({ ...host, spec: { ...host.spec, online: true } }));
  await lab.run('s', ['kubectl', `--kubeconfig=${kubeconfig}`, 'apply', '-f', file]);
}

async function lease(ns: string, ok: number[] = [0]): Promise<string> {
  const asked = ['-O', 'router', '-O', 'dns', '-O', 'domain', '-O', 'hostname'];
  const client = [
    'busybox',
    'udhcpc',
    '-f',
    '-q',
    '-n',
    '-t',
    '4',
    '-T',
    '1',
    '-i',
    'eth0',
    '-s',
    join(dir, 'udhcpc.sh'),
  ];
  const { stdout } = await lab.run(ns, [...client, ...asked], 30_000, ok);
  return /EVENT bound .*/.exec(stdout)?.[0] ?? 'nothing';
}

it('serves its own networks and one behind a relay, as the file says', { timeout: 120_000 }, async () => {
  await wire();
  const kubeconfig = await up();
  await enrol(kubeconfig, 'near', NEAR);
  await enrol(kubeconfig, 'far', FAR);
  assert.equal(
    await lease('near'),
    'EVENT bound ip=10.65.0.77 mask=255.255.255.0 router=10.65.0.1 dns= domain=rack.example lease=420 host=n0 server=10.65.0.2',
  );
  assert.match(
    await lease('far'),
    /ip=10\.67\.0\.(5\d|60) mask=255\.255\.255\.0 router=10\.67\.0\.1 dns=10\.67\.0\.3 domain=rack\.example lease=420 .*server=10\.66\.0\.2$/,
  );
  assert.equal(await lease('alien', [1]), 'nothing', 'no BareMetalHost names it');
});
