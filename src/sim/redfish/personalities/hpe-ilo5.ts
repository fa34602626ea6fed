import { assumed, reference, seenIn } from '../evidence.ts';
import type { Personality } from '../personality.ts';
import type { Quirk } from '../quirks.ts';

const CAPTURE = 'github.com/NVIDIA/libredfish: tests/mockups/hpe';

/** What iLO 5 and 6 share. */
export const ILO_QUIRKS: readonly Quirk[] = [
  {
    kind: 'identity-refused',
    evidence: seenIn(
      'openstack/sushy: sushy/connector.py',
      'some Gen10 Plus machines do not take identity for registries',
    ),
  },
  {
    kind: 'eject-needs-body',
    status: 415,
    evidence: reference('2.4', 'EjectMedia without a body is refused, {} is taken [sushy:resources/manager]'),
  },
  {
    kind: 'post-refuses',
    messageId: 'iLO.2.15.UnableToModifyDuringSystemPOST',
    evidence: reference('2.2', 'six tries from 5 s, doubling to 30 s [ironic:redfish/management.py]'),
  },
  {
    kind: 'network-adapters-need-os',
    evidence: reference('2.5', 'NetworkAdapters is 400 until an OS has booted once [ironic:redfish/inspect.py]'),
  },
  {
    kind: 'etags',
    form: 'weak',
    evidence: seenIn(CAPTURE, 'tags are W/"…"; that If-Match must repeat them is assumed'),
  },
  {
    kind: 'session-limit',
    sessions: 20,
    evidence: assumed('iLO has a limit (Base.SessionLimitExceeded is in its registry); the number is a guess'),
  },
];

const ilo5Only: readonly Quirk[] = [
  { kind: 'no-raid', evidence: reference('2.5', 'iLO5 has no RAID over Redfish [ironic:redfish/raid.py]') },
  {
    kind: 'boot-mode-fixed',
    messageId: 'Base.1.12.PropertyNotWritable',
    evidence: seenIn(
      'github.com/ansible-collections/community.general/issues/3509',
      'BootSourceOverrideMode cannot be written on an HPE system',
    ),
  },
];

/** HPE ProLiant Gen10, iLO 5. */
export const hpeIlo5: Personality = {
  name: 'hpe-ilo5',
  vendor: 'HPE',
  product: 'ProLiant DL385 Gen10 Plus v2',
  manufacturer: 'HPE',
  model: 'ProLiant DL385 Gen10 Plus v2',
  redfishVersion: '1.6.0',
  bmcVersion: 'iLO 5 v2.72',
  biosVersion: 'A42 v2.60 (08/11/2022)',
  manufacturerId: 47196,
  ids: { system: '1', manager: '1', chassis: '1' },
  media: {
    home: 'manager',
    slots: [
      { id: '1', mediaTypes: ['Floppy', 'USBStick'] },
      { id: '2', mediaTypes: ['CD', 'DVD'] },
    ],
  },
  biosPath: 'Bios',
  bootTargets: ['None', 'Cd', 'Hdd', 'BiosSetup', 'Pxe', 'UefiHttp'],
  resetTypes: ['On', 'ForceOff', 'GracefulShutdown', 'ForceRestart', 'Nmi', 'PushPowerButton', 'GracefulRestart'],
  settingsName: 'settings',
  quirks: [...ILO_QUIRKS, ...ilo5Only],
  evidence: {
    names: seenIn(CAPTURE, 'a DL385 Gen10 Plus v2'),
    versions: seenIn(CAPTURE, 'iLO 5 v2.72, Redfish 1.6.0'),
    'manufacturer id': reference('1.5', 'of the list of the IANA'),
    ids: seenIn(CAPTURE, 'all are 1; settings objects end in /settings'),
    media: seenIn(CAPTURE, '1 is floppy and USB, 2 is CD and DVD'),
    'boot targets': seenIn(CAPTURE, 'without Usb, SDCard, Utilities, Diags, UefiShell and UefiTarget'),
    'reset types': seenIn(CAPTURE, 'as listed there'),
  },
};
