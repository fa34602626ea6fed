/** virtualbmc: OpenStack's IPMI BMC in front of libvirt's machines. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Child, startChild } from '../../hack/story/children.ts';
import { type ExecResult, exec } from '../../src/core/exec.ts';
import { insideLab } from '../../src/sim/lab.ts';
import type { Libvirt } from './libvirt.ts';
import { peersFolder } from './peers.ts';

/** virtualbmc's own port, one up for each domain. */
const FIRST_PORT = 6230;
const READY_SECONDS = 60;

export interface VbmcOptions {
  /** Names of the domains that get a BMC; default all. */
  domains?: readonly string[];
  username?: string;
  password?: string;
}

export class Vbmc {
  readonly username: string;
  readonly password: string;
  readonly #libvirt: Libvirt;
  readonly #bin: string;
  readonly #dir: string;
  readonly #ports = new Map<string, number>();
  #daemon: Child;

  private constructor(libvirt: Libvirt, bin: string, dir: string, options: VbmcOptions) {
    this.username = options.username ?? 'admin';
    this.password = options.password ?? 'secret';
    this.#libvirt = libvirt;
    this.#bin = bin;
    this.#dir = dir;
    this.#daemon = this.#startDaemon();
  }

  /** Starts vbmcd in the lab's network and a BMC for each domain, on the address where the lab's engine listens too. */
  static async start(libvirt: Libvirt, options: VbmcOptions = {}): Promise<Vbmc> {
    const bin = join(await peersFolder(), 'bin');
    const dir = join(libvirt.dir, 'vbmc');
    await mkdir(dir);
    await writeFile(
      join(dir, 'vbmc.conf'),
      `[default]\nconfig_dir=${dir}\npid_file=${dir}/vbmcd.pid\n[log]\nlogfile=${dir}/vbmcd.log\n[ipmi]\nsession_timeout=1\n`,
    );
    const vbmc = new Vbmc(libvirt, bin, dir, options);
    try {
      await vbmc.#ready();
      const names = options.domains ?? libvirt.domains.map((d) => d.name);
      await Promise.all(names.map((name, i) => vbmc.#add(name, FIRST_PORT + i)));
      return vbmc;
    } catch (error) {
      await vbmc.close();
      const log = await readFile(join(dir, 'vbmcd.out'), 'utf8').catch(() => '');
      throw new Error(`virtualbmc did not start: ${String(error)}\n${log.slice(-2000)}`, { cause: error });
    }
  }

  /** "169.254.77.2:6230": reachable from the lab's network and from the test's. */
  endpoint(domain: string): string {
    const port = this.#ports.get(domain);
    if (port === undefined) throw new Error(`virtualbmc has no BMC for ${domain}`);
    return `${this.#libvirt.network.insideAddress}:${port}`;
  }

  /** Ends the BMC's process and starts another: its sessions are forgotten. */
  async restart(domain: string): Promise<void> {
    await this.stop(domain);
    await this.cli('start', domain);
  }

  async stop(domain: string): Promise<void> {
    await this.cli('stop', domain);
  }

  /** Runs its command line. */
  async cli(...args: string[]): Promise<ExecResult> {
    const [program, ...rest] = insideLab(this.#libvirt.network, [join(this.#bin, 'vbmc'), '--no-daemon', ...args]);
    return await exec(program, rest, { env: this.#env(), signal: AbortSignal.timeout(60_000) });
  }

  close(): Promise<void> {
    return this.#daemon.stop();
  }

  async #add(domain: string, port: number): Promise<void> {
    const { network, uri } = this.#libvirt;
    const login = ['--username', this.username, '--password', this.password];
    const where = ['--address', network.insideAddress, '--port', String(port), '--libvirt-uri', uri];
    await this.cli('add', domain, ...where, ...login);
    await this.cli('start', domain);
    this.#ports.set(domain, port);
  }

  async #ready(): Promise<void> {
    const end = performance.now() + READY_SECONDS * 1000;
    for (;;) {
      try {
        await this.cli('list');
        return;
      } catch (error) {
        if (performance.now() > end || this.#daemon.process.exitCode !== null) throw error;
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
    }
  }

  #startDaemon(): Child {
    return startChild([join(this.#bin, 'vbmcd'), '--foreground'], {
      network: this.#libvirt.network,
      log: join(this.#dir, 'vbmcd.out'),
      env: this.#env(),
    });
  }

  #env(): Record<string, string> {
    return { VIRTUALBMC_CONFIG: join(this.#dir, 'vbmc.conf') };
  }
}
