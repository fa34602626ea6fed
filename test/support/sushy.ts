/** sushy-emulator: OpenStack's Redfish BMC in front of libvirt's machines, one service for all of them. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Child, startChild } from '../../hack/story/children.ts';
import { exec } from '../../src/core/exec.ts';
import type { Libvirt } from './libvirt.ts';
import { peersFolder } from './peers.ts';

/** sushy-emulator's own. */
const DEFAULT_PORT = 8000;
const READY_SECONDS = 60;

export interface SushyOptions {
  /** Default 8000. */
  port?: number;
  username?: string;
  password?: string;
  /** Certificate and key files (PEM); default: plain http. */
  tls?: { cert: string; key: string };
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
   * Starts it in the lab's network, with basic authentication. Its virtual media go into libvirt's storage pool
   * `default`, and it fetches them from where the lab's engine serves.
   */
  static async start(libvirt: Libvirt, options: SushyOptions = {}): Promise<Sushy> {
    const { port = DEFAULT_PORT, username = 'admin', password = 'secret', tls } = options;
    const bin = join(await peersFolder(), 'bin');
    const dir = join(libvirt.dir, 'sushy');
    await mkdir(join(dir, 'state'), { recursive: true });
    await mkdir(join(dir, 'tmp'));
    await writeFile(join(dir, 'htpasswd'), `${username}:${await bcrypt(bin, password)}\n`, { mode: 0o600 });
    const settings = {
      LISTEN_IP: libvirt.network.insideAddress,
      LISTEN_PORT: port,
      LIBVIRT_URI: libvirt.uri,
      STATE_DIR: join(dir, 'state'),
      AUTH_FILE: join(dir, 'htpasswd'),
      // Debian's names; its own defaults do not exist there. BIOS needs no loader.
      BOOT_LOADER_MAP: { UEFI: { x86_64: '/usr/share/OVMF/OVMF_CODE_4M.fd' }, Legacy: { x86_64: '' } },
      SECURE_BOOT_ENABLED_NVRAM: '/usr/share/OVMF/OVMF_VARS_4M.ms.fd',
      SECURE_BOOT_DISABLED_NVRAM: '/usr/share/OVMF/OVMF_VARS_4M.fd',
      ...(tls === undefined ? {} : { SSL_CERT: tls.cert, SSL_KEY: tls.key }),
    };
    const config = join(dir, 'sushy.conf');
    // Python; strings, numbers and tables of them are written as in JSON.
    const lines = Object.entries(settings).map(([k, v]) => `SUSHY_EMULATOR_${k} = ${JSON.stringify(v)}\n`);
    await writeFile(config, lines.join(''));
    const daemon = startChild([join(bin, 'sushy-emulator'), '--config', config], {
      network: libvirt.network,
      log: join(dir, 'sushy.log'),
      env: { TMPDIR: join(dir, 'tmp'), PYTHONUNBUFFERED: '1' },
    });
    const url = `${tls === undefined ? 'http' : 'https'}://${libvirt.network.insideAddress}:${port}`;
    const sushy = new Sushy(libvirt, url, { username, password }, daemon);
    try {
      await sushy.#ready();
      return sushy;
    } catch (error) {
      await sushy.close();
      const log = await readFile(join(dir, 'sushy.log'), 'utf8').catch(() => '');
      throw new Error(`sushy-emulator did not start: ${String(error)}\n${log.slice(-2000)}`, { cause: error });
    }
  }

  /** `spec.bmc.address` of a domain: its System is named by its UUID. @param scheme e.g. `redfish` */
  address(domain: string, scheme = 'redfish'): string {
    return `${scheme}+${this.url}/redfish/v1/Systems/${this.#libvirt.domain(domain).uuid}`;
  }

  close(): Promise<void> {
    return this.#daemon.stop();
  }

  async #ready(): Promise<void> {
    const end = performance.now() + READY_SECONDS * 1000;
    for (;;) {
      try {
        // The root needs no password. curl, because it can be told to take a certificate that nobody has signed.
        await exec('curl', ['-sfko', '/dev/null', `${this.url}/redfish/v1/`], { signal: AbortSignal.timeout(5000) });
        return;
      } catch (error) {
        if (performance.now() > end || this.#daemon.process.exitCode !== null) throw error;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  }
}

/** Few rounds: a digest is made for each request, and 2^12 rounds take a quarter of a second each time. */
const BCRYPT_COST = 4;

/** Digest of a password for its `AUTH_FILE`. @param bin folder of the peers' programs */
export async function bcrypt(bin: string, password: string): Promise<string> {
  const script = `import bcrypt,sys;print(bcrypt.hashpw(sys.stdin.buffer.read(), bcrypt.gensalt(${BCRYPT_COST})).decode())`;
  return (await exec(join(bin, 'python'), ['-c', script], { input: password })).stdout.trim();
}
