import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { Personality } from './redfish/personality.ts';
import type { DiskModel, DiskSpec, Firmware, MachineSpec, NicModel } from './machine-spec.ts';

/** One machine of a lab as its owner describes it. */
export interface LabHostOptions {
  name: string;
  firmware: Firmware;
  /** Default 1024. */
  memoryMiB?: number;
  /** Default 1. */
  cpus?: number;
  /** Default virtio-net-pci. */
  nic?: NicModel;
  /** UEFI: boot by the firmware's own PXE instead of the card's iPXE. Default false. */
  plainRom?: boolean;
  /** Default: one virtio disk of 4 GiB. */
  disks?: readonly { sizeBytes?: number; model?: DiskModel; format?: 'raw' | 'qcow2' }[];
  extraArgs?: readonly string[];
  /** A Redfish BMC of this vendor beside the IPMI one, with a CD drive for its virtual media. */
  redfish?: Personality;
}

const DEFAULT_DISK_BYTES = 4 * 2 ** 30;

/** IPMI's usual port is 623; the lab's BMCs share one address and count up from here. */
export const FIRST_BMC_PORT = 6230;

/** Machine number `index` of lab `lab`. Names give the addresses: the same lab has the same MACs and UUIDs each time. */
export function labMachine(
  lab: { name: string; dir: string; namespace: string },
  host: LabHostOptions,
  tap: string,
): MachineSpec {
  const identity = createHash('sha256').update(`${lab.name}/${host.name}`).digest();
  const dir = join(lab.dir, host.name);
  return {
    name: host.name,
    uuid: uuidFrom(identity),
    firmware: host.firmware,
    memoryMiB: host.memoryMiB ?? 1024,
    cpus: host.cpus ?? 1,
    nics: [
      {
        mac: macFrom(identity),
        model: host.nic ?? 'virtio-net-pci',
        backend: { kind: 'tap', interface: tap },
        plainRom: host.plainRom ?? false,
      },
    ],
    disks: (host.disks ?? [{}]).map((disk, i) => labDisk(dir, identity, disk, i)),
    ...(host.redfish === undefined ? {} : { cd: true }),
    dir,
    namespace: lab.namespace,
    ...(host.extraArgs === undefined ? {} : { extraArgs: host.extraArgs }),
  };
}

function labDisk(
  dir: string,
  identity: Uint8Array,
  disk: { sizeBytes?: number; model?: DiskModel; format?: 'raw' | 'qcow2' },
  index: number,
): DiskSpec {
  const format = disk.format ?? 'raw';
  return {
    path: join(dir, `disk${index}.${format}`),
    format,
    sizeBytes: disk.sizeBytes ?? DEFAULT_DISK_BYTES,
    serial: `LAB${hex(identity.subarray(8, 12)).toUpperCase()}D${index}`,
    model: disk.model ?? 'virtio-blk',
  };
}

/** 52:54:00 is the range that virtual machines use. */
function macFrom(identity: Uint8Array): string {
  return ['52', '54', '00', ...[...identity.subarray(16, 19)].map((b) => hex(Uint8Array.of(b)))].join(':');
}

/** RFC 9562 version 8: a UUID made by a rule of one's own. */
function uuidFrom(identity: Uint8Array): string {
  const text = hex(identity.subarray(0, 16));
  const parts = [
    text.slice(0, 8),
    text.slice(8, 12),
    `8${text.slice(13, 16)}`,
    `8${text.slice(17, 20)}`,
    text.slice(20),
  ];
  return parts.join('-');
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
