import type { Personality } from '../personality.ts';
import type { Quirk } from '../quirks.ts';

/** What iLO 5 and 6 share. */
export const ILO_QUIRKS: readonly Quirk[] = [
  {
    kind: 'identity-refused',
    evidence: 'Gen10 and later answer 406 to Accept-Encoding: identity [sushy:connector.py]',
  },
  {
    kind: 'eject-needs-body',
    status: 415,
    evidence: 'EjectMedia without a body is 415, {} is taken [ironic:redfish/boot.py]',
  },
  {
    kind: 'post-refuses',
    messageId: 'iLO.2.15.UnableToModifyDuringSystemPOST',
    evidence: 'six retries from 5 s, doubling to 30 s [ironic:redfish/management.py]',
  },
  {
    kind: 'network-adapters-need-os',
    evidence: 'NetworkAdapters is 400 until an operating system has booted once [ironic:redfish/inspect.py]',
  },
  { kind: 'session-limit', sessions: 20, evidence: 'iDRAC and iLO have few sessions too [bmclib:providers/lenovo]' },
];

const ilo5Only: readonly Quirk[] = [
  { kind: 'no-raid', evidence: 'iLO5 has no RAID over Redfish [ironic:redfish/raid.py]' },
  {
    kind: 'boot-mode-fixed',
    messageId: 'Base.1.12.PropertyNotWritable',
    evidence: 'on some machines the boot mode cannot be switched [ironic:redfish/management.py]',
  },
];

/** HPE ProLiant Gen10, iLO 5. Evidence: bmc-and-ramdisk-facts §2. */
export const hpeIlo5: Personality = {
  name: 'hpe-ilo5',
  vendor: 'HPE',
  product: 'ProLiant DL360 Gen10',
  manufacturer: 'HPE',
  model: 'ProLiant DL360 Gen10',
  redfishVersion: '1.13.0',
  bmcVersion: 'iLO 5 v2.72',
  biosVersion: 'U32 v2.68',
  ids: { system: '1', manager: '1', chassis: '1' },
  media: {
    home: 'manager',
    slots: [
      { id: '1', mediaTypes: ['Floppy', 'USBStick'] },
      { id: '2', mediaTypes: ['CD', 'DVD'] },
    ],
  },
  biosPath: 'Bios',
  bootTargets: ['None', 'Cd', 'Hdd', 'Pxe', 'BiosSetup', 'UefiHttp'],
  resetTypes: ['On', 'ForceOff', 'GracefulShutdown', 'ForceRestart', 'Nmi', 'PushPowerButton', 'GracefulRestart'],
  quirks: [...ILO_QUIRKS, ...ilo5Only],
};
