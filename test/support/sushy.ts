/** sushy-emulator: OpenStack's Redfish BMC in front of libvirt's machines, one service for all of them. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Child } from '../../hack/story/children.ts';
import type { Libvirt } from './libvirt.ts';
import { startEmulator } from './sushy-emulator.ts';

/** sushy-emulator's own. */
const PORT = 8000;

export interface SushyOptions {
  username?: string;
  password?: string;
  /** PEM files; default: plain http. */
  tls?: { certificate: string; key: string };
}

export class Sushy {
  readonly username: string;
  readonly password: string;
  /** "http://169.254.77.2:8000": reachable from the lab's network and from the test's. */
  readonly url: string;
  readonly #libvirt: Libvirt;
  readonly #daemon: Child;

  private constructor(libvirt: Libvirt, url: string, login: { username: string; password: string }, daemon: Child) {
    this.#libvirt = libvirt;
    this.url = url;
    this.username = login.username;
    this.password = login.password;
    this.#daemon = daemon;
  }

  /**
   * Starts it in the lab's network, with basic authentication. Virtual media that it is told to insert it fetches from
   * there, and puts them into libvirt's storage pool `default`.
   */
  static async start(libvirt: Libvirt, options: SushyOptions = {}): Promise<Sushy> {
    const { username = 'admin', password = 'secret', tls } = options;
    const dir = join(libvirt.dir, 'sushy');
    await mkdir(dir);
    const { network } = libvirt;
    const login = { username, password };
    const address = network.insideAddress;
    const daemon = await startEmulator({
      dir,
      network,
      address,
      port: PORT,
      login,
      settings: {
        LIBVIRT_URI: libvirt.uri,
        // Debian's files; those it takes by itself do not exist there.
        BOOT_LOADER_MAP: { UEFI: { x86_64: '/usr/share/OVMF/OVMF_CODE_4M.fd' }, Legacy: { x86_64: '' } },
        SECURE_BOOT_ENABLED_NVRAM: '/usr/share/OVMF/OVMF_VARS_4M.ms.fd',
        SECURE_BOOT_DISABLED_NVRAM: '/usr/share/OVMF/OVMF_VARS_4M.fd',
      },
      ...(tls === undefined ? {} : { tls }),
    });
    const url = `${tls === undefined ? 'http' : 'https'}://${address}:${PORT}`;
    return new Sushy(libvirt, url, login, daemon);
  }

  /** `spec.bmc.address` of a domain: its System is named by its UUID. @param scheme e.g. `redfish-virtualmedia` */
  address(domain: string, scheme = 'redfish'): string {
    return `${scheme}+${this.url}/redfish/v1/Systems/${this.#libvirt.domain(domain).uuid}`;
  }

  close(): Promise<void> {
    return this.#daemon.stop();
  }
}
