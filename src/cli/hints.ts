import { bmcErrors } from '../bmc/errors.ts';
import type { ErrorSpec } from '../core/errors.ts';
import { diskErrors } from '../disk/errors.ts';
import { hostErrors } from '../host/errors.ts';
import { imageErrors } from '../image/errors.ts';
import { provisionerErrors } from '../provisioner/errors.ts';

const SPECS: ReadonlyMap<string, ErrorSpec> = new Map(
  [bmcErrors, diskErrors, hostErrors, imageErrors, provisionerErrors].flatMap((table) => Object.entries(table.specs)),
);

/** What to do about an error code that a host may show. */
export function hintOf(code: string): string | undefined {
  return SPECS.get(code)?.hint;
}
