import { join } from 'node:path';
import { labMachine } from '../../src/sim/lab-hosts.ts';
import type { Firmware } from '../../src/sim/machine-spec.ts';

/** A machine as a test describes it. */
export interface DomainOptions {
  name: string;
  firmware: Firmware;
  /** Default 768. */
  memoryMiB?: number;
  /** Default 4 GiB. Of no matter when the test has put a file at `DIR/NAME/disk0.raw`. */
  diskBytes?: number;
}

/** A machine as libvirt has it. */
export interface Domain {
  name: string;
  uuid: string;
  firmware: Firmware;
  mac: string;
  memoryMiB: number;
  dir: string;
  diskPath: string;
  diskBytes: number;
  diskSerial: string;
  consolePath: string;
}

const DEFAULT_MEMORY_MIB = 768;

/** Domain of lab `lab` in folder `dir`: names, addresses and files follow the same rule as the lab's own machines. */
export function labDomain(lab: string, dir: string, options: DomainOptions): Domain {
  const { name, firmware, memoryMiB = DEFAULT_MEMORY_MIB, diskBytes } = options;
  const disks = [diskBytes === undefined ? {} : { sizeBytes: diskBytes }];
  const machine = labMachine({ name: lab, dir, namespace: '' }, { name, firmware, memoryMiB, disks }, '');
  const [disk] = machine.disks;
  return {
    name,
    uuid: machine.uuid,
    firmware,
    mac: machine.nics[0]?.mac ?? '',
    memoryMiB,
    dir: machine.dir,
    diskPath: disk?.path ?? '',
    diskBytes: disk?.sizeBytes ?? 0,
    diskSerial: disk?.serial ?? '',
    consolePath: join(machine.dir, 'console.log'),
  };
}

/** Secure Boot off: QEMU's iPXE is not signed. */
const UEFI = `<firmware><feature enabled='no' name='secure-boot'/></firmware>`;

/**
 * libvirt's definition: software emulation, q35, one disk, one network card on `bridge`, a serial console into a file.
 * The disk comes first in the boot order, as in a server that was installed once; the network second.
 */
export function domainXml(domain: Domain, bridge: string): string {
  const { name, uuid, mac, firmware, memoryMiB } = domain;
  return `<domain type='qemu'>
  <name>${name}</name>
  <uuid>${uuid}</uuid>
  <memory unit='MiB'>${memoryMiB}</memory>
  <vcpu>1</vcpu>
  <os${firmware === 'uefi' ? ` firmware='efi'` : ''}>
    <type arch='x86_64' machine='q35'>hvm</type>
    ${firmware === 'uefi' ? UEFI : ''}
    <boot dev='hd'/>
    <boot dev='network'/>
    ${firmware === 'bios' ? `<bios useserial='yes'/>` : ''}
  </os>
  <features><acpi/></features>
  <cpu mode='custom' match='exact'><model>qemu64</model></cpu>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <disk type='file' device='disk'>
      <driver name='qemu' type='raw' cache='unsafe' discard='unmap'/>
      <source file='${domain.diskPath}'/>
      <target dev='vda' bus='virtio'/>
      <serial>${domain.diskSerial}</serial>
    </disk>
    <interface type='bridge'>
      <mac address='${mac}'/>
      <source bridge='${bridge}'/>
      <model type='virtio'/>
    </interface>
    <serial type='file'><source path='${domain.consolePath}' append='on'/></serial>
    <rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>
    <controller type='usb' model='none'/>
    <memballoon model='none'/>
  </devices>
</domain>
`;
}

/** What a definition boots from, in order, by either of the ways it can be said: in `<os>`, or at each device. */
export function bootDevicesOf(xml: string): string[] {
  const inOs = [...xml.matchAll(/<boot dev='(\w+)'\/>/g)].map(([, device]) => device ?? '');
  if (inOs.length > 0) return inOs;
  const devices = [...xml.matchAll(/<(disk|interface) (?:.(?!<\/\1>))*?<boot order='(\d+)'\/>/gs)];
  return devices
    .map(([text, kind, order]) => ({ order: Number(order), device: kind === 'disk' ? diskKind(text) : 'network' }))
    .toSorted((a, b) => a.order - b.order)
    .map(({ device }) => device);
}

function diskKind(element: string): string {
  return element.includes(`device='cdrom'`) ? 'cdrom' : 'hd';
}
