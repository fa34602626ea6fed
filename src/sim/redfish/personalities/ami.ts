import type { Personality } from '../personality.ts';

/** AMI MegaRAC, as on ASRockRack and others. Evidence: bmc-and-ramdisk-facts §2. */
export const ami: Personality = {
  name: 'ami',
  vendor: 'AMI',
  product: 'AMI Redfish Server',
  manufacturer: 'ASRockRack',
  model: 'ROMED8HM3',
  redfishVersion: '1.11.0',
  bmcVersion: '13.05',
  biosVersion: 'P3.50',
  ids: { system: 'Self', manager: 'Self', chassis: 'Self' },
  media: {
    home: 'manager',
    slots: [
      { id: 'CD1', mediaTypes: ['CD', 'DVD'] },
      { id: 'HD1', mediaTypes: ['USBStick'] },
    ],
  },
  biosPath: 'Bios',
  bootTargets: ['None', 'Pxe', 'Hdd', 'Cd', 'BiosSetup', 'UefiHttp'],
  resetTypes: ['On', 'ForceOff', 'GracefulShutdown', 'ForceRestart'],
  quirks: [
    {
      kind: 'boot-needs',
      properties: ['Target', 'Enabled', 'Mode'],
      evidence: 'the full triple in each PATCH [ironic:redfish/management.py]',
    },
    {
      kind: 'boot-settings-object',
      evidence: 'where there is a settings object the PATCH goes there with its ETag [sushy:resources/system]',
    },
    { kind: 'if-match-required', evidence: 'a PATCH carries the ETag of the resource [sushy:resources/base.py]' },
    {
      kind: 'etags',
      form: 'weak-read-strong-write',
      evidence: '412 for the weak form, the strong one is taken [sushy:resources/base.py]',
    },
    { kind: 'error-pages', form: 'text', statuses: [500, 501], evidence: 'plain text bodies [facts §8, Redfish 9]' },
  ],
};
