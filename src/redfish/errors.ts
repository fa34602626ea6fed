import { defineErrors } from '../core/errors.ts';

export const redfishErrors = defineErrors({
  REDFISH_UNREACHABLE: {
    blame: 'network',
    retry: true,
    hint: 'check power and network of the BMC, its address and port, and whether it speaks http or https',
  },
  REDFISH_TIMEOUT: { blame: 'network', retry: true, hint: 'the BMC took too long to answer; it is asked again later' },
  REDFISH_TLS_UNTRUSTED: {
    blame: 'user',
    retry: false,
    hint:
      'compare the fingerprint with the BMC’s own page, then pin it (annotation ingot.dev/bmc-fingerprint), or trust ' +
      'its CA (key ca.crt in the credentials Secret, or --bmc-ca), or set spec.bmc.disableCertificateVerification; ' +
      '`ingot bmc` takes --fingerprint, --ca and --insecure',
  },
  REDFISH_TLS_SETTINGS: {
    blame: 'user',
    retry: false,
    hint: 'a CA is one or more PEM certificates; a fingerprint is sha256: and 64 hexadecimal digits',
  },
  REDFISH_AUTH_FAILED: {
    blame: 'user',
    retry: false,
    hint: 'check username and password in the Secret, and that the account may use Redfish as administrator',
  },
  REDFISH_REFUSED: { blame: 'peer', retry: true, hint: 'see what the BMC answered' },
  REDFISH_BUSY: { blame: 'peer', retry: true, hint: 'the BMC is busy with something else; it is asked again later' },
  REDFISH_SESSIONS_FULL: {
    blame: 'peer',
    retry: true,
    hint:
      'end the sessions that nobody uses, on the BMC’s own page or by restarting the BMC (`ingot bmc restart-bmc`); it is ' +
      'asked again later',
  },
  REDFISH_NOT_FOUND: {
    blame: 'peer',
    retry: false,
    hint: 'check the path in spec.bmc.address; see what the BMC lists',
  },
  REDFISH_SYSTEM_NOT_FOUND: {
    blame: 'user',
    retry: false,
    hint: 'put the path of a system that the BMC has into spec.bmc.address: redfish://HOST/redfish/v1/Systems/ID',
  },
  REDFISH_SYSTEM_AMBIGUOUS: {
    blame: 'user',
    retry: false,
    hint: 'this BMC has several systems: put the path of one into spec.bmc.address',
  },
  REDFISH_MALFORMED: {
    blame: 'peer',
    retry: true,
    hint: 'this does not look like a Redfish service: check the port, or update the firmware of the BMC',
  },
  REDFISH_TOO_LARGE: { blame: 'peer', retry: false, hint: 'the BMC sent far more than any Redfish resource needs' },
  REDFISH_FOREIGN_LINK: {
    blame: 'peer',
    retry: false,
    hint: 'credentials are sent to the address in spec.bmc.address only: if the BMC has moved, write the new one there',
  },
  REDFISH_TASK_FAILED: { blame: 'peer', retry: true, hint: 'the BMC took the order and failed at it; see its log' },
  REDFISH_UNSUPPORTED: { blame: 'peer', retry: false, hint: 'this BMC does not offer that by Redfish' },
  REDFISH_LICENSE: {
    blame: 'user',
    retry: false,
    hint: 'put the licence in that the BMC asks for (Supermicro: SFT-OOB-LIC), or use its ipmi:// address',
  },
  REDFISH_RAID_MODE: {
    blame: 'user',
    retry: false,
    hint:
      'set the controller to RAID mode (`ingot bmc raid mode HOST CONTROLLER RAID`, then restart the machine), or leave ' +
      'hardware RAID out of the spec',
  },
  REDFISH_FOREIGN_DRIVES: {
    blame: 'user',
    retry: false,
    hint: 'clear it, and with it what is on those drives: `ingot bmc raid clear-foreign HOST CONTROLLER`',
  },
  REDFISH_RAID_OCCUPIED: {
    blame: 'peer',
    retry: true,
    hint: 'wait for the job of the controller, restart the machine when it waits for that, or cancel it (iDRAC: job queue)',
  },
  REDFISH_NOT_APPLIED: {
    blame: 'peer',
    retry: true,
    hint: 'the BMC took the change but does not read it back: check its settings, its lockdown mode and its firmware',
  },
  REDFISH_UNCERTAIN: {
    blame: 'network',
    retry: true,
    hint: 'the command may or may not have run; the state is read again before anything is repeated',
  },
  REDFISH_UPLOAD_CHANGED: {
    blame: 'user',
    retry: false,
    hint: 'the file changed while it was sent; nothing was flashed, since the BMC never got all of it',
  },
  REDFISH_CLOSED: { blame: 'ingot', retry: true, hint: 'the connection was closed while a request was waiting' },
});

/** A BMC's no, as `REDFISH_REFUSED` carries it in `seen`. */
export interface Refusal {
  status: number;
  /** MessageIds without their version: `Base.PropertyMissing`. */
  messageIds: readonly string[];
  texts: readonly string[];
}

/** Undefined for every other error. */
export function refusalOf(error: unknown): Refusal | undefined {
  if (!redfishErrors.is(error, 'REDFISH_REFUSED') && !redfishErrors.is(error, 'REDFISH_BUSY')) return undefined;
  const { status = 0, messageIds = [], texts = [] } = error.seen as Partial<Refusal>;
  return { status, messageIds, texts };
}
