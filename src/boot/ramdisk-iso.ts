import { createHash } from 'node:crypto';
import { KERNEL_ARGS, RAMDISK_FILES } from '../agent-protocol/messages.ts';
import { packCpio } from '../disk/cpio.ts';
import { type IsoInfo, type IsoPatch, patchOf } from '../disk/iso-overlay.ts';
import { bootErrors } from './errors.ts';

/** What is on one machine's ISO and on no other. */
export interface IsoSettings {
  /** `https://10.77.0.1:8443` */
  agentServer: string;
  /** `sha256:<hex>` of the agent API's certificate. */
  fingerprint: string;
  token: string;
  /** The card to ask for an address, where it is known and there are no network data. */
  bootMac: string | undefined;
  kernelArguments: string;
  /** OpenStack's network_data.json, parsed; undefined: DHCP. */
  networkData: unknown;
}

/** One machine's ISO: the shared base with these bytes laid over it. */
export interface IsoContent {
  /** Strong entity tag, with its quotes. */
  etag: string;
  patches: IsoPatch[];
}

const LINE_FEED = 10;

/**
 * The parts of one machine, to be laid over the base. Pure: the same settings give the same bytes, so that a BMC may
 * fetch the ISO in any ranges, also over a restart of the server.
 * @throws BOOT_ISO_TOO_SMALL
 */
export function isoContent(info: IsoInfo, settings: IsoSettings): IsoContent {
  const config = Buffer.from(`set arguments=${quoted(settings.kernelArguments)}\n`);
  const entries = [{ path: RAMDISK_FILES.arguments.slice(1), data: agentArguments(settings) }];
  if (settings.networkData !== undefined) {
    entries.push({ path: RAMDISK_FILES.networkData.slice(1), data: `${JSON.stringify(settings.networkData)}\n` });
  }
  const archive = packCpio(
    entries.map(({ path, data }) => ({ path, kind: 'file', mode: 0o600, data: Buffer.from(data) }) as const),
  );
  // GRUB passes over empty lines; the kernel over zeros between archives.
  const patches = [patchOf(info.arguments, config, LINE_FEED), patchOf(info.host, archive, 0)];
  const whole = patches.filter((p) => p !== undefined);
  if (whole.length < patches.length) {
    const text = `kernel arguments (${config.length} bytes) or network data and settings (${archive.length} bytes) do not fit on the ISO (${info.arguments.bytes} and ${info.host.bytes} bytes)`;
    throw bootErrors.make('BOOT_ISO_TOO_SMALL', text);
  }
  const hash = createHash('sha256').update(info.sha256);
  for (const { data } of whole) hash.update(data);
  return { etag: `"${hash.digest('base64url').slice(0, 32)}"`, patches: whole };
}

function agentArguments(settings: IsoSettings): string {
  const { agentServer, fingerprint, token, bootMac } = settings;
  const lines = [
    `${KERNEL_ARGS.server}=${agentServer}`,
    `${KERNEL_ARGS.fingerprint}=${fingerprint}`,
    `${KERNEL_ARGS.token}=${token}`,
    ...(bootMac === undefined ? [] : [`${KERNEL_ARGS.bootif}=01-${bootMac.replaceAll(':', '-')}`]),
  ];
  return `${lines.join('\n')}\n`;
}

/** One word for GRUB's script: nothing in it is a variable or a command. */
function quoted(text: string): string {
  return `'${text.replaceAll(/[\r\n]/g, ' ').replaceAll("'", String.raw`'\''`)}'`;
}
