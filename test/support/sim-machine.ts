import type { Bmc, BmcInfo, BootOverride, PowerAction, PowerState } from '../../src/bmc/bmc.ts';
import { SimAgent, type SimHardware, type TaskHook } from './sim-agent.ts';

/** What a machine finds on the network: the script for its MAC, or nothing. */
export type NetworkBoot = (mac: string) => Promise<string | undefined>;

/** A machine with a BMC, one NIC and disks. It boots what its BMC says and runs a SimAgent from the ramdisk's script. */
export class SimMachine implements Bmc {
  readonly address = 'ipmi://sim';
  readonly hardware: SimHardware;
  /** What it runs: `off`, `ramdisk`, `disk:<image digest>`, `nothing`. */
  running = 'off';
  override: BootOverride = { device: 'none', persistence: 'once', firmware: 'uefi' };
  /** Every write to the BMC, in order. */
  readonly writes: string[] = [];
  /** How often the BMC was asked for the power state. */
  powerReads = 0;
  /** Makes calls fail. */
  trouble: (() => void) | undefined;
  taskHook: TaskHook = () => {};
  /** Sees every script that the machine was given. */
  onScript: (script: string) => void = () => {};
  /** A machine that hangs in its firmware. */
  deaf = false;
  readonly errors: unknown[] = [];
  #network: NetworkBoot;
  #life = new AbortController();
  #work: Promise<void> = Promise.resolve();

  constructor(hardware: SimHardware, network: NetworkBoot) {
    this.hardware = hardware;
    this.#network = network;
  }

  set network(network: NetworkBoot) {
    this.#network = network;
  }

  verify(): Promise<BmcInfo> {
    this.trouble?.();
    return Promise.resolve({ protocol: 'simulated' });
  }

  powerState(): Promise<PowerState> {
    this.powerReads += 1;
    this.trouble?.();
    return Promise.resolve(this.running === 'off' ? 'off' : 'on');
  }

  async setPower(action: PowerAction): Promise<void> {
    this.trouble?.();
    this.writes.push(action);
    if (action !== 'on') await this.cutPower();
    if (action === 'on' || action === 'cycle' || action === 'reset') this.#boot();
  }

  bootOverride(): Promise<BootOverride> {
    return Promise.resolve(this.override);
  }

  setBootOverride(override: BootOverride): Promise<void> {
    this.trouble?.();
    this.writes.push(`boot ${override.device} ${override.persistence}`);
    this.override = override;
    return Promise.resolve();
  }

  async close(): Promise<void> {}

  /** The plug is pulled. */
  async cutPower(): Promise<void> {
    this.running = 'off';
    this.#life.abort();
    await this.#work;
  }

  /** The machine restarts by itself: a watchdog, a panic. */
  async crash(): Promise<void> {
    this.#life.abort();
    await this.#work;
    this.#boot();
  }

  #boot(): void {
    if (this.running !== 'off' && !this.#life.signal.aborted) return;
    this.#life = new AbortController();
    const { signal } = this.#life;
    this.running = 'firmware';
    const network = this.override.device === 'pxe';
    if (this.override.persistence === 'once') this.override = { ...this.override, device: 'none' };
    this.#work = (network ? this.#netboot(signal) : this.#diskboot()).catch((error: unknown) => {
      if (!signal.aborted) this.errors.push(error);
    });
  }

  async #netboot(signal: AbortSignal): Promise<void> {
    if (this.deaf) return;
    const script = await this.#network(this.hardware.mac);
    if (script === undefined) return this.#diskboot();
    this.onScript(script);
    if (!script.includes('ingot.token=')) return;
    this.running = 'ramdisk';
    await new SimAgent(this.hardware, (task) => this.taskHook(task), signal).run(script);
  }

  #diskboot(): Promise<void> {
    const image = this.hardware.disks.find((d) => d.image !== undefined)?.image;
    this.running = image === undefined ? 'nothing' : `disk:${image}`;
    return Promise.resolve();
  }
}
