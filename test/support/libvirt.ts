/**
 * A libvirt of a test's own: machines that virtualbmc and sushy-emulator put BMCs in front of. The daemon runs in a
 * lab's network, with its own configuration, state and sockets, so that it never meets another libvirt of this computer.
 */
import { appendFile, copyFile, mkdir, open, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Child, startChild } from '../../hack/story/children.ts';
import { exec } from '../../src/core/exec.ts';
import type { LabNetwork } from '../../src/sim/lab-network.ts';
import type { SiteMachine } from './full-lab.ts';
import { type Domain, type DomainOptions, bootDevicesOf, domainXml, labDomain } from './libvirt-domain.ts';

const READY_SECONDS = 60;

/** Places where libvirtd keeps files whatever its configuration says. It sees folders of the test's there instead. */
const OWN_FOLDERS = ['/etc/libvirt', '/var/lib/libvirt', '/var/cache/libvirt', '/var/log/libvirt', '/run/libvirt'];

/** No confinement, no log daemon, no cgroups: as root, in a container, without systemd. */
const QEMU_CONF = `user = "root"
group = "root"
security_driver = "none"
dynamic_ownership = 0
remember_owner = 0
stdio_handler = "file"
cgroup_controllers = []
namespaces = []
`;

export interface LibvirtOptions {
  network: LabNetwork;
  /** Folder of the test: gets `libvirt/` and a folder per domain. Absolute, short (socket names have 107 bytes). */
  dir: string;
  /** Names the domains' MAC addresses and UUIDs, e.g. the lab's name. */
  lab: string;
  domains: readonly DomainOptions[];
}

export class Libvirt {
  readonly network: LabNetwork;
  /** For clients on this computer, in whatever network namespace: the socket is a file. */
  readonly uri: string;
  readonly dir: string;
  readonly domains: readonly Domain[];
  readonly #daemon: Child;

  private constructor(options: LibvirtOptions, dir: string, domains: readonly Domain[], daemon: Child) {
    this.network = options.network;
    this.dir = dir;
    this.uri = uriOf(dir);
    this.domains = domains;
    this.#daemon = daemon;
  }

  /**
   * Starts libvirtd and defines the domains, powered off, and a storage pool `default` (where sushy-emulator puts
   * virtual media). The daemon ends with this process; its machines live in the lab's namespace and end with the lab,
   * or with the sweep of the next one.
   */
  static async start(options: LibvirtOptions): Promise<Libvirt> {
    const dir = join(options.dir, 'libvirt');
    await prepare(dir);
    const daemon = startChild(['unshare', '--mount', 'sh', '-ec', daemonScript(dir)], {
      network: options.network,
      log: join(dir, 'libvirtd.log'),
    });
    const domains = options.domains.map((domain) => labDomain(options.lab, options.dir, domain));
    const libvirt = new Libvirt(options, dir, domains, daemon);
    try {
      await libvirt.#ready();
      const pool = join(dir, 'pool');
      await libvirt.virsh('pool-create-as', 'default', 'dir', '--target', pool);
      for (const domain of domains) await libvirt.#define(domain);
      return libvirt;
    } catch (error) {
      await libvirt.close();
      const log = await readFile(join(dir, 'libvirtd.log'), 'utf8').catch(() => '');
      throw new Error(`libvirt did not start: ${String(error)}\n${log.slice(-2000)}`, { cause: error });
    }
  }

  domain(name: string): Domain {
    const domain = this.domains.find((d) => d.name === name);
    if (domain === undefined) throw new Error(`libvirt has no domain ${name}`);
    return domain;
  }

  /** @returns what virsh says on its standard output */
  async virsh(...args: string[]): Promise<string> {
    const signal = AbortSignal.timeout(60_000);
    return (await exec('virsh', ['--quiet', '--connect', this.uri, ...args], { signal })).stdout;
  }

  /** "running", "shut off": what libvirt itself says, behind the BMC's back. */
  async state(name: string): Promise<string> {
    return (await this.virsh('domstate', name)).trim();
  }

