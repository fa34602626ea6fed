import { z } from 'zod';
import type { HardwareDetails } from '../api/hardware.ts';
import { hostErrors } from './errors.ts';

const text = z.string().optional();
const number = z.number().optional();
const flag = z.boolean().optional();

const Nic = z.strictObject({
  name: text,
  model: text,
  mac: text,
  ip: text,
  speedGbps: number,
  pxe: flag,
  pciAddress: text,
  vlanId: number,
  vlans: z.array(z.strictObject({ id: number, name: text })).optional(),
  lldp: z.strictObject({ switchID: text, portID: text, switchSystemName: text }).optional(),
});

const Storage = z.strictObject({
  name: text,
  alternateNames: z.array(z.string()).optional(),
  rotational: flag,
  type: z.enum(['HDD', 'SSD', 'NVME']).optional(),
  sizeBytes: number,
  vendor: text,
  model: text,
  serialNumber: text,
  wwn: text,
  wwnVendorExtension: text,
  wwnWithExtension: text,
  hctl: text,
});

/** HardwareDetails as a person may write them: every member optional, none unknown (metal3-compat §2.12). */
const Details = z.strictObject({
  systemVendor: z.strictObject({ manufacturer: text, productName: text, serialNumber: text }).default({}),
  firmware: z
    .strictObject({ bios: z.strictObject({ vendor: text, version: text, date: text }).default({}) })
    .default({ bios: {} }),
  ramMebibytes: number,
  nics: z.array(Nic).optional(),
  storage: z.array(Storage).optional(),
  cpu: z
    .strictObject({
      arch: text,
      model: text,
      clockMegahertz: number,
      flags: z.array(z.string()).optional(),
      count: number,
    })
    .default({}),
  hostname: text,
});

/**
 * Reads the value of the hardwaredetails annotation.
 * @throws HOST_HARDWARE_ANNOTATION_INVALID naming the path of the first wrong member
 */
export function parseHardwareDetails(value: string): HardwareDetails {
  let json: unknown;
  try {
    json = JSON.parse(value);
  } catch (cause) {
    throw invalid('it is not JSON', cause);
  }
  const result = Details.safeParse(json);
  if (!result.success) {
    const issue = result.error.issues[0];
    const path = issue?.path.join('.') ?? '';
    throw invalid(`${path === '' ? '' : `${path}: `}${issue?.message ?? 'unknown form'}`, result.error);
  }
  // zod writes absent members as absent, which its types cannot say.
  return result.data as HardwareDetails;
}

function invalid(why: string, cause: unknown) {
  const message = `annotation inspect.metal3.io/hardwaredetails is ignored: ${why}`;
  return hostErrors.make('HOST_HARDWARE_ANNOTATION_INVALID', message, { cause });
}
