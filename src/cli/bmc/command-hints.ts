import { IngotError } from '../../core/errors.ts';

/**
 * What to do about an error of a BMC whose address was typed on the command line. The hints of the tables speak of host
 * objects and Secrets, which are not there then.
 */
const HINTS: Readonly<Record<string, string>> = {
  BMC_AUTH_FAILED: 'check username and password, and that the account may use this protocol as administrator',
  BMC_ADDRESS_INVALID: 'write ipmi://USER@HOST[:PORT] or redfish://USER@HOST[:PORT][/redfish/v1/Systems/ID]',
  BMC_SCHEME_UNKNOWN: 'write ipmi://USER@HOST[:PORT] or redfish://USER@HOST[:PORT][/redfish/v1/Systems/ID]',
  BMC_SYSTEM_NOT_FOUND: 'put the path of a system that it has behind the address: redfish://HOST/redfish/v1/Systems/ID',
  BMC_SYSTEM_AMBIGUOUS: 'put the path of one behind the address: redfish://HOST/redfish/v1/Systems/ID',
  BMC_TLS_UNTRUSTED:
    'compare the fingerprint with the BMC’s own page and give it with --fingerprint, or give its CA with --ca; --insecure believes anything',
  BMC_TLS_SETTINGS: 'correct --fingerprint or the file of --ca',
  BMC_QUIRK_UNKNOWN: 'correct --quirks: names separated by commas, -NAME takes one away',
  BMC_COMMAND_REFUSED: 'these are the words of the BMC; --trace FILE writes down all that was said',
};

/** The same error for somebody who has no host object. */
export function forCommandLine(error: unknown): unknown {
  if (!(error instanceof IngotError)) return error;
  const hint = Object.hasOwn(HINTS, error.code) ? HINTS[error.code] : undefined;
  if (hint === undefined) return error;
  const message = error.message
    .replace(/^spec\.bmc\.address /, '')
    .replace('annotation ingot.dev/bmc-quirks: ', '--quirks: ');
  const { blame, retry } = error;
  return new IngotError(error.code, { blame, retry, hint }, message, {
    // A hint made for the case knows better than one for the code.
    ...(error.code === 'BMC_COMMAND_REFUSED' && !/what the BMC answered/.test(error.hint) ? { hint: error.hint } : {}),
    seen: error.seen,
    cause: error,
  });
}
