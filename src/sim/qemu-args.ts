import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BootFirst } from './boot-order.ts';
import type { Accelerator, DiskSpec, MachineSpec, NicSpec } from './machine-spec.ts';

export const OVMF_CODE = '/usr/share/OVMF/OVMF_CODE_4M.fd';
export const OVMF_VARS = '/usr/share/OVMF/OVMF_VARS_4M.fd';

/** QOM path of the boot interface: its `bootindex` is what the BMC moves. */
export const BOOT_NIC_PATH = '/machine/peripheral/nic0';

/**
 * `bootindex` of the boot interface. The boot disk stays at 5; other disks and interfaces come after. QEMU refuses two
 * devices with one index, so that only one device moves and no swap through a third value is needed.
 */
export function nicBootIndex(first: BootFirst): number {
  return first === 'network' ? 0 : 8;
}

export const CD_PATH = '/machine/peripheral/cd0';

/** `bootindex` of the CD drive: before all, or after all that boots. */
export function cdBootIndex(first: BootFirst): number {
  return first === 'cd' ? 1 : 9;
}

const DISK_BOOT_INDEX = 5;
const OTHER_BOOT_INDEX = 16;

/** File of a machine's own UEFI variables (boot entries), a copy of the firmware's template. */
export function uefiVarsPath(spec: MachineSpec): string {
  return join(spec.dir, 'uefi-vars.fd');
}

/** File that gets everything the machine's first serial port says, over all its boots. */
export function consolePath(spec: MachineSpec): string {
  return join(spec.dir, 'console.log');
}

/** Longest path of a UNIX socket (sun_path), bytes. */
const MAX_SOCKET_PATH = 107;

/** Socket at which the machine's first serial port is to be had while it is on. */
export function consoleSocketPath(spec: MachineSpec): string {
  const path = join(spec.dir, 'console.sock');
  if (Buffer.byteLength(path) <= MAX_SOCKET_PATH) return path;
  return join(tmpdir(), `ingot-${createHash('sha256').update(path).digest('hex').slice(0, 16)}.sock`);
}

/** QEMU's name of the first serial port. */
export const CONSOLE_ID = 'console';

/** A socket for whoever wants to type, and a file that gets everything, also while nobody is connected. */
function consoleChardev(spec: MachineSpec): string {
  const socket = `socket,id=${CONSOLE_ID},path=${comma(consoleSocketPath(spec))},server=on,wait=off`;
  return `${socket},logfile=${comma(consolePath(spec))},logappend=on`;
}

/**
 * QEMU's arguments for one power-on of `spec`. The control channel (QMP) is on standard input and output: no socket
 * file to race for, and nothing left behind.
 * @param first what this boot tries first
 * @param cdImage what is in the CD drive, if the machine has one
 */
export function qemuArgs(spec: MachineSpec, accel: Accelerator, first: BootFirst, cdImage?: string): string[] {
  return [
    ['-name', `${spec.name},process=ingot-${spec.name}`.slice(0, 60)],
    ['-uuid', spec.uuid],
    ['-accel', accel === 'kvm' ? 'kvm' : 'tcg,thread=multi,tb-size=256'],
    // graphics=off: SeaBIOS, iPXE and GRUB then speak on the serial port, as a server's BIOS redirection does.
    ['-machine', 'q35,graphics=off'],
    ['-cpu', accel === 'kvm' ? 'host' : 'qemu64'],
    ['-m', String(spec.memoryMiB)],
    ['-smp', String(spec.cpus)],
    ['-nodefaults', '-no-user-config', '-display', 'none'],
    ['-smbios', `type=1,manufacturer=Ingot,product=Virtual machine,serial=${spec.name}`],
    ['-chardev', 'stdio,id=qmp,signal=off', '-mon', 'chardev=qmp,mode=control'],
    ['-chardev', consoleChardev(spec), '-serial', `chardev:${CONSOLE_ID}`],
    ['-object', 'rng-random,id=rng,filename=/dev/urandom', '-device', 'virtio-rng-pci,id=rng0,rng=rng'],
    ...(spec.firmware === 'uefi' ? uefiArgs(spec) : []),
    ...spec.nics.flatMap((nic, i) => nicArgs(nic, i, first)),
    ...spec.disks.flatMap(diskArgs),
    ...(spec.cd === true ? cdArgs(first, cdImage) : []),
    ...(spec.extraArgs ?? []),
  ].flat();
}

function uefiArgs(spec: MachineSpec): string[] {
  return [
    ['-drive', `if=pflash,format=raw,unit=0,readonly=on,file=${OVMF_CODE}`],
    ['-drive', `if=pflash,format=raw,unit=1,file=${comma(uefiVarsPath(spec))}`],
  ].flat();
}

function nicArgs(nic: NicSpec, index: number, first: BootFirst): string[] {
  const backend =
    nic.backend.kind === 'tap'
      ? `tap,id=net${index},ifname=${nic.backend.interface},script=no,downscript=no`
      : `user,id=net${index},restrict=on`;
  const bootindex = index === 0 ? nicBootIndex(first) : OTHER_BOOT_INDEX + index;
  const rom = nic.plainRom ? ',romfile=' : '';
  const device = `${nic.model},id=nic${index},netdev=net${index},mac=${nic.mac},bootindex=${bootindex}${rom}`;
  return ['-netdev', backend, '-device', device];
}

function diskArgs(disk: DiskSpec, index: number): string[] {
  // cache=unsafe: the lab's disks live as long as the lab, and syncing them to the host's disk costs more than the boot.
  const drive = `if=none,id=drive${index},file=${comma(disk.path)},format=${disk.format},cache=unsafe,discard=unmap`;
  const bootindex = index === 0 ? DISK_BOOT_INDEX : 2 * OTHER_BOOT_INDEX + index;
  const common = `id=disk${index},drive=drive${index},serial=${disk.serial},bootindex=${bootindex}`;
  switch (disk.model) {
    case 'virtio-blk':
      return ['-drive', drive, '-device', `virtio-blk-pci,${common}`];
    case 'nvme':
      return ['-drive', drive, '-device', `nvme,${common}`];
    case 'ahci':
      // q35 has its own AHCI controller with six ports, ide.0 to ide.5.
      return ['-drive', drive, '-device', `ide-hd,bus=ide.${index},${common}`];
  }
}

/** On the last of the six ports of q35's own controller. */
function cdArgs(first: BootFirst, image: string | undefined): string[] {
  const medium = image === undefined ? '' : `,file=${comma(image)},format=raw`;
  const drive = `if=none,id=cddrive,media=cdrom,readonly=on${medium}`;
  return ['-drive', drive, '-device', `ide-cd,id=cd0,bus=ide.5,drive=cddrive,bootindex=${cdBootIndex(first)}`];
}

/** QEMU's option syntax: a comma inside a value is written twice. */
function comma(value: string): string {
  return value.replaceAll(',', ',,');
}
