import { readFileSync } from 'node:fs';
import { KERNEL_ARGS } from '../agent-protocol/messages.ts';
import { DISK_LOADER_FILE } from './loaders.ts';

const TEMPLATES = new URL('../../pxe/', import.meta.url);
const templates = new Map(
  ['ramdisk.ipxe', 'wait.ipxe', 'disk.ipxe', 'entry.ipxe'].map((name) => [
    name,
    readFileSync(new URL(name, TEMPLATES), 'utf8'),
  ]),
);

/** Configuration of the GRUB that goes from the network to the disk. */
export const DISK_LOADER_CONFIG = new URL('disk-loader.cfg', TEMPLATES);

/** Everything an iPXE script may say; values are ours (URLs, names of hosts), never a machine's. */
export type BootScript =
  | {
      kind: 'ramdisk';
      host: string;
      attempt: number;
      kernelUrl: string;
      ramdiskUrl: string;
      scriptUrl: string;
      agentServer: string;
      /** `sha256:<hex>` */
      fingerprint: string;
      token: string;
      /** More kernel arguments, as one string: consoles and the like. */
      extra: string;
    }
  | { kind: 'wait'; host: string; reason: string; scriptUrl: string }
  /** `loaderBase` undefined: there is no disk loader, the firmware's order has to do. */
  | { kind: 'disk'; host: string; loaderBase: string | undefined };

/** The text of an iPXE script. Pure apart from templates read once. */
export function renderScript(script: BootScript): string {
  const host = words(script.host);
  switch (script.kind) {
    case 'ramdisk':
      return fill('ramdisk.ipxe', {
        ...script,
        host,
        attempt: String(script.attempt),
        arguments: kernelArguments(script),
      });
    case 'wait':
      return fill('wait.ipxe', { ...script, host, reason: words(script.reason) });
    case 'disk':
      return fill('disk.ipxe', { host, uefi: uefiDisk(script.loaderBase) });
  }
}

/**
 * The script that asks for the machine's own script, where a foreign DHCP server cannot tell its address.
 * @param base `http://10.77.0.1:8080`; may be made of iPXE's settings
 */
export function renderEntry(base: string): string {
  return fill('entry.ipxe', { base });
}

function kernelArguments(script: BootScript & { kind: 'ramdisk' }): string {
  return [
    script.extra,
    `${KERNEL_ARGS.server}=${script.agentServer}`,
    `${KERNEL_ARGS.fingerprint}=${script.fingerprint}`,
    `${KERNEL_ARGS.token}=${script.token}`,
  ]
    .filter((a) => a !== '')
    .join(' ');
}

/** The loader on the disk is tried first. Firmware that has not woken its disks restarts, by then told where to boot. */
function uefiDisk(loaderBase: string | undefined): string {
  const chain = loaderBase === undefined ? [] : [`chain --autofree ${loaderBase}/${DISK_LOADER_FILE} ||`];
  return [
    ...chain,
    'echo Ingot: this machine should boot its disk, but its firmware asks the network first.',
    'echo Ingot: its BMC has been told to boot the disk; restarting in 10 seconds.',
    'sleep 10',
    'reboot',
  ].join('\n');
}

function fill(name: string, values: Record<string, unknown>): string {
  const template = templates.get(name) ?? '';
  return template.replaceAll(/\{\{(\w+)\}\}/g, (_, key: string) => String(values[key]));
}

/** Words reach scripts that a machine executes: nothing in them may start a command or name a setting. */
function words(value: string): string {
  return value.replaceAll(/[^\w .,:/()-]/g, ' ');
}
