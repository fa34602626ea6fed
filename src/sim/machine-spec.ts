/** What a virtual machine is made of. Fixed for the machine's life; what changes is in `machine-state.ts`. */
export type Firmware = 'bios' | 'uefi';

export type NicModel = 'virtio-net-pci' | 'e1000' | 'e1000e';

/** `tap`: an interface that exists in the machine's namespace. `user`: QEMU's own NAT, for machines without a lab. */
export type NicBackend = { kind: 'tap'; interface: string } | { kind: 'user' };

export interface NicSpec {
  mac: string;
  model: NicModel;
  backend: NicBackend;
  /**
   * The firmware's own network boot instead of the iPXE that QEMU puts on the card: what real machines do.
   * UEFI only; a BIOS machine has no other network boot than the card's.
   */
  plainRom: boolean;
}

export type DiskModel = 'virtio-blk' | 'nvme' | 'ahci';

export interface DiskSpec {
  path: string;
  format: 'raw' | 'qcow2';
  /** Made sparse with this size when the file is not there yet. */
  sizeBytes: number;
  serial: string;
  model: DiskModel;
}

export interface MachineSpec {
  name: string;
  /** SMBIOS UUID and IPMI GUID. */
  uuid: string;
  firmware: Firmware;
  memoryMiB: number;
  cpus: number;
  /** The first one is the boot interface. */
  nics: readonly NicSpec[];
  /** The first one is the boot disk. */
  disks: readonly DiskSpec[];
  /** Has a CD drive, empty at first: what virtual media of a Redfish BMC go into. */
  cd?: boolean;
  /** Holds console.log, qemu.log, state.json and the UEFI variables. */
  dir: string;
  /** Network namespace to run in. */
  namespace?: string;
  /** More QEMU arguments, last on its command line. */
  extraArgs?: readonly string[];
}

export type Accelerator = 'kvm' | 'tcg';
