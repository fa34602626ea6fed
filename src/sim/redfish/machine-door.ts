/** What a Redfish BMC needs of the machine it manages. `SimulatedMachine` lives in memory, `qemu-machine.ts` boots. */
export type PowerState = 'On' | 'Off' | 'PoweringOn' | 'PoweringOff';

export type MachineAction =
  | 'on'
  | 'force-off'
  | 'graceful-off'
  | 'force-restart'
  | 'graceful-restart'
  | 'power-cycle'
  | 'nmi';

export type BootDevice = 'none' | 'network' | 'disk' | 'cd' | 'http' | 'setup';

export type BootMode = 'UEFI' | 'Legacy';

/** One-time or lasting boot override. `none` is no override, whatever the rest says. */
export interface BootOrder {
  device: BootDevice;
  persistent: boolean;
  mode: BootMode;
  /** What UEFI HTTP boot loads; undefined: what DHCP says. */
  httpUri?: string;
}

export interface RedfishMachine {
  readonly facts: MachineFacts;
  power(): PowerState;
  /** The firmware runs and has not handed over to an operating system yet. */
  posting(): boolean;
  /** Has an operating system ever been started since the machine has mains? */
  osSeen(): boolean;
  /**
   * Resolves when the BMC would answer, which is before the machine has done it.
   * @throws SIM_NOT_POWERED where a machine that is off cannot do it
   */
  act(action: MachineAction): Promise<void>;
  bootOrder(): BootOrder;
  /** @throws SIM_BOOT_DEVICE_UNSUPPORTED */
  setBootOrder(order: BootOrder): Promise<void>;
  /** How the firmware boots now. */
  bootMode(): BootMode;
  /** The mode of the next start. @throws SIM_BOOT_DEVICE_UNSUPPORTED when this machine has no other mode */
  setBootMode(mode: BootMode): Promise<void>;
  /** Puts the image at `url` in the machine's CD drive. @throws SIM_MEDIA_FETCH */
  attach(url: string): Promise<void>;
  /** Nothing attached is fine. */
  detach(): Promise<void>;
  /** Called at every start of the firmware, before it looks for something to boot, and at every change of power. */
  watch(listener: (event: MachineEvent) => void): () => void;
  close(): Promise<void>;
}

export type MachineEvent = { kind: 'boot' } | { kind: 'power'; state: PowerState };

/** What the machine is made of. */
export interface MachineFacts {
  name: string;
  uuid: string;
  manufacturer: string;
  model: string;
  serial: string;
  /** Bytes of each module, in slot order. */
  memory: readonly { mib: number; speedMhz: number }[];
  cpus: readonly { model: string; cores: number; threads: number; mhz: number }[];
  /** The first is the one that boots from the network. */
  nics: readonly { mac: string; model: string; speedMbps: number }[];
  /** The first holds the operating system. */
  drives: readonly DriveFacts[];
}

/** Address of the BMC's own port: beside that of the first card. */
export function bmcMac(facts: MachineFacts): string {
  return facts.nics[0]?.mac.replace(/^52:54:00/, '52:54:01') ?? '52:54:01:00:00:01';
}

export interface DriveFacts {
  id: string;
  bytes: number;
  media: 'HDD' | 'SSD';
  protocol: 'SATA' | 'SAS' | 'NVMe';
  model: string;
  manufacturer: string;
  serial: string;
}
