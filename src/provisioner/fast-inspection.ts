import type { HardwareDetails, HardwareNic, HardwareStorage } from '../api/hardware.ts';
import type { Inventory, StorageDrive } from '../bmc/capabilities.ts';
import { Deadline } from '../core/deadline.ts';
import { troubled } from './operation.ts';
import type { Outcome } from './provisioner.ts';
import { type Run, unsupported } from './run.ts';

/** `inspectionMode: fast`: what the BMC knows, in seconds and without a boot (metal3-compat §2.12). */
export async function inspectFast(run: Run): Promise<Outcome<{ details: HardwareDetails }>> {
  const { doors, context } = run;
  try {
    using deadline = new Deadline(doors.clock, 'the BMC to list the hardware', doors.limits.inspectMs, context.signal);
    const bmc = await doors.bmcs.get(context);
    if (bmc.inspection === undefined) {
      return unsupported(`spec.inspectionMode fast needs a Redfish BMC; ${bmc.address} does not list its hardware`);
    }
    const details = hardwareOf(await bmc.inspection.inventory(deadline.signal), run.host.spec.bootMACAddress);
    run.see('bmc', 'inspected-out-of-band', 'the BMC listed the hardware');
    return { kind: 'done', details };
  } catch (error) {
    const result = await troubled(run, error, 'the BMC to list the hardware');
    if (result.kind === 'failed') return result;
    return { kind: 'continue', requeueMs: result.kind === 'again' ? result.ms : 0, dirty: false };
  }
}

/**
 * HardwareDetails of what a BMC knows: no addresses, host name, hctl or by-path, which only an OS can tell. Pure.
 * @param bootMac marks the card that boots
 */
export function hardwareOf(found: Inventory, bootMac: string | undefined): HardwareDetails {
  const { manufacturer, product, serialNumber, bios, cpu, ramMebibytes } = found;
  const nics = found.nics.map((nic) => nicOf(nic, bootMac?.toLowerCase()));
  const storage = found.drives.map(driveOf);
  return {
    systemVendor: defined({ manufacturer, productName: product, serialNumber }),
    firmware: { bios: defined(bios) },
    ...defined({ ramMebibytes }),
    ...(nics.length === 0 ? {} : { nics }),
    ...(storage.length === 0 ? {} : { storage }),
    cpu: defined({ arch: cpu.arch, model: cpu.model, clockMegahertz: cpu.megahertz, count: cpu.threads }),
  };
}

function nicOf(nic: Inventory['nics'][number], bootMac: string | undefined): HardwareNic {
  const speedGbps = nic.speedMbps === undefined ? 0 : Math.floor(nic.speedMbps / 1000);
  return {
    ...defined({ name: nic.name, model: nic.model }),
    mac: nic.mac,
    ...(speedGbps > 0 ? { speedGbps } : {}),
    ...(nic.mac === bootMac ? { pxe: true } : {}),
  };
}

function driveOf(drive: StorageDrive): HardwareStorage {
  const { name, rotational, media, bytes, manufacturer, model, serialNumber } = drive;
  return {
    name,
    ...(rotational === true ? { rotational } : {}),
    ...defined({ type: media, sizeBytes: bytes, vendor: manufacturer, model, serialNumber }),
  };
}

/** Without keys whose value is undefined. */
function defined<T extends object>(object: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as never;
}
