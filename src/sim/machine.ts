import { copyFile, mkdir, stat, truncate, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Clock, type Timer, sleep } from '../core/clock.ts';
import { errorText } from '../core/errors.ts';
import { exec } from '../core/exec.ts';
import type { Logger } from '../core/log.ts';
import type { BootFlags } from '../ipmi/chassis.ts';
import {
  BOOT_FLAGS_EXPIRE_MS,
  type BootFirst,
  bootDeviceSupported,
  flagsAfterBoot,
  flagsAt,
  planBoot,
} from './boot-order.ts';
import { simErrors } from './errors.ts';
import type { Accelerator, DiskSpec, MachineSpec } from './machine-spec.ts';
import { type MachineState, readMachineState, writeMachineState } from './machine-state.ts';
import {
  BOOT_NIC_PATH,
  CD_PATH,
  CONSOLE_ID,
  OVMF_VARS,
  cdBootIndex,
  nicBootIndex,
  qemuArgs,
  uefiVarsPath,
} from './qemu-args.ts';
import { QemuProcess } from './qemu-process.ts';
import type { QmpEvent } from './qmp.ts';

export interface MachineDoors {
  accelerator: Accelerator;
  clock: Clock;
  log: Logger;
}

/** What can be seen of a machine from the outside without asking its BMC. */
export interface MachineObservation {
  power: 'on' | 'off';
  /** Firmware starts since the machine exists, whoever caused them. */
  boots: number;
  powerOns: number;
  /** Process of the present power-on. */
  pid?: number;
  /** Wall time of the present power-on, ms. */
  poweredOnAt?: number;
}

/** `boot`: the firmware starts, by power-on or reset. */
export type MachineChange = 'boot' | 'on' | 'off';

/** A real server's supply needs this long between off and on in a power cycle; ours does not, but not zero either. */
const CYCLE_PAUSE_MS = 500;
/**
 * A firmware that is told to restart tries one way after the other, and QEMU on a busy host carries out several of them
 * (seen with SeaBIOS: 4 to 110 ms apart). Resets with shorter pauses are one start, and all of them take its boot order.
 */
const ONE_START_MS = 500;

/** One virtual machine behind a BMC. Commands run one after the other, in the order they came. */
export class Machine {
  readonly spec: MachineSpec;
  readonly #doors: MachineDoors;
  #state: MachineState;
  #qemu: QemuProcess | undefined;
  #poweredOnAt: number | undefined;
  /** What the firmware will find first at its next start, as QEMU has been told. */
  #armed: BootFirst = 'disk';
  /** Image in the CD drive. */
  #cd: string | undefined;
  readonly #listeners = new Set<(event: MachineChange) => void>();
  #expiry: Timer | undefined;
  /** Runs while a restart may still consist of more resets. */
  #restarting: Timer | undefined;
  #last: Promise<unknown> = Promise.resolve();

  private constructor(spec: MachineSpec, doors: MachineDoors, state: MachineState) {
    this.spec = spec;
    this.#doors = doors;
    this.#state = state;
  }

  /**
   * Makes the machine's folder, disks and UEFI variables where they are not there yet. It is off.
   * @throws SIM_STATE_BROKEN, EXEC_FAILED (qemu-img)
   */
  static async open(spec: MachineSpec, doors: MachineDoors): Promise<Machine> {
    await mkdir(spec.dir, { recursive: true });
    for (const disk of spec.disks) await makeDisk(disk);
    if (spec.firmware === 'uefi' && !(await exists(uefiVarsPath(spec)))) await copyFile(OVMF_VARS, uefiVarsPath(spec));
    const state = await readMachineState(join(spec.dir, 'state.json'));
    return new Machine(spec, { ...doors, log: doors.log.child({ machine: spec.name }) }, state);
  }

  observe(): MachineObservation {
    const { boots, powerOns } = this.#state;
    if (this.#qemu === undefined) return { power: 'off', boots, powerOns };
    const poweredOnAt = this.#poweredOnAt;
    return {
      power: 'on',
      boots,
      powerOns,
      pid: this.#qemu.pid,
      ...(poweredOnAt === undefined ? {} : { poweredOnAt }),
    };
  }

  /** No effect when it is on. @throws SIM_QEMU_FAILED */
  powerOn(): Promise<void> {
    return this.#queue(() => this.#start());
  }

  /** Hard, at once. No effect when it is off. */
  powerOff(): Promise<void> {
    return this.#queue(() => this.#stop());
  }

  /** Asks the operating system (ACPI button); what it does about it is its own affair. @throws SIM_NOT_POWERED */
  softOff(): Promise<void> {
    return this.#queue(async () => void (await this.#powered().qmp.execute('system_powerdown')));
  }

  /** @throws SIM_NOT_POWERED as real BMCs refuse to cycle what is off */
  cycle(): Promise<void> {
    return this.#queue(async () => {
      this.#powered();
      await this.#stop();
      await sleep(this.#doors.clock, CYCLE_PAUSE_MS);
      await this.#start();
    });
  }

