import type { HardwareDetails } from '../api/hardware.ts';
import { jsonObject } from '../api/annotations.ts';
import { applyDefaults } from '../api/validation/defaults.ts';
import { fieldErrorsText } from '../api/validation/field-error.ts';
import { prune } from '../api/validation/prune.ts';
import type { Schema } from '../api/validation/schema.ts';
import { validate } from '../api/validation/validate.ts';
import { hostErrors } from './errors.ts';

const text: Schema = { type: 'string' };
const integer: Schema = { type: 'integer' };
const flag: Schema = { type: 'boolean' };
const texts: Schema = { type: 'array', items: text };

function object(properties: Record<string, Schema>): Schema {
  return { type: 'object', properties };
}

function list(properties: Record<string, Schema>): Schema {
  return { type: 'array', items: object(properties) };
}

/** Members that Metal3's serialisation always writes are filled in. */
function always(properties: Record<string, Schema>): Schema {
  return { ...object(properties), default: {} };
}

/** HardwareDetails as a person may write them: every member optional, none unknown (metal3-compat §2.12 and §6). */
const DETAILS: Schema = object({
  systemVendor: always({ manufacturer: text, productName: text, serialNumber: text }),
  firmware: always({ bios: always({ vendor: text, version: text, date: text }) }),
  ramMebibytes: integer,
  nics: list({
    name: text,
    model: text,
    mac: { type: 'string', pattern: '[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}' },
    ip: text,
    speedGbps: integer,
    pxe: flag,
    pciAddress: text,
    vlanId: { type: 'integer', minimum: 0, maximum: 4094 },
    vlans: list({ id: { type: 'integer', minimum: 0, maximum: 4094 }, name: text }),
    lldp: object({ switchID: text, portID: text, switchSystemName: text }),
  }),
  storage: list({
    name: text,
    alternateNames: texts,
    rotational: flag,
    type: { type: 'string', enum: ['HDD', 'SSD', 'NVME'] },
    sizeBytes: integer,
    vendor: text,
    model: text,
    serialNumber: text,
    wwn: text,
    wwnVendorExtension: text,
    wwnWithExtension: text,
    hctl: text,
  }),
  cpu: always({ arch: text, model: text, clockMegahertz: { type: 'number' }, flags: texts, count: integer }),
  hostname: text,
});

/**
 * Reads the value of the hardwaredetails annotation.
 * @throws HOST_HARDWARE_ANNOTATION_INVALID naming the members that are wrong or unknown
 */
export function parseHardwareDetails(value: string): HardwareDetails {
  const fields = jsonObject(value);
  if (fields === undefined) throw invalid('it is not a JSON object');
  const unknown: string[] = [];
  const known = applyDefaults(prune(fields, DETAILS, unknown), DETAILS);
  if (unknown.length > 0) throw invalid(`unknown field ${unknown.slice(0, 5).join(', ')}`);
  const errors = validate(known, DETAILS);
  if (errors.length > 0) throw invalid(fieldErrorsText(errors.slice(0, 5)));
  return known as HardwareDetails;
}

function invalid(why: string) {
  const message = `annotation inspect.metal3.io/hardwaredetails is ignored: ${why}`;
  return hostErrors.make('HOST_HARDWARE_ANNOTATION_INVALID', message);
}
