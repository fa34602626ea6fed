import type { Bmc, BmcInfo, BootOverride, PowerAction, PowerState } from '../../src/bmc/bmc.ts';
import { type SimMedia, fetchIso } from './sim-media.ts';
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
  /** Undefined: its BMC has no virtual media. */
  media?: SimMedia;
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
    const boot = this.#bootSource();
    if (this.override.persistence === 'once') this.override = { ...this.override, device: 'none' };
    this.#work = boot(signal).catch((error: unknown) => {
      if (!signal.aborted) this.errors.push(error);
    });
  }

  #bootSource(): (signal: AbortSignal) => Promise<void> {
    const { device, httpUri } = this.override;
    if (device === 'pxe') return (signal) => this.#netboot(signal);
    const iso = device === 'http' ? httpUri : device === 'cdrom' ? this.media?.image : undefined;
    return iso === undefined ? () => this.#diskboot() : (signal) => this.#isoboot(iso, signal);
  }

  async #isoboot(url: string, signal: AbortSignal): Promise<void> {
    if (this.deaf) return;
    const text = await fetchIso(url);
    if (signal.aborted) return;
    if (text === undefined) return this.#diskboot();
    this.running = 'ramdisk';
    await new SimAgent(this.hardware, (task) => this.taskHook(task), signal).run(text);
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
