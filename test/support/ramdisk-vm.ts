import { type ChildProcess, spawn } from 'node:child_process';
import { copyFileSync, existsSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface VmOptions {
  memoryMib: number;
  mac: string;
  /** BIOS when absent. */
  uefi?: {
    /** File of the variable store; made from OVMF's when missing. */
    vars: string;
    /** Firmware that starts only what Microsoft or a distribution known to it has signed. */
    secureBoot?: boolean;
  };
  /** Further QEMU arguments: disks, a second card. */
  devices?: string[];
  /** NIC model; default virtio-net-pci. */
  nic?: string;
  /** Boots this ramdisk directly (`-kernel`); without it the machine boots what its firmware finds. */
  ramdisk?: {
    /** Folder with vmlinuz, ramdisk.zst and ramdisk.json. */
    dir: string;
    /** Added to the kernel command line. */
    cmdline: string;
    /** Another archive than the folder's ramdisk.zst. */
    initrd?: string;
  };
}

const OVMF = '/usr/share/OVMF';

/** A disk of the VM: QEMU arguments for a raw file behind virtio-blk. */
export function virtioDisk(file: string, serial: string): string[] {
  const drive = `if=none,id=${serial},file=${file},format=raw,cache=unsafe`;
  return ['-drive', drive, '-device', `virtio-blk-pci,drive=${serial},serial=${serial}`];
}

/**
 * A machine in QEMU with its user-mode network: the host is 10.0.2.2. Software emulation, so that it runs everywhere.
 */
export class RamdiskVm {
  console = '';
  readonly #process: ChildProcess;
  readonly #exited: Promise<number | null>;
  readonly #waiting = new Set<() => void>();

  static async start(options: VmOptions): Promise<RamdiskVm> {
    return new RamdiskVm(await qemuArgs(options));
  }

  private constructor(args: string[]) {
    this.#process = spawn('qemu-system-x86_64', args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const collect = (chunk: Uint8Array) => {
      this.console += Buffer.from(chunk).toString('utf8');
      for (const check of this.#waiting) check();
    };
    this.#process.stdout?.on('data', collect);
    this.#process.stderr?.on('data', collect);
    this.#exited = new Promise((resolve, reject) => {
      this.#process.once('exit', resolve);
      this.#process.once('error', reject);
    });
  }

  /** Resolves when QEMU ends by itself; rejects after `ms`. */
  exited(ms: number): Promise<number | null> {
    const { promise, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => reject(new Error(`the machine is still on after ${ms} ms:\n${this.console}`)), ms);
    return Promise.race([this.#exited, promise]).finally(() => clearTimeout(timer));
  }

  /** Waits for a text on the serial console. */
  said(text: string, ms: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const done = (error?: Error) => {
        this.#waiting.delete(check);
        clearTimeout(timer);
        if (error === undefined) resolve();
        else reject(error);
      };
      const check = () => (this.console.includes(text) ? done() : undefined);
      const timer = setTimeout(() => done(new Error(`console without "${text}" after ${ms} ms:\n${this.console}`)), ms);
      this.#waiting.add(check);
      check();
    });
  }

  /** CPU seconds the emulator has used: says how much work a boot is, however busy the host. */
  cpuSeconds(): number {
    const stat = readFileSync(`/proc/${this.#process.pid}/stat`, 'utf8');
    // proc(5): fields 14 and 15, in ticks of 10 ms; the name in field 2 may hold blanks.
    const [user = 0, system = 0] = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .slice(11, 13)
      .map(Number);
    return (user + system) / 100;
  }

  /** Pulls the plug. */
  async stop(): Promise<void> {
    if (this.#process.exitCode === null) this.#process.kill('SIGKILL');
    await this.#exited;
  }
}

async function qemuArgs(options: VmOptions): Promise<string[]> {
  const args = [
    ['-accel', 'tcg,thread=multi,tb-size=256', '-cpu', 'qemu64', '-smp', '1', '-m', String(options.memoryMib)],
    ['-machine', 'q35,graphics=off', '-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot'],
    ['-smbios', 'type=1,manufacturer=Ingot,product=Virtual,serial=SN0001,uuid=11111111-2222-4333-8444-555555555555'],
    ['-netdev', 'user,id=n0', '-device', `${options.nic ?? 'virtio-net-pci'},netdev=n0,mac=${options.mac}`],
    ['-serial', 'stdio'],
    options.devices ?? [],
  ].flat();
  if (options.uefi !== undefined) {
    const { vars, secureBoot = false } = options.uefi;
    const [code, fresh] = secureBoot
      ? ['OVMF_CODE_4M.secboot.fd', 'OVMF_VARS_4M.ms.fd']
      : ['OVMF_CODE_4M.fd', 'OVMF_VARS_4M.fd'];
    if (!existsSync(vars)) copyFileSync(join(OVMF, fresh), vars);
    // The keys are kept from the guest by system management mode.
    if (secureBoot) args.push('-machine', 'smm=on', '-global', 'driver=cfi.pflash01,property=secure,value=on');
    const flash = 'if=pflash,format=raw';
    args.push('-drive', `${flash},unit=0,readonly=on,file=${join(OVMF, code)}`);
    args.push('-drive', `${flash},unit=1,file=${vars}`);
  }
  if (options.ramdisk !== undefined) {
    const { dir, cmdline, initrd = join(dir, 'ramdisk.zst') } = options.ramdisk;
    const info: { cmdline: string } = JSON.parse(await readFile(join(dir, 'ramdisk.json'), 'utf8'));
    const bootif = `BOOTIF=01-${options.mac.replaceAll(':', '-')}`;
    args.push('-kernel', join(dir, 'vmlinuz'), '-initrd', initrd);
    args.push('-append', `${info.cmdline} ${bootif} ${cmdline}`);
  }
  return args;
}
