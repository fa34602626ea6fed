import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestLab } from './lab.ts';

/**
 * A stand-in for a provisioner's boot services, for tests of the lab alone: dnsmasq answers DHCP and hands the iPXE of
 * the machines' network cards one script by TFTP.
 */
export async function startPxe(test: TestLab, script: string): Promise<void> {
  const root = join(test.dir, 'tftp');
  await mkdir(root);
  await writeFile(join(root, 'boot.ipxe'), script);
  // dnsmasq serves as nobody: every folder above the files must let others in.
  await chmod(test.dir, 0o755);
  await chmod(root, 0o755);
  const basics = [
    '-k',
    '--port=0',
    '--conf-file=/dev/null',
    '--interface=br0',
    '--bind-interfaces',
    '--no-ping',
    '--pid-file=',
  ];
  const dhcp = ['--dhcp-range=10.77.0.100,10.77.0.200,255.255.255.0,10m', `--dhcp-leasefile=${join(root, 'leases')}`];
  // 175.176: iPXE need not wait for a proxyDHCP server.
  const boot = ['--dhcp-boot=boot.ipxe', '--dhcp-option-force=encap:175,176,1b'];
  test.start('dnsmasq', [
    ...basics,
    ...dhcp,
    ...boot,
    '--enable-tftp',
    `--tftp-root=${root}`,
    '--user=root',
    '--group=root',
  ]);
}
