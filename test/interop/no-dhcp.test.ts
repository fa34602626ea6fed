/** `ingot up --no-dhcp` where dnsmasq is the network's DHCP server; curl and tftp play the firmware. Run as root. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, it } from 'node:test';
import { NetLab } from '../support/netns.ts';

const MAIN = resolve(import.meta.dirname, '../support/no-dhcp-main.ts');
const MAC = '52:54:00:ee:00:01';
const lab = new NetLab('nodhcp');
let dir = '';

before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'ingot-nodhcp-'));
});
after(async () => {
  await lab.close();
  await rm(dir, { recursive: true, force: true });
});

/** One network: Ingot, a DHCP server and a machine, each on its own. */
async function wire(): Promise<void> {
  for (const ns of ['s', 'd', 'm']) await lab.namespace(ns);
  await lab.ip('d', 'link add br0 type bridge');
  await lab.ip('d', 'link set br0 up');
  await lab.cable({ ns: 'd', device: 'to-s' }, { ns: 's', device: 'lan', address: '10.64.0.2/24' });
  await lab.cable({ ns: 'd', device: 'to-m' }, { ns: 'm', device: 'eth0', mac: MAC });
  for (const port of ['to-s', 'to-m']) await lab.ip('d', `link set ${port} master br0`);
  await lab.ip('d', 'addr add 10.64.0.1/24 dev br0');
}

/** As the README tells people to configure it. */
async function dnsmasq(): Promise<void> {
  const config = [
    'port=0',
    'interface=br0',
    'bind-interfaces',
    'dhcp-authoritative',
    `dhcp-leasefile=${join(dir, 'leases')}`,
    'dhcp-range=10.64.0.50,10.64.0.60,5m',
    'dhcp-match=set:ipxe,175',
    'dhcp-match=set:efi,option:client-arch,7',
    'dhcp-match=set:efi,option:client-arch,9',
    'dhcp-boot=tag:!ipxe,tag:!efi,undionly.kpxe,,10.64.0.2',
    'dhcp-boot=tag:!ipxe,tag:efi,snponly.efi,,10.64.0.2',
    'dhcp-boot=tag:ipxe,http://10.64.0.2:8080/boot.ipxe',
  ];
  const file = join(dir, 'dnsmasq.conf');
  await writeFile(file, `${config.join('\n')}\n`);
  const server = lab.start('d', ['dnsmasq', '--keep-in-foreground', '--log-facility=-', `--conf-file=${file}`]);
  await server.line(/DHCP, IP range/);
}

/** What DHCP says to a client that sends these options. */
async function ask(...options: string[]): Promise<string> {
  const script = join(dir, 'udhcpc.sh');
  const body = [
    '#!/bin/sh',
    'case $1 in bound) ip addr flush dev $interface; ip addr add $ip/$mask dev $interface;; esac',
    'echo "EVENT $1 boot=$boot_file$bootfile siaddr=$siaddr"',
  ];
  await writeFile(script, `${body.join('\n')}\n`, { mode: 0o755 });
  const sent = options.flatMap((o) => ['-x', o]);
  const run = await lab.run('m', ['busybox', 'udhcpc', '-f', '-q', '-n', '-i', 'eth0', '-s', script, ...sent]);
  return /EVENT bound .*/.exec(`${run.stdout}\n${run.stderr}`)?.[0] ?? `not bound: ${run.stdout}${run.stderr}`;
}

async function curl(url: string): Promise<{ status: string; body: string }> {
  const { stdout } = await lab.run('m', ['curl', '-s', '-w', '\n%{http_code}', url]);
  const at = stdout.lastIndexOf('\n');
  return { status: stdout.slice(at + 1), body: stdout.slice(0, at) };
}

it('leads a machine from a foreign DHCP server to its script', { timeout: 120_000 }, async () => {
  await wire();
  await dnsmasq();
  const ingot = lab.start('s', [process.execPath, MAIN, 'lan', MAC]);
  await ingot.line(/^enrolled$/, 60_000);

  assert.match(await ask('0x5d:0000'), /boot=undionly\.kpxe siaddr=10\.64\.0\.2/);
  assert.match(await ask('0x5d:0007'), /boot=snponly\.efi siaddr=10\.64\.0\.2/);
  const loader = join(dir, 'snponly.efi');
  const tftp = async (name: string, to: string) =>
    lab.run('m', ['tftp', '-m', 'binary', '10.64.0.2', '-c', 'get', name, to]);
  await tftp('snponly.efi', loader);
  assert.equal(await readFile(loader, 'utf8'), 'content of snponly.efi');

  const entryUrl = /boot=(http\S+)/.exec(await ask('0xaf:b10101'))?.[1] ?? '';
  assert.equal(entryUrl, 'http://10.64.0.2:8080/boot.ipxe');
  const entry = await curl(entryUrl);
  assert.equal(entry.status, '200');
  const autoexec = join(dir, 'autoexec.ipxe');
  await tftp('autoexec.ipxe', autoexec);
  assert.equal(await readFile(autoexec, 'utf8'), entry.body, 'newer iPXE finds the same script where it came from');
  assert.deepEqual(await curl('http://10.64.0.2:8080/loader/autoexec.ipxe'), entry);

  await ingot.line(/^inspecting$/, 60_000);
  const chained = /^chain .* (http\S+)/m.exec(entry.body)?.[1] ?? '';
  const own = (mac: string) => chained.replace('${netX/mac:hexhyp}', mac.replaceAll(':', '-'));
  let script = await curl(own(MAC));
  for (let i = 0; i < 100 && script.status === '404'; i++) {
    await new Promise((done) => setTimeout(done, 200));
    script = await curl(own(MAC));
  }
  assert.equal(script.status, '200');
  assert.match(script.body, /ingot\.server=https:\/\/10\.64\.0\.2:\d+ .*ingot\.token=[\w-]{43} /);
  const kernel = /^kernel (\S+)/m.exec(script.body)?.[1] ?? '';
  assert.deepEqual(await curl(kernel), { status: '200', body: 'content of vmlinuz' });

  const stranger = await curl(own('52:54:00:ee:00:99'));
  assert.equal(stranger.status, '404');
  assert.doesNotMatch(stranger.body, /token/);
  await ingot.line(/no BareMetalHost has the boot MAC address 52:54:00:ee:00:99.*nothing to boot/);
});
