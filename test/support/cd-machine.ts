import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Bmc, BmcInfo, BootOverride, PowerAction, PowerState } from '../../src/bmc/bmc.ts';
import { SimMedia } from './sim-media.ts';
import { RamdiskVm, type VmOptions } from './ramdisk-vm.ts';

/**
 * A machine in QEMU whose BMC has a virtual CD: nbdkit's curl plugin fetches what is inserted, in ranges, while the
 * firmware and the boot loader read it. Nothing is downloaded before, as with the BMCs that stream.
 */
export class CdMachine implements Bmc {
  readonly address = 'redfish-virtualmedia://cd';
  /** Every write to the BMC, in order. */
  readonly writes: string[] = [];
  readonly media = new SimMedia(this.writes);
  vm: RamdiskVm | undefined;
  #override: BootOverride = { device: 'none', persistence: 'once', firmware: 'uefi' };
  #drive: ChildProcess | undefined;
  readonly #dir: string;
  readonly #options: VmOptions;

  /** @param dir for its socket; the machine must be switched off before it is removed */
  constructor(dir: string, options: VmOptions) {
    this.#dir = dir;
    this.#options = options;
  }

  get output(): string {
    return this.vm?.console ?? '';
  }

  verify(): Promise<BmcInfo> {
    return Promise.resolve({ protocol: 'test' });
  }

  powerState(): Promise<PowerState> {
    return Promise.resolve(this.vm === undefined ? 'off' : 'on');
  }

  async setPower(action: PowerAction): Promise<void> {
    this.writes.push(action);
    if (action !== 'on') await this.#off();
    if (action === 'on' || action === 'cycle' || action === 'reset') await this.#on();
  }

  bootOverride(): Promise<BootOverride> {
    return Promise.resolve(this.#override);
  }

  setBootOverride(override: BootOverride): Promise<void> {
    this.writes.push(`boot ${override.device} ${override.persistence}`);
    this.#override = override;
    return Promise.resolve();
  }

  close(): Promise<void> {
    return this.#off();
  }

  async #on(): Promise<void> {
    const devices = [...(this.#options.devices ?? [])];
    if (this.#override.device === 'cdrom' && this.media.image !== undefined) {
      const socket = join(this.#dir, 'cd.sock');
      this.#drive = spawn('nbdkit', ['-f', '-r', '-U', socket, 'curl', this.media.image], { stdio: 'ignore' });
      while (!existsSync(socket)) await new Promise((resolve) => setTimeout(resolve, 20));
      const file = `if=none,id=cd,media=cdrom,readonly=on,format=raw,file=nbd:unix:${socket}`;
      devices.push('-drive', file, '-device', 'ide-cd,drive=cd,bootindex=0');
    }
    if (this.#override.persistence === 'once') this.#override = { ...this.#override, device: 'none' };
    this.vm = await RamdiskVm.start({ ...this.#options, devices });
  }

  async #off(): Promise<void> {
    await this.vm?.stop();
    this.vm = undefined;
    const drive = this.#drive;
    this.#drive = undefined;
    if (drive === undefined || drive.exitCode !== null) return;
    const gone = new Promise((resolve) => drive.once('exit', resolve));
    drive.kill('SIGKILL');
    await gone;
    rmSync(join(this.#dir, 'cd.sock'), { force: true });
  }
}
