import type { Personality } from '../personality.ts';

/** OpenBMC as NVIDIA DGX ships it. Evidence: bmc-and-ramdisk-facts §2. */
export const openbmc: Personality = {
  name: 'openbmc',
  product: 'OpenBMC',
  manufacturer: 'NVIDIA',
  model: 'DGX A100',
  redfishVersion: '1.15.0',
  bmcVersion: '23.05',
  biosVersion: '1.22',
  ids: { system: 'system', manager: 'bmc', chassis: 'chassis' },
  media: {
    home: 'manager',
    slots: [
      { id: 'Slot_0', mediaTypes: ['CD', 'USBStick'] },
      { id: 'Slot_1', mediaTypes: ['CD', 'USBStick'] },
    ],
  },
  biosPath: 'Bios',
  bootTargets: ['None', 'Pxe', 'Hdd', 'Cd', 'BiosSetup', 'UefiHttp'],
  resetTypes: ['On', 'ForceOff', 'ForceOn', 'ForceRestart', 'GracefulRestart', 'GracefulShutdown', 'PowerCycle', 'Nmi'],
  quirks: [
    { kind: 'monitor-suffix', evidence: '/Tasks/N/Monitor [bmclib:redfishwrapper/firmware.go]' },
    {
      kind: 'media-needs',
      properties: ['TransferProtocolType', 'TransferMethod', 'UserName', 'Password'],
      evidence: 'DGX wants user and password, "none" will do [LP 2071945]',
    },
    {
      kind: 'dead-slots',
      slots: ['Slot_0'],
      answer: 'no-action',
      evidence: 'NBD proxy slots have no InsertMedia [ironic:redfish/boot.py]',
    },
    {
      kind: 'etags',
      form: 'none',
      evidence: 'no ETags on most resources [sushy:resources/base.py, empty ones are dropped]',
    },
  ],
};
