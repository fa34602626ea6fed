/** Numbers of IPMI v2.0 rev. 1.1 used by both sides. */

/** Network functions of requests; responses use the next odd number (§5.1). */
export const NetFn = {
  chassis: 0x00,
  sensor: 0x04,
  app: 0x06,
  storage: 0x0a,
  transport: 0x0c,
  groupExtension: 0x2c,
} as const;

/** Addresses of the BMC and of a remote console in LAN messages (§13.8). */
export const BMC_ADDRESS = 0x20;
export const CONSOLE_ADDRESS = 0x81;

/** "The channel this request came in on" (§6.3). */
export const THIS_CHANNEL = 0x0e;

/** RMCP+ payload types (§13.27.3). */
export const PayloadType = {
  ipmi: 0x00,
  /** Serial over LAN. */
  sol: 0x01,
  openSessionRequest: 0x10,
  openSessionResponse: 0x11,
  rakp1: 0x12,
  rakp2: 0x13,
  rakp3: 0x14,
  rakp4: 0x15,
} as const;

/** Privilege levels (§6.8). */
export const Privilege = { callback: 1, user: 2, operator: 3, administrator: 4 } as const;

export type PrivilegeName = keyof typeof Privilege;

/** A user without access to the channel (§22.26). */
export const NO_ACCESS = 0x0f;

export function privilegeName(level: number): string {
  if (level === NO_ACCESS) return 'no access';
  return Object.entries(Privilege).find(([, n]) => n === level)?.[0] ?? `level ${level}`;
}

/** Completion codes (§5.2), the generic ones. */
export const Completion = {
  ok: 0x00,
  /** Boot options: parameter not supported. Set Session Privilege: level not available. */
  parameterNotSupported: 0x80,
  nodeBusy: 0xc0,
  invalidCommand: 0xc1,
  timeout: 0xc3,
  outOfSpace: 0xc4,
  reservationCancelled: 0xc5,
  lengthInvalid: 0xc7,
  lengthExceeded: 0xc8,
  outOfRange: 0xc9,
  cannotReturnBytes: 0xca,
  notPresent: 0xcb,
  invalidField: 0xcc,
  noResponse: 0xce,
  duplicate: 0xcf,
  initializing: 0xd2,
  insufficientPrivilege: 0xd4,
  notInThisState: 0xd5,
  unspecified: 0xff,
} as const;

const COMPLETION_TEXT: Record<number, string> = {
  0x80: 'parameter not supported',
  0x81: 'parameter is read-only or level not available',
  0x82: 'write to read-only parameter',
  0xc0: 'node busy',
  0xc1: 'invalid command',
  0xc2: 'command invalid for this LUN',
  0xc3: 'timeout while processing',
  0xc4: 'out of space',
  0xc5: 'reservation cancelled',
  0xc7: 'request data length invalid',
  0xc8: 'request data too long',
  0xc9: 'parameter out of range',
  0xca: 'cannot return that many bytes',
  0xcb: 'requested thing not present',
  0xcc: 'invalid data field in request',
  0xcd: 'command illegal for this sensor or record',
  0xce: 'response could not be provided',
  0xcf: 'duplicated request',
  0xd0: 'SDR repository in update mode',
  0xd1: 'device in firmware update mode',
  0xd2: 'BMC initialization in progress',
  0xd3: 'destination unavailable',
  0xd4: 'insufficient privilege',
  0xd5: 'not supported in the present state',
  0xd6: 'parameter disabled',
  0xff: 'unspecified error',
};

export function completionText(code: number): string {
  return `0x${code.toString(16).padStart(2, '0')} (${COMPLETION_TEXT[code] ?? 'device specific'})`;
}

/** RMCP+ and RAKP status codes (§13.24, table 13-15). */
export const RakpStatus = {
  ok: 0x00,
  insufficientResources: 0x01,
  invalidSessionId: 0x02,
  invalidPayloadType: 0x03,
  invalidAuthentication: 0x04,
  invalidIntegrity: 0x05,
  inactiveSession: 0x08,
  invalidRole: 0x09,
  unauthorizedRole: 0x0a,
  unauthorizedName: 0x0d,
  invalidIntegrityCheck: 0x0f,
  invalidConfidentiality: 0x10,
  noCipherMatch: 0x11,
  illegalParameter: 0x12,
} as const;

const STATUS_TEXT: Record<number, string> = {
  0x01: 'insufficient resources for a session',
  0x02: 'invalid session id',
  0x03: 'invalid payload type',
  0x04: 'invalid authentication algorithm',
  0x05: 'invalid integrity algorithm',
  0x06: 'no matching authentication payload',
  0x07: 'no matching integrity payload',
  0x08: 'inactive session id',
  0x09: 'invalid role',
  0x0a: 'unauthorized role or privilege level',
  0x0b: 'insufficient resources for this role',
  0x0c: 'invalid name length',
  0x0d: 'unauthorized name',
  0x0e: 'unauthorized GUID',
  0x0f: 'invalid integrity check value',
  0x10: 'invalid confidentiality algorithm',
  0x11: 'no matching cipher suite',
  0x12: 'illegal parameter',
};

export function statusText(status: number): string {
  return `0x${status.toString(16).padStart(2, '0')} (${STATUS_TEXT[status] ?? 'unknown status'})`;
}
