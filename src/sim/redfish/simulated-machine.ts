import { createHash } from 'node:crypto';
import type { Clock, Timer } from '../../core/clock.ts';
import { simErrors } from '../errors.ts';
import type {
  BootMode,
  BootOrder,
  MachineAction,
  MachineEvent,
  MachineFacts,
  PowerState,
  RedfishMachine,
} from './machine-door.ts';

export interface MachineTiming {
  /** From the order to on, and to off, ms. */
  onMs: number;
  offMs: number;
  /** How long an operating system takes to shut down, ms. */
  shutdownMs: number;
  /** How long the firmware runs before it hands over, ms. */
  postMs: number;
}

export const QUICK: MachineTiming = { onMs: 20, offMs: 10, shutdownMs: 50, postMs: 50 };

export interface SimulatedMachineOptions {
  /** Gives all serial numbers and addresses: the same name makes the same machine. */
  name: string;
  clock: Clock;
  timing?: Partial<MachineTiming>;
  bootMode?: BootMode;
  facts?: Partial<MachineFacts>;
}

/** What one start of a machine did. */
export interface Boot {
  from: 'network' | 'disk' | 'cd' | 'http' | 'setup';
  mode: BootMode;
  /** Image that was in the drive. */
  media: string | undefined;
}

/** A machine that exists in memory only: a thousand of them fit in one process. */
export class SimulatedMachine implements RedfishMachine {
  readonly facts: MachineFacts;
  /** All starts, oldest first; the last 20. */
  readonly boots: Boot[] = [];
  readonly #clock: Clock;
  readonly #timing: MachineTiming;
  readonly #listeners = new Set<(event: MachineEvent) => void>();
  #power: PowerState = 'Off';
  #posting = false;
  #osSeen = false;
  #mode: BootMode;
  #order: BootOrder;
  #media: string | undefined;
  #timer: Timer | undefined;

  constructor(options: SimulatedMachineOptions) {
    this.#clock = options.clock;
    this.#timing = { ...QUICK, ...options.timing };
    this.#mode = options.bootMode ?? 'UEFI';
    this.#order = { device: 'none', persistent: false, mode: this.#mode };
    this.facts = { ...factsOf(options.name), ...options.facts };
  }

  power(): PowerState {
    return this.#power;
  }

  posting(): boolean {
    return this.#posting;
  }

  osSeen(): boolean {
    return this.#osSeen;
  }

  bootMode(): BootMode {
    return this.#mode;
  }

  bootOrder(): BootOrder {
    return this.#order;
  }

  setBootOrder(order: BootOrder): Promise<void> {
    this.#order = order;
    return Promise.resolve();
  }

  setBootMode(mode: BootMode): Promise<void> {
    this.#mode = mode;
    this.#order = { ...this.#order, mode };
    return Promise.resolve();
  }

  attach(url: string): Promise<void> {
    this.#media = url;
    return Promise.resolve();
  }

  detach(): Promise<void> {
    this.#media = undefined;
    return Promise.resolve();
  }

  watch(listener: (event: MachineEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): Promise<void> {
    this.#timer?.cancel();
    this.#listeners.clear();
    return Promise.resolve();
  }

  act(action: MachineAction): Promise<void> {
    const running = this.#power === 'On' || this.#power === 'PoweringOn';
    if (!running && action !== 'on' && action !== 'force-off') {
      return Promise.reject(simErrors.make('SIM_NOT_POWERED', `${this.facts.name} is powered off`));
    }
    switch (action) {
      case 'on':
        if (!running) this.#turnOn();
        break;
      case 'force-off':
        if (this.#power !== 'Off') this.#turnOff(this.#timing.offMs, false);
        break;
      case 'graceful-off':
        this.#turnOff(this.#timing.shutdownMs, false);
        break;
      case 'force-restart':
        this.#start();
        break;
      case 'graceful-restart':
        this.#turnOff(this.#timing.shutdownMs, true);
        break;
      case 'power-cycle':
        this.#turnOff(this.#timing.offMs, true);
        break;
      case 'nmi':
        break;
    }
    return Promise.resolve();
  }

  #turnOn(): void {
    this.#change('PoweringOn');
    this.#after(this.#timing.onMs, () => {
      this.#change('On');
      this.#start();
    });
  }

  #turnOff(ms: number, again: boolean): void {
    this.#posting = false;
    this.#change('PoweringOff');
    this.#after(ms, () => {
      this.#change('Off');
      if (again) this.#turnOn();
    });
  }

  /** The firmware starts, and some time later what it found. */
  #start(): void {
    this.#posting = true;
    this.#tell({ kind: 'boot' });
    const { device, persistent, mode } = this.#order;
    // An override for the other boot mode is ignored, as servers do.
    const wanted = device === 'none' || mode !== this.#mode ? 'disk' : device;
    const from = wanted === 'cd' && this.#media === undefined ? 'disk' : wanted;
    this.boots.push({ from, mode: this.#mode, media: this.#media });
    if (this.boots.length > 20) this.boots.shift();
    if (!persistent) this.#order = { device: 'none', persistent: false, mode: this.#mode };
    this.#after(this.#timing.postMs, () => {
      this.#posting = false;
      this.#osSeen = true;
    });
  }

  #change(state: PowerState): void {
    if (this.#power === state) return;
    this.#power = state;
    this.#tell({ kind: 'power', state });
  }

  #tell(event: MachineEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  #after(ms: number, work: () => void): void {
    this.#timer?.cancel();
    this.#timer = this.#clock.timer(ms, work, true);
  }
}

/** A two-socket server whose numbers come from its name. */
export function factsOf(name: string): MachineFacts {
  const hash = createHash('sha256').update(name).digest('hex');
  const mac = (n: number) =>
    `52:54:00:${hash.slice(0, 2)}:${hash.slice(2, 4)}:${hex(Number(`0x${hash.slice(4, 6)}`) + n)}`;
  const drive = (n: number) => ({
    id: `Disk.Bay.${n}`,
    bytes: 960_197_124_096,
    media: 'SSD' as const,
    protocol: 'SAS' as const,
    model: 'SIM960G',
    manufacturer: 'SIMDISK',
    serial: `${hash.slice(20, 28).toUpperCase()}D${n}`,
  });
  const cpu = { model: 'Intel(R) Xeon(R) Gold 6338 CPU @ 2.00GHz', cores: 32, threads: 64, mhz: 3200 };
  return {
    name,
    uuid: `${hash.slice(0, 8)}-${hash.slice(8, 12)}-4${hash.slice(13, 16)}-8${hash.slice(17, 20)}-${hash.slice(20, 32)}`,
    manufacturer: 'Ingot',
    model: 'Simulated machine',
    serial: hash.slice(40, 47).toUpperCase(),
    memory: Array.from({ length: 4 }, () => ({ mib: 32_768, speedMhz: 3200 })),
    cpus: [cpu, cpu],
    nics: [
      { mac: mac(0), model: 'Simulated 25GbE', speedMbps: 25_000 },
      { mac: mac(1), model: 'Simulated 25GbE', speedMbps: 25_000 },
    ],
    drives: [0, 1, 2, 3].map(drive),
  };
}

function hex(n: number): string {
  return (n & 0xff).toString(16).padStart(2, '0');
}
