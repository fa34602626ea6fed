import { IngotError } from '../core/errors.ts';
import { bmcErrors } from './errors.ts';

type BmcCode = keyof typeof bmcErrors.specs;

/** What an error of the protocol means for the person who runs the host. */
const MEANING: Readonly<Record<string, BmcCode>> = {
  IPMI_SOCKET: 'BMC_UNREACHABLE',
  IPMI_TIMEOUT: 'BMC_UNREACHABLE',
  IPMI_SESSION_LOST: 'BMC_UNREACHABLE',
  IPMI_LOGIN_SILENT: 'BMC_AUTH_FAILED',
  IPMI_AUTH_FAILED: 'BMC_AUTH_FAILED',
  IPMI_NO_SUITE: 'BMC_INCOMPATIBLE',
  IPMI_NOT_V2: 'BMC_INCOMPATIBLE',
  IPMI_MALFORMED: 'BMC_INCOMPATIBLE',
  IPMI_BUSY: 'BMC_BUSY',
  IPMI_COMPLETION: 'BMC_COMMAND_REFUSED',
  IPMI_UNCERTAIN: 'BMC_UNCERTAIN',
  IPMI_CLOSED: 'BMC_CLOSED',
};

/** Protocol errors whose own hint says more than that of the BMC error. */
const KEEP_HINT: ReadonlySet<string> = new Set(['IPMI_LOGIN_SILENT', 'IPMI_NO_SUITE', 'IPMI_SOCKET', 'IPMI_TIMEOUT']);

/** A protocol error as an error about the BMC at `address`; everything else as it is. */
export function asBmcError(error: unknown, address: string): unknown {
  if (!(error instanceof IngotError)) return error;
  const code = MEANING[error.code];
  if (code === undefined) return error;
  return bmcErrors.make(code, `BMC ${address}: ${error.message}`, {
    cause: error,
    seen: { ...error.seen, protocolError: error.code },
    ...(KEEP_HINT.has(error.code) ? { hint: error.hint } : {}),
  });
}