  /** @throws SIM_NOT_POWERED */
  reset(): Promise<void> {
    return this.#queue(async () => {
      const qemu = this.#powered();
      await this.#arm();
      await qemu.qmp.execute('system_reset');
    });
  }

  /** Diagnostic interrupt (NMI). @throws SIM_NOT_POWERED */
  interrupt(): Promise<void> {
    return this.#queue(async () => void (await this.#powered().qmp.execute('inject-nmi')));
  }

  /** A break on the first serial port: the kernel's SysRq key. Nothing happens when the machine is off. */
  sendBreak(): Promise<void> {
    return this.#queue(async () => void (await this.#qemu?.qmp.execute('chardev-send-break', { id: CONSOLE_ID })));
  }

  /** Fault: the mains fails. Unlike `powerOff` nothing is flushed or said. */
  cutPower(): Promise<void> {
    return this.#queue(async () => {
      await this.#qemu?.kill();
    });
  }

  /** Fault: network cable of interface number `nic` out or in. @throws SIM_NOT_POWERED */
  setLink(nic: number, up: boolean): Promise<void> {
    return this.#queue(async () => void (await this.#powered().qmp.execute('set_link', { name: `nic${nic}`, up })));
  }

  /** Fault: disk number `disk` reads and writes at most so many bytes a second; 0 lifts it. @throws SIM_NOT_POWERED */
  throttleDisk(disk: number, bytesPerSecond: number): Promise<void> {
    const limit = {
      device: `drive${disk}`,
      bps: bytesPerSecond,
      bps_rd: 0,
      bps_wr: 0,
      iops: 0,
      iops_rd: 0,
      iops_wr: 0,
    };
    return this.#queue(async () => void (await this.#powered().qmp.execute('block_set_io_throttle', limit)));
  }

  bootFlags(): BootFlags {
    return flagsAt(this.#state.flags, this.#doors.clock.now());
  }

  /**
   * Keeps the flags and tells a running QEMU, so that a reset from inside the guest honours them too.
   * @param how `lasting`: they do not expire, as Redfish has it
   * @throws SIM_BOOT_DEVICE_UNSUPPORTED
   */
  setBootFlags(flags: BootFlags, how: { lasting?: boolean } = {}): Promise<void> {
    return this.#queue(async () => {
      await this.#endRestart();
      if (!bootDeviceSupported(flags, this.spec.cd))
        throw simErrors.make('SIM_BOOT_DEVICE_UNSUPPORTED', `${this.spec.name} cannot boot from ${flags.device}`);
      await this.#keep({ ...this.#state, flags: { flags, setAt: this.#doors.clock.now(), ...how } });
      await this.#arm();
      this.#expiry?.cancel();
      // A running machine must forget a one-time order in time, also when nobody asks.
      this.#expiry = this.#doors.clock.timer(
        BOOT_FLAGS_EXPIRE_MS + 10,
        () => this.#background(() => this.#arm()),
        true,
      );
    });
  }

  /**
   * Puts an ISO image in the CD drive, whatever was in there before.
   * @throws SIM_BOOT_DEVICE_UNSUPPORTED when the machine has no drive, SIM_QMP_REFUSED
   */
  insertCd(image: string): Promise<void> {
    return this.#queue(async () => {
      if (this.spec.cd !== true) {
        throw simErrors.make('SIM_BOOT_DEVICE_UNSUPPORTED', `${this.spec.name} has no CD drive`);
      }
      await this.#qemu?.qmp.execute('blockdev-change-medium', {
        id: 'cd0',
        filename: image,
        format: 'raw',
        force: true,
      });
      this.#cd = image;
    });
  }

  /** Also from under a guest that has locked it. Empty is fine. */
  ejectCd(): Promise<void> {
    return this.#queue(async () => {
      if (this.#cd === undefined) return;
      await this.#qemu?.qmp.execute('eject', { id: 'cd0', force: true });
      this.#cd = undefined;
    });
  }

  /** Calls `listener` at every change of power and start of the firmware. @returns ends it */
  watch(listener: (event: MachineChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Powers off and lets go of everything. */
  async close(): Promise<void> {
    this.#expiry?.cancel();
    await this.powerOff();
  }

  #powered(): QemuProcess {
    if (this.#qemu === undefined) throw simErrors.make('SIM_NOT_POWERED', `${this.spec.name} is powered off`);
    return this.#qemu;
  }

  async #start(): Promise<void> {
    if (this.#qemu !== undefined) return;
    const first = this.#plan().first;
    this.#armed = first;
    const { clock, log } = this.#doors;
    const started: QemuProcess = await QemuProcess.start({
      args: qemuArgs(this.spec, this.#doors.accelerator, first, this.#cd),
      dir: this.spec.dir,
      ...(this.spec.namespace === undefined ? {} : { namespace: this.spec.namespace }),
      clock,
      onEvent: (event) => this.#onEvent(event),
      onExit: (code) => this.#onExit(code),
    });
    this.#qemu = started;
    this.#poweredOnAt = clock.now();
    log.info('powered on', { pid: started.pid, first });
    this.#tell('on');
    await this.#booted({ powerOns: this.#state.powerOns + 1 });
  }

  async #stop(): Promise<void> {
    const qemu = this.#qemu;
    if (qemu === undefined) return;
    await this.#endRestart();
    await qemu.quit(this.#doors.clock);
    this.#qemu = undefined;
  }

  #onEvent(event: QmpEvent): void {
    // QEMU builds the firmware's boot list before it sends RESET: from here on the order is that of the boot after this.
    if (event.event !== 'RESET') return;
    this.#restarting?.cancel();
    this.#restarting = this.#doors.clock.timer(ONE_START_MS, () => this.#background(() => this.#endRestart()), true);
  }

  /** The resets so far were one start. */
  async #endRestart(): Promise<void> {
    if (this.#restarting === undefined) return;
    this.#restarting.cancel();
    this.#restarting = undefined;
    await this.#booted({});
  }

  #onExit(code: number | null): void {
    this.#qemu = undefined;
    this.#poweredOnAt = undefined;
    this.#background(() => this.#endRestart());
    this.#doors.log.info('powered off', { code });
    this.#tell('off');
  }

  /** A boot has just taken its order: count it, spend one-time flags, set the order of the next boot. */
  async #booted(more: { powerOns?: number }): Promise<void> {
    const kept = this.#state.flags;
    const flags = kept === undefined ? {} : { flags: { ...kept, flags: flagsAfterBoot(this.bootFlags()) } };
    this.#tell('boot');
    await this.#keep({ ...this.#state, ...more, ...flags, boots: this.#state.boots + 1 });
    await this.#arm();
  }

  #plan(): { first: BootFirst } {
    const plan = planBoot(this.bootFlags(), this.spec.firmware);
    if (plan.ignored !== undefined) this.#doors.log.warn(`boot override ignored: ${plan.ignored}`);
    return plan;
  }

  /** Makes QEMU's order for the next firmware start what the flags say now. */
  async #arm(): Promise<void> {
    const { first } = this.#plan();
    if (this.#qemu === undefined || first === this.#armed) return;
    await this.#moveBootIndex(BOOT_NIC_PATH, nicBootIndex, first);
    if (this.spec.cd === true) await this.#moveBootIndex(CD_PATH, cdBootIndex, first);
    this.#armed = first;
  }

  /** QEMU refuses an index that is taken, also when the device itself has it. */
  async #moveBootIndex(path: string, index: (first: BootFirst) => number, first: BootFirst): Promise<void> {
    const value = index(first);
    if (value === index(this.#armed)) return;
    await this.#qemu?.qmp.execute('qom-set', { path, property: 'bootindex', value });
  }

  #tell(event: MachineChange): void {
    for (const listener of this.#listeners) listener(event);
  }

  async #keep(state: MachineState): Promise<void> {
    this.#state = state;
    await writeMachineState(join(this.spec.dir, 'state.json'), state);
  }

  /** Queues work that nobody waits for. It fails only when QEMU ends under it, and then there is nothing left to do. */
  #background(work: () => Promise<void>): void {
    this.#queue(work).catch(() => {});
  }

  #queue<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work);
    this.#last = result.catch((error: unknown) => this.#doors.log.debug('command failed', { error: errorText(error) }));
    return result;
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

async function makeDisk(disk: DiskSpec): Promise<void> {
  if (await exists(disk.path)) return;
  await mkdir(dirname(disk.path), { recursive: true });
  if (disk.format === 'raw') {
    await writeFile(disk.path, '');
    await truncate(disk.path, disk.sizeBytes);
  } else await exec('qemu-img', ['create', '-q', '-f', disk.format, disk.path, String(disk.sizeBytes)]);
}
