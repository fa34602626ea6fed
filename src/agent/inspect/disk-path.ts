/**
 * The names udev would give a disk under /dev/disk/by-path. The ramdisk has no udev; the same names are made from the
 * disk's place in sysfs (systemd: udev-builtin-path_id.c, rules in 60-persistent-storage.rules), so that hints written
 * for other ramdisks and names seen in the installed system fit.
 */
import { PCI_ADDRESS } from './nics.ts';

export interface DiskPathFacts {
  /** Real path of the block device: `/sys/devices/pci0000:00/0000:00:03.0/virtio1/block/vda`. */
  sysPath: string;
  /** NVMe namespace number (`nsid`), for NVMe disks. */
  namespaceId?: number;
  /** `port_no` of the ATA port, for disks behind one. */
  ataPort?: number;
  /** Lowest `hostN` beside this disk's SCSI host: host numbers in by-path names count from it. */
  firstHost?: number;
}

/** by-path names without the folder, the one that counts first; empty when the bus is one that is not understood. */
export function byPathNames(facts: DiskPathFacts): string[] {
  const parts = facts.sysPath.split('/');
  const pciIndex = parts.findLastIndex((p) => PCI_ADDRESS.test(p));
  if (pciIndex < 0) return [];
  const pci = `pci-${parts[pciIndex]}`;
  const below = parts.slice(pciIndex + 1);
  if (facts.namespaceId !== undefined) return [`${pci}-nvme-${facts.namespaceId}`];
  const scsi = below.find((p) => /^\d+:\d+:\d+:\d+$/.test(p));
  if (scsi !== undefined) return scsiNames(pci, below, scsi, facts);
  // virtio-blk: the PCI function alone is the disk; the second name is udev's old one.
  if (below[0]?.startsWith('virtio') === true) return [pci, `virtio-${pci}`];
  return [];
}

function scsiNames(pci: string, below: readonly string[], hctl: string, facts: DiskPathFacts): string[] {
  const [host = 0, channel = 0, target = 0, lun = 0] = hctl.split(':').map(Number);
  if (facts.ataPort !== undefined) {
    const address = channel === 0 ? `${facts.ataPort}.${target}` : `${facts.ataPort}.${channel}.0`;
    return [`${pci}-ata-${address}`, `${pci}-ata-${facts.ataPort}`];
  }
  // Fabrics are named by world-wide port names and session data, not by SCSI address.
  if (below.some((p) => /^(rport-|session\d|end_device-|expander-)/.test(p))) return [];
  const usb = usbInterface(below);
  const tail = `scsi-${host - (facts.firstHost ?? host)}:${channel}:${target}:${lun}`;
  return usb === undefined ? [`${pci}-${tail}`] : [`${pci}-usb-0:${usb}-${tail}`];
}

/** `1-2.3:1.0` in the path → `2.3:1.0`: the port chain without the bus number, then configuration and interface. */
function usbInterface(below: readonly string[]): string | undefined {
  return below.map((p) => /^\d+-([\d.]+:\d+\.\d+)$/.exec(p)?.[1]).find((p) => p !== undefined);
}
