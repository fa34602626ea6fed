import { IngotError } from '../core/errors.ts';
import { completionOf } from '../ipmi/errors.ts';
import { Completion } from '../ipmi/numbers.ts';
import { bmcErrors } from './errors.ts';

export type BmcCode = keyof typeof bmcErrors.specs;

/** What an error of the protocol means for the person who runs the host. */
const MEANING: Readonly<Record<string, BmcCode>> = {
  IPMI_SOCKET: 'BMC_UNREACHABLE',
  IPMI_TIMEOUT: 'BMC_UNREACHABLE',
  IPMI_SESSION_LOST: 'BMC_UNREACHABLE',
  IPMI_LOGIN_SILENT: 'BMC_AUTH_FAILED',
  IPMI_AUTH_FAILED: 'BMC_AUTH_FAILED',
  IPMI_PASSWORD_TOO_LONG: 'BMC_CREDENTIALS_INVALID',
  IPMI_NO_SUITE: 'BMC_INCOMPATIBLE',
  IPMI_WEAK_AUTH: 'BMC_INCOMPATIBLE',
  IPMI_NOT_V2: 'BMC_INCOMPATIBLE',
  IPMI_MALFORMED: 'BMC_INCOMPATIBLE',
  IPMI_BUSY: 'BMC_BUSY',
  IPMI_COMPLETION: 'BMC_COMMAND_REFUSED',
  IPMI_SOL_REFUSED: 'BMC_CONSOLE_REFUSED',
  IPMI_NEEDS_V2: 'BMC_UNSUPPORTED',
  IPMI_SATELLITE_SILENT: 'BMC_UNREACHABLE',
  IPMI_UNCERTAIN: 'BMC_UNCERTAIN',
  IPMI_CLOSED: 'BMC_CLOSED',
  REDFISH_UNREACHABLE: 'BMC_UNREACHABLE',
  REDFISH_TIMEOUT: 'BMC_UNREACHABLE',
  REDFISH_TLS_UNTRUSTED: 'BMC_TLS_UNTRUSTED',
  REDFISH_TLS_SETTINGS: 'BMC_TLS_SETTINGS',
  REDFISH_AUTH_FAILED: 'BMC_AUTH_FAILED',
  REDFISH_REFUSED: 'BMC_COMMAND_REFUSED',
  REDFISH_NOT_FOUND: 'BMC_COMMAND_REFUSED',
  REDFISH_TASK_FAILED: 'BMC_COMMAND_REFUSED',
  REDFISH_NOT_APPLIED: 'BMC_COMMAND_REFUSED',
  REDFISH_LICENSE: 'BMC_LICENSE',
  REDFISH_RAID_MODE: 'BMC_RAID_MODE',
  REDFISH_FOREIGN_DRIVES: 'BMC_RAID_FOREIGN',
  REDFISH_RAID_OCCUPIED: 'BMC_RAID_OCCUPIED',
  REDFISH_BUSY: 'BMC_BUSY',
  REDFISH_SESSIONS_FULL: 'BMC_BUSY',
  REDFISH_SYSTEM_NOT_FOUND: 'BMC_SYSTEM_NOT_FOUND',
  REDFISH_SYSTEM_AMBIGUOUS: 'BMC_SYSTEM_AMBIGUOUS',
  REDFISH_MALFORMED: 'BMC_INCOMPATIBLE',
  REDFISH_TOO_LARGE: 'BMC_INCOMPATIBLE',
  REDFISH_FOREIGN_LINK: 'BMC_INCOMPATIBLE',
  REDFISH_UNSUPPORTED: 'BMC_UNSUPPORTED',
  REDFISH_UNCERTAIN: 'BMC_UNCERTAIN',
  REDFISH_CLOSED: 'BMC_CLOSED',
};

/** Protocol errors whose own hint says more than that of the BMC error. */
const KEEP_HINT: ReadonlySet<string> = new Set([
  'IPMI_SOL_REFUSED',
  'IPMI_LOGIN_SILENT',
  'IPMI_NO_SUITE',
  'IPMI_NOT_V2',
  'IPMI_WEAK_AUTH',
  'IPMI_NEEDS_V2',
  'IPMI_SATELLITE_SILENT',
  'IPMI_PASSWORD_TOO_LONG',
  'IPMI_SOCKET',
  'IPMI_TIMEOUT',
  'REDFISH_UNREACHABLE',
  'REDFISH_TIMEOUT',
  'REDFISH_AUTH_FAILED',
  'REDFISH_SESSIONS_FULL',
  'REDFISH_REFUSED',
  'REDFISH_NOT_FOUND',
  'REDFISH_TASK_FAILED',
  'REDFISH_MALFORMED',
  'REDFISH_TOO_LARGE',
  'REDFISH_FOREIGN_LINK',
]);

/**
 * A protocol error as an error about the BMC at `address`; everything else as it is.
 * @param notApplied what a change that does not read back means here
 * @param service what messages of the protocol begin with instead, where several machines are behind one service
 */
export function asBmcError(error: unknown, address: string, notApplied?: BmcCode, service = address): unknown {
  if (!(error instanceof IngotError)) return error;
  const code = meaningOf(error, notApplied);
  if (code === undefined) return error;
  // Those of Redfish begin with an address already.
  const begin = [address, service].find((known) => error.message.startsWith(`${known}: `));
  const text = begin === undefined ? error.message : error.message.slice(begin.length + 2);
  return bmcErrors.make(code, `BMC ${address}: ${text}`, {
    cause: error,
    seen: { ...error.seen, protocolError: error.code },
    ...(KEEP_HINT.has(error.code) ? { hint: error.hint } : {}),
  });
}

function meaningOf(error: IngotError, notApplied: BmcCode | undefined): BmcCode | undefined {
  if (error.code === 'REDFISH_NOT_APPLIED' && notApplied !== undefined) return notApplied;
  // A BMC that does not know the command lacks what it is for: virtualbmc has no sensors, no log and no console.
  if (completionOf(error) === Completion.invalidCommand) return 'BMC_UNSUPPORTED';
  return MEANING[error.code];
}