  /** Boot devices, first one first, of the definition that the next start will use: `hd`, `network`, `cdrom`. */
  async bootDevices(name: string): Promise<string[]> {
    return bootDevicesOf(await this.virsh('dumpxml', '--inactive', name));
  }

  /** Ends all machines, then the daemon. Safe to call twice. */
  async close(): Promise<void> {
    if (this.#daemon.process.exitCode !== null || this.#daemon.process.signalCode !== null) return;
    const running = await this.virsh('list', '--name').catch(() => '');
    const names = running.split('\n').filter(Boolean);
    await Promise.all(names.map((name) => this.virsh('destroy', name).catch(() => '')));
    await this.#daemon.stop();
  }

  async #define(domain: Domain): Promise<void> {
    await mkdir(domain.dir, { recursive: true });
    const disk = await open(domain.diskPath, 'a');
    // Sparse; a disk that the test has put there stays.
    if ((await disk.stat()).size === 0) await disk.truncate(domain.diskBytes);
    await disk.close();
    const xml = join(domain.dir, 'domain.xml');
    await writeFile(xml, domainXml(domain, this.network.bridge));
    await this.virsh('define', xml);
  }

  async #ready(): Promise<void> {
    const end = performance.now() + READY_SECONDS * 1000;
    for (;;) {
      try {
        await this.virsh('uri');
        return;
      } catch (error) {
        if (performance.now() > end || this.#daemon.process.exitCode !== null) throw error;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  }
}

/** The machine as a whole-machine test sees it, with a BMC in front of it. */
export function siteMachine(
  libvirt: Libvirt,
  name: string,
  bmcAddress: string,
  login: { username: string; password: string },
): SiteMachine {
  const domain = libvirt.domain(name);
  const { username, password } = login;
  return { ...domain, diskPaths: [domain.diskPath], bmcAddress, username, password };
}

function uriOf(dir: string): string {
  return `qemu+unix:///system?socket=${dir}/sock/libvirt-sock`;
}

async function prepare(dir: string): Promise<void> {
  for (const folder of ['sock', 'pool', 'own', ...OWN_FOLDERS.map((f) => `own${f}`)])
    await mkdir(join(dir, folder), { recursive: true });
  await writeFile(join(dir, 'own/etc/libvirt/qemu.conf'), QEMU_CONF);
  await writeFile(
    join(dir, 'libvirtd.conf'),
    `unix_sock_dir = "${dir}/sock"\nauth_unix_rw = "none"\nauth_unix_ro = "none"\n`,
  );
  await users(dir);
}

/**
 * libvirtd ends at once when the user and group it was built for are unknown, even when it is told to use root. Only
 * libvirt-daemon-system makes them, and that package starts a daemon of its own. Ours sees them in copies of the files.
 */
async function users(dir: string): Promise<void> {
  const [passwd, group] = [join(dir, 'own/etc/passwd'), join(dir, 'own/etc/group')];
  await copyFile('/etc/passwd', passwd);
  await copyFile('/etc/group', group);
  const add = async (file: string, name: string, rest: string) => {
    const text = await readFile(file, 'utf8');
    if (!text.split('\n').some((line) => line.startsWith(`${name}:`))) await appendFile(file, `${name}:${rest}\n`);
  };
  await add(group, 'kvm', 'x:64054:');
  await add(group, 'libvirt-qemu', 'x:64055:');
  await add(passwd, 'libvirt-qemu', 'x:64055:64055::/nonexistent:/usr/sbin/nologin');
}

/** In a mount namespace that goes with the daemon and its machines. */
function daemonScript(dir: string): string {
  return [
    ...OWN_FOLDERS.map((folder) => `mkdir -p ${folder}; mount --bind '${dir}/own${folder}' ${folder}`),
    ...['/etc/passwd', '/etc/group'].map((file) => `mount --bind '${dir}/own${file}' ${file}`),
    `exec libvirtd -f '${dir}/libvirtd.conf' -p '${dir}/libvirtd.pid'`,
  ].join('\n');
}
