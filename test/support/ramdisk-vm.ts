import { type ChildProcess, spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface RamdiskVmOptions {
  /** Folder with vmlinuz, ramdisk.zst and ramdisk.json. */
  ramdisk: string;
  /** Added to the kernel command line. */
  cmdline: string;
  memoryMib: number;
  mac: string;
  /** Further QEMU arguments: disks, another machine type, a second card. */
  devices?: string[];
  /** NIC model; default virtio-net-pci. */
  nic?: string;
}

/**
 * A machine that boots the ramdisk directly (`-kernel`) with QEMU's user-mode network: the host is 10.0.2.2. Software
 * emulation, so that it runs everywhere.
 */
export class RamdiskVm {
  console = '';
  readonly #process: ChildProcess;
  readonly #exited: Promise<number | null>;

  static async start(options: RamdiskVmOptions): Promise<RamdiskVm> {
    const info: { cmdline: string } = JSON.parse(await readFile(join(options.ramdisk, 'ramdisk.json'), 'utf8'));
    const bootif = `BOOTIF=01-${options.mac.replaceAll(':', '-')}`;
    return new RamdiskVm(options, `${info.cmdline} ${bootif} ${options.cmdline}`);
  }

  private constructor(options: RamdiskVmOptions, cmdline: string) {
    const args = [
      ...['-accel', 'tcg,thread=multi,tb-size=256', '-cpu', 'qemu64', '-smp', '1', '-m', String(options.memoryMib)],
      ...['-machine', 'q35', '-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot'],
      ...['-smbios', 'type=1,manufacturer=Ingot,product=Virtual,serial=SN0001,uuid=11111111-2222-4333-8444-555555555555'],
      ...['-netdev', 'user,id=n0', '-device', `${options.nic ?? 'virtio-net-pci'},netdev=n0,mac=${options.mac}`],
      ...['-kernel', join(options.ramdisk, 'vmlinuz'), '-initrd', join(options.ramdisk, 'ramdisk.zst')],
      ...['-append', cmdline, '-serial', 'stdio', ...(options.devices ?? [])],
    ];
    this.#process = spawn('qemu-system-x86_64', args, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#process.stdout?.on('data', (chunk: Uint8Array) => (this.console += Buffer.from(chunk).toString('utf8')));
    this.#process.stderr?.on('data', (chunk: Uint8Array) => (this.console += Buffer.from(chunk).toString('utf8')));
    this.#exited = new Promise((resolve, reject) => {
      this.#process.once('exit', resolve);
      this.#process.once('error', reject);
    });
  }

  /** Resolves when QEMU ends by itself. */
  get exited(): Promise<number | null> {
    return this.#exited;
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode === null) this.#process.kill('SIGKILL');
    await this.#exited;
  }
}
