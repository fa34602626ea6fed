import { defineErrors } from '../core/errors.ts';

export const bmcErrors = defineErrors({
  BMC_ADDRESS_INVALID: {
    blame: 'user',
    retry: false,
    hint: 'write spec.bmc.address like ipmi://192.0.2.10 or redfish://192.0.2.10/redfish/v1/Systems/1',
  },
  BMC_SCHEME_UNKNOWN: {
    blame: 'user',
    retry: false,
    hint: 'use ipmi://HOST[:PORT] or redfish://HOST[:PORT][/redfish/v1/Systems/ID] in spec.bmc.address',
  },
  BMC_SCHEME_REMOVED: {
    blame: 'user',
    retry: false,
    hint: 'Metal3 has dropped this driver; use ipmi:// or the Redfish address of the machine in spec.bmc.address',
  },
  BMC_UNSUPPORTED: {
    blame: 'peer',
    retry: false,
    hint: 'this BMC or its protocol cannot do that; see what `ingot bmc info` lists, or use another address scheme',
  },
  BMC_CHANGE_NOT_ACCEPTED: {
    blame: 'peer',
    retry: true,
    hint: 'the BMC took the change but does not show it: see its log, its lockdown mode and its firmware',
  },
  BMC_MEDIA_NOT_ACCEPTED: {
    blame: 'peer',
    retry: true,
    hint: 'the BMC must reach the URL from its own network and have a free virtual CD; try to insert it by its web page',
  },
  BMC_LICENSE: {
    blame: 'user',
    retry: false,
    hint: 'put the licence in that the BMC asks for (Supermicro: SFT-OOB-LIC), or use its ipmi:// address',
  },
  BMC_RAID_MODE: {
    blame: 'user',
    retry: false,
    hint:
      'set the controller to RAID mode (`ingot bmc raid mode HOST CONTROLLER RAID`, then restart the machine), or leave ' +
      'hardware RAID out of the spec',
  },
  BMC_RAID_FOREIGN: {
    blame: 'user',
    retry: false,
    hint: 'clear it, and with it what is on those drives: `ingot bmc raid clear-foreign HOST CONTROLLER`',
  },
  BMC_RAID_OCCUPIED: {
    blame: 'peer',
    retry: true,
    hint: 'wait for the job of the controller, restart the machine when it waits for that, or cancel it (iDRAC: job queue)',
  },
  BMC_QUIRK_UNKNOWN: {
    blame: 'user',
    retry: false,
    hint: 'correct the annotation ingot.dev/bmc-quirks: names separated by commas',
  },
  BMC_CREDENTIALS_INVALID: { blame: 'user', retry: false, hint: 'give a user name and a password, both not empty' },
  BMC_UNREACHABLE: {
    blame: 'network',
    retry: true,
    hint: 'check power and network of the BMC, its address, and that it lets IPMI over LAN or Redfish in',
  },
  BMC_AUTH_FAILED: {
    blame: 'user',
    retry: false,
    hint: 'check username and password in the Secret, and that the user may administrate by this protocol',
  },
  BMC_TLS_UNTRUSTED: {
    blame: 'user',
    retry: false,
    hint:
      'compare the fingerprint with the BMC’s own page, then pin it (annotation ingot.dev/bmc-fingerprint), or trust ' +
      'its CA (key ca.crt in the credentials Secret, or --bmc-ca), or set spec.bmc.disableCertificateVerification; ' +
      '`ingot bmc` takes --fingerprint, --ca and --insecure',
  },
  BMC_TLS_SETTINGS: {
    blame: 'user',
    retry: false,
    hint: 'correct ca.crt in the credentials Secret, --bmc-ca or the annotation ingot.dev/bmc-fingerprint',
  },
  BMC_SYSTEM_NOT_FOUND: {
    blame: 'user',
    retry: false,
    hint: 'put the path of a system that the BMC has into spec.bmc.address: redfish://HOST/redfish/v1/Systems/ID',
  },
  BMC_SYSTEM_AMBIGUOUS: {
    blame: 'user',
    retry: false,
    hint: 'put the path of one of them into spec.bmc.address: redfish://HOST/redfish/v1/Systems/ID',
  },
  BMC_INCOMPATIBLE: {
    blame: 'peer',
    retry: false,
    hint: 'the BMC must speak IPMI 2.0 with cipher suite 17 or 3, or Redfish; see its settings or update its firmware',
  },
  BMC_BUSY: { blame: 'peer', retry: true, hint: 'the BMC is busy or has no free session; it is asked again later' },
  BMC_COMMAND_REFUSED: { blame: 'peer', retry: true, hint: 'see what the BMC answered' },
  BMC_POWER_NOT_REACHED: {
    blame: 'machine',
    retry: true,
    hint: 'the BMC took the command but the power state did not follow: check the power supply and the BMC log',
  },
  BMC_BOOT_NOT_ACCEPTED: {
    blame: 'peer',
    retry: true,
    hint: 'the BMC took the boot override but reads back another one: check its boot settings or its firmware',
  },
  BMC_CONSOLE_REFUSED: { blame: 'peer', retry: true, hint: 'enable serial over LAN in the settings of the BMC' },
  BMC_LOG_NOT_CLEARED: {
    blame: 'peer',
    retry: true,
    hint: 'the BMC said that its event log is erased but it is not: try again, or clear it by its web page',
  },
  BMC_UNCERTAIN: {
    blame: 'network',
    retry: true,
    hint: 'the command may or may not have run; the state is read again before anything is repeated',
  },
  BMC_CLOSED: { blame: 'ingot', retry: true, hint: 'the BMC was closed while a command was waiting' },
});
