import type { Personality } from '../personality.ts';

/** Supermicro X12. Evidence: bmc-and-ramdisk-facts §2. */
export const supermicroX12: Personality = {
  name: 'supermicro-x12',
  vendor: 'Supermicro',
  product: 'SMC X12 BMC',
  manufacturer: 'Supermicro',
  model: 'SYS-120C-TN10R',
  redfishVersion: '1.11.0',
  bmcVersion: '01.01.48',
  biosVersion: '1.4a',
  ids: { system: '1', manager: '1', chassis: '1' },
  media: {
    home: 'manager',
    slots: [
      { id: 'VirtualMedia1', mediaTypes: ['CD', 'DVD'] },
      { id: 'VirtualMedia2', mediaTypes: ['USBStick'] },
    ],
  },
  biosPath: 'Bios',
  bootTargets: ['None', 'Pxe', 'Hdd', 'Cd', 'BiosSetup', 'UefiHttp'],
  resetTypes: ['On', 'ForceOff', 'GracefulShutdown', 'GracefulRestart', 'ForceRestart', 'Nmi', 'ForceOn'],
  quirks: [
    {
      kind: 'boot-needs',
      properties: ['Target', 'Enabled'],
      evidence: 'Enabled must go along with Target [story 2007355, 2008547]',
    },
    { kind: 'cd-target', target: 'UsbCd', evidence: 'the CD is UsbCd [ironic:redfish/boot.py]' },
    { kind: 'media-image-only', evidence: 'X11 and X12 refuse Inserted and WriteProtected [ironic:redfish/boot.py]' },
    { kind: 'boot-mode-reset', evidence: 'the boot mode is reset by an override [ironic:redfish/management.py]' },
    {
      kind: 'accepted-without-task',
      evidence: '202 with a JSON body that is no Task [bmclib:redfishwrapper/firmware.go]',
    },
    { kind: 'login-answers-200', evidence: 'older boards answer 200 to failed logins [bmclib:providers/supermicro]' },
    { kind: 'blank-model', evidence: 'Model is sometimes blank [bmclib:providers/supermicro]' },
  ],
};
