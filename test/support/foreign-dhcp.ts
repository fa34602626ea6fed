import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Child, startChild } from '../../hack/story/children.ts';
import { exec } from '../../src/core/exec.ts';
import type { LabNetwork } from '../../src/sim/lab-network.ts';

/** Its address on the lab's bridge, and what it gives. */
const ADDRESS = '10.77.0.2/24';
const RANGE = '10.77.0.50,10.77.0.90,5m';

/**
 * The DHCP server that the lab's network has already: dnsmasq, as a computer of its own on the bridge. Its network
 * namespace has no name and goes when it does, however that is.
 */
export class ForeignDhcp {
  readonly #child: Child;

  private constructor(child: Child) {
    this.#child = child;
  }

  /** @param config lines of its configuration besides the range of addresses */
  static async start(network: LabNetwork, dir: string, config: readonly string[]): Promise<ForeignDhcp> {
    const file = join(dir, 'dnsmasq.conf');
    const basics = ['port=0', 'interface=lan', 'bind-interfaces', 'no-ping', 'dhcp-authoritative', 'log-dhcp'];
    // A change of user would make the kernel forget that it ends with this process.
    const quiet = ['user=root', 'group=root', 'pid-file=', `dhcp-leasefile=${join(dir, 'dnsmasq.leases')}`];
    await writeFile(file, `${[...basics, ...quiet, `dhcp-range=${RANGE}`, ...config].join('\n')}\n`);
    const script = [
      'until ip link show lan >/dev/null 2>&1; do sleep 0.05; done',
      `ip addr add ${ADDRESS} dev lan && ip link set lan up`,
      `exec dnsmasq --keep-in-foreground --log-facility=- --conf-file=${file}`,
    ];
    let listening: () => void = () => {};
    const isListening = new Promise<void>((resolve) => (listening = resolve));
    const log = join(dir, 'dnsmasq.log');
    const shell = ['unshare', '--net', 'sh', '-c', `exec 2>&1; echo alone; ${script.join('; ')}`];
    const child = startChild(shell, {
      network,
      log,
      onLine: (line) => {
        if (line === 'alone') void plugIn(network, child.process.pid ?? 0);
        if (line.includes('DHCP, IP range')) listening();
      },
    });
    const died = child.exited.then((code) => {
      throw new Error(`the network’s DHCP server ended with code ${code ?? 'none'}`);
    });
    died.catch(() => {});
    await Promise.race([isListening, died]);
    return new ForeignDhcp(child);
  }

  close(): Promise<void> {
    return this.#child.stop(1000);
  }
}

/** A cable from the bridge to the namespace of the process. */
async function plugIn(network: LabNetwork, pid: number): Promise<void> {
  const ip = (...words: string[]) => exec('ip', ['-n', network.namespace, 'link', ...words]);
  await ip('add', 'dhcp0', 'type', 'veth', 'peer', 'name', 'lan', 'netns', String(pid));
  await ip('set', 'dhcp0', 'master', network.bridge);
  await ip('set', 'dhcp0', 'up');
}
