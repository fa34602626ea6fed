import type { DiskFacts } from '../../agent-protocol/messages.ts';
import type { HardwareStorage } from '../../api/hardware.ts';
import { byPathNames } from './disk-path.ts';
import { optional } from './system.ts';
import { type Tree, byNaturalName, readNumber, readText } from './tree.ts';
import { type Wwn, parseVpd80, parseVpd83 } from './wwn.ts';

/** A disk, with the other names udev would give it. */
export interface InspectedDisk extends DiskFacts {
  /** Further /dev/disk/by-path names. */
  moreByPaths: string[];
}

const BY_PATH = '/dev/disk/by-path/';
/** /sys counts in 512 bytes whatever the disk's sectors are. */
const SYSFS_SECTOR = 512;

/** All disks that may be written: real hardware, with a medium, neither removable nor read-only. By name. */
export async function readDisks(tree: Tree): Promise<InspectedDisk[]> {
  const disks: InspectedDisk[] = [];
  for (const name of (await tree.list('/sys/block')).sort(byNaturalName)) {
    const sysPath = await tree.real(`/sys/block/${name}`);
    if (sysPath !== undefined && (await mayBeWritten(tree, name, sysPath)))
      disks.push(await readDisk(tree, name, sysPath));
  }
  return disks;
}

async function mayBeWritten(tree: Tree, name: string, sysPath: string): Promise<boolean> {
  if (sysPath.startsWith('/sys/devices/virtual/') || /^(sr|fd|loop|ram|zram)\d/.test(name)) return false;
  const [size, readOnly, removable] = await Promise.all(
    ['size', 'ro', 'removable'].map((f) => readNumber(tree, `/sys/block/${name}/${f}`)),
  );
  return (size ?? 0) > 0 && readOnly === 0 && removable === 0;
}

async function readDisk(tree: Tree, name: string, sysPath: string): Promise<InspectedDisk> {
  const dir = `/sys/block/${name}`;
  const hctl = sysPath.split('/').findLast((p) => /^\d+:\d+:\d+:\d+$/.test(p));
  const [byPath, ...moreByPaths] = await pathsOf(tree, dir, sysPath, hctl);
  const size = (await readNumber(tree, `${dir}/size`)) ?? 0;
  return {
    name: `/dev/${name}`,
    ...optional('byPath', byPath),
    moreByPaths,
    sizeBytes: size * SYSFS_SECTOR,
    logicalSectorBytes: (await readNumber(tree, `${dir}/queue/logical_block_size`)) ?? SYSFS_SECTOR,
    rotational: (await readNumber(tree, `${dir}/queue/rotational`)) === 1,
    ...optional('model', await readText(tree, `${dir}/device/model`)),
    ...optional('vendor', await readText(tree, `${dir}/device/vendor`)),
    ...optional('serial', await serialOf(tree, dir)),
    ...(await wwnOf(tree, dir)),
    ...optional('hctl', hctl),
  };
}

async function pathsOf(tree: Tree, dir: string, sysPath: string, hctl: string | undefined): Promise<string[]> {
  const namespaceId = /\/nvme\d/.test(sysPath) ? await readNumber(tree, `${dir}/nsid`) : undefined;
  const names = byPathNames({
    sysPath,
    ...optional('namespaceId', namespaceId),
    ...(hctl === undefined
      ? {}
      : {
          ...optional('ataPort', await ataPort(tree, sysPath)),
          ...optional('firstHost', await firstHost(tree, sysPath)),
        }),
  });
  return names.map((n) => `${BY_PATH}${n}`);
}

/** `…/ata3/host2/…` → `port_no` of ata3, which counts the controller's ports from 1. */
async function ataPort(tree: Tree, sysPath: string): Promise<number | undefined> {
  const port = /^(.*\/(ata\d+))\//.exec(sysPath);
  return port === null ? undefined : readNumber(tree, `${port[1]}/ata_port/${port[2]}/port_no`);
}

async function firstHost(tree: Tree, sysPath: string): Promise<number | undefined> {
  const parent = /^(.*)\/host\d+\//.exec(sysPath)?.[1];
  if (parent === undefined) return undefined;
  const hosts = (await tree.list(parent)).map((n) => /^host(\d+)$/.exec(n)?.[1]).filter((n) => n !== undefined);
  return hosts.length === 0 ? undefined : Math.min(...hosts.map(Number));
}

/** virtio-blk says it at the disk, NVMe at the controller, SCSI and ATA in a page of their own. */
async function serialOf(tree: Tree, dir: string): Promise<string | undefined> {
  const page = await tree.bytes(`${dir}/device/vpd_pg80`);
  const fromPage = page === undefined ? undefined : parseVpd80(page);
  return fromPage ?? (await readText(tree, `${dir}/serial`)) ?? (await readText(tree, `${dir}/device/serial`));
}

async function wwnOf(tree: Tree, dir: string): Promise<Wwn> {
  const page = await tree.bytes(`${dir}/device/vpd_pg83`);
  if (page !== undefined) return parseVpd83(page);
  const wwid = await readText(tree, `${dir}/wwid`);
  return wwid === undefined ? {} : { wwn: wwid };
}

/** HardwareDetails entry (metal3-compat §6): named by its by-path link when there is one. */
export function storageDetails(disk: InspectedDisk): HardwareStorage {
  const type = disk.rotational ? 'HDD' : disk.name.startsWith('/dev/nvme') ? 'NVME' : 'SSD';
  return {
    name: disk.byPath ?? disk.name,
    alternateNames: [disk.name, ...(disk.byPath === undefined ? [] : [disk.byPath]), ...disk.moreByPaths],
    ...(disk.rotational ? { rotational: true } : {}),
    type,
    sizeBytes: disk.sizeBytes,
    ...optional('vendor', disk.vendor),
    ...optional('model', disk.model),
    ...optional('serialNumber', disk.serial),
    ...optional('wwn', disk.wwn),
    ...optional('wwnVendorExtension', disk.wwnVendorExtension),
    ...optional('wwnWithExtension', disk.wwnWithExtension),
    ...optional('hctl', disk.hctl),
  };
}

/** The disk as the protocol has it. */
export function diskFacts(disk: InspectedDisk): DiskFacts {
  const { moreByPaths, ...facts } = disk;
  return { ...facts, ...(moreByPaths.length === 0 ? {} : { byPathAlternates: moreByPaths }) };
}
