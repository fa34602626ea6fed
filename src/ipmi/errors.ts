import { IngotError, defineErrors } from '../core/errors.ts';

export const ipmiErrors = defineErrors({
  IPMI_MALFORMED: { blame: 'peer', retry: false, hint: 'the packet breaks the IPMI 2.0 format; it is dropped' },
  IPMI_INTEGRITY: {
    blame: 'peer',
    retry: false,
    hint: 'the packet is not signed or encrypted with the keys of the session; it is dropped',
  },
  IPMI_SOCKET: { blame: 'network', retry: true, hint: 'check the name, the route and the UDP port of the BMC' },
  IPMI_TIMEOUT: {
    blame: 'network',
    retry: true,
    hint: 'check that the BMC has power, its network is reachable, and IPMI over LAN is enabled on UDP 623',
  },
  IPMI_LOGIN_SILENT: {
    blame: 'user',
    retry: true,
    hint: 'many BMCs stay silent when the user name is unknown: check it, and that the user may use IPMI over LAN',
  },
  IPMI_AUTH_FAILED: {
    blame: 'user',
    retry: false,
    hint: 'check user name and password, and the privilege of the user',
  },
  IPMI_NO_SUITE: {
    blame: 'peer',
    retry: false,
    hint: 'enable cipher suite 17 or 3 in the settings of the BMC',
  },
  IPMI_NOT_V2: {
    blame: 'peer',
    retry: false,
    hint: 'the BMC must speak IPMI 2.0 (lanplus); write ?protocol=1.5 into its address if it really is that old',
  },
  IPMI_NEEDS_V2: {
    blame: 'peer',
    retry: false,
    hint: 'a board that speaks IPMI 1.5 only has no standard serial over LAN: use a serial console server; where the BMC speaks 2.0, take ?protocol=1.5 out of its address',
  },
  IPMI_WEAK_AUTH: {
    blame: 'peer',
    retry: false,
    hint: 'enable MD5 authentication on the BMC; ?protocol=1.5 in its address allows the password to be sent in the clear; for "oem" there are the quirks supermicro-oem-auth and quanta-oem-auth',
  },
  IPMI_PASSWORD_TOO_LONG: {
    blame: 'user',
    retry: false,
    hint: 'IPMI 2.0 takes passwords of at most 20 bytes, IPMI 1.5 of at most 16: set a shorter one on the BMC',
  },
  IPMI_BUSY: {
    blame: 'peer',
    retry: true,
    hint: 'all sessions of the BMC are taken; stale ones end after about a minute',
  },
  IPMI_COMPLETION: { blame: 'peer', retry: false, hint: 'the BMC refused the command; see the completion code' },
  IPMI_SOL_REFUSED: { blame: 'peer', retry: true, hint: 'see the completion code with which the BMC refused' },
  IPMI_UNCERTAIN: {
    blame: 'network',
    retry: false,
    hint: 'the command may or may not have run: read the state before it is sent again',
  },
  IPMI_SESSION_LOST: { blame: 'network', retry: true, hint: 'the session is opened again with the next command' },
  IPMI_SATELLITE_SILENT: {
    blame: 'peer',
    retry: true,
    hint: 'the controller behind the BMC does not answer: it may be off, or at another address or channel',
  },
  IPMI_CLOSED: { blame: 'ingot', retry: false, hint: 'the BMC was closed while a command was waiting' },
  IPMI_NOT_IN_THIS_STATE: {
    blame: 'machine',
    retry: false,
    hint: 'the machine cannot do this in the power state it is in',
  },
});

/** The completion code with which a BMC refused a command; undefined for every other failure. */
export function completionOf(error: unknown): number | undefined {
  if (!(error instanceof IngotError)) return undefined;
  const code = error.seen['completion'];
  return typeof code === 'number' ? code : undefined;
}

/** Did the failure come from somebody between us and the one who was asked, or from its silence? */
export function isUnreached(error: unknown): boolean {
  if (ipmiErrors.is(error, 'IPMI_SATELLITE_SILENT')) return true;
  return error instanceof IngotError && error.seen['onTheWay'] === true;
}

/** What `read` gives; undefined when the BMC refuses it, or a controller behind it is silent: the thing is not to be had. Others are thrown. */
export async function unlessRefused<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (completionOf(error) === undefined && !ipmiErrors.is(error, 'IPMI_SATELLITE_SILENT')) throw error;
    return undefined;
  }
}
