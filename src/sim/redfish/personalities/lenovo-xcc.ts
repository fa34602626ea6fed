import { reference, seenIn } from '../evidence.ts';
import type { MediaSlotKind, Personality } from '../personality.ts';

const CAPTURE = 'github.com/NVIDIA/libredfish: tests/mockups/lenovo';

const slots = (...ids: readonly string[]): MediaSlotKind[] =>
  ids.map((id) => ({ id, mediaTypes: ['CD', 'DVD', 'Floppy', 'USBStick'] }));

/** Lenovo ThinkSystem, XCC. */
export const lenovoXcc: Personality = {
  name: 'lenovo-xcc',
  vendor: 'Lenovo',
  product: 'XClarity Controller',
  manufacturer: 'Lenovo',
  model: 'ThinkSystem SR670 V2',
  redfishVersion: '1.15.0',
  bmcVersion: 'TGBT42S 2.83 2023-07-05',
  biosVersion: 'U8E122J',
  manufacturerId: 19046,
  ids: { system: '1', manager: '1', chassis: '1' },
  media: {
    home: 'manager',
    slots: slots('RDOC1', 'RDOC2', 'Remote1', 'Remote2', 'Remote3', 'Remote4', 'EXT1', 'EXT2', 'EXT3', 'EXT4'),
  },
  biosPath: 'Bios',
  bootTargets: ['None', 'Pxe', 'Cd', 'Hdd', 'BiosSetup'],
  resetTypes: ['On', 'Nmi', 'GracefulShutdown', 'GracefulRestart', 'ForceOn', 'ForceOff', 'ForceRestart'],
  settingsName: 'Pending',
  quirks: [
    {
      kind: 'session-limit',
      sessions: 16,
      evidence: reference('2.1', '16 sessions, one leaked at each try locks out [bmclib:providers/lenovo]'),
    },
    {
      kind: 'media-patch',
      evidence: seenIn(
        'github.com/bmc-toolbox/bmclib: providers/lenovo/virtual_media.go',
        'slots have no actions, they are written by PATCH (as in the capture)',
      ),
    },
    {
      kind: 'dead-slots',
      slots: ['RDOC1', 'RDOC2'],
      answer: 400,
      evidence: reference(
        '2.4',
        'RDOC slots are for uploads [bmclib:providers/lenovo/virtual_media.go]; the status of the refusal is assumed',
      ),
    },
    {
      kind: 'monitor-read-deletes-task',
      evidence: reference(
        '2.1',
        'reading the monitor after the end deletes the task [bmclib:providers/lenovo/lenovo.go]',
      ),
    },
    {
      kind: 'settings-apply-time-refused',
      evidence: reference('2.5', 'SettingsApplyTime is refused, staging is implied [bmclib:providers/lenovo/bios.go]'),
    },
    {
      kind: 'no-continuous',
      messageId: 'Base.1.12.PropertyValueNotInList',
      evidence: reference(
        '2.3',
        'Continuous is refused, use Once [bmclib:providers/lenovo/boot.go]; so in the capture',
      ),
    },
  ],
  evidence: {
    names: seenIn(CAPTURE, 'an SR670 V2'),
    versions: seenIn(CAPTURE, 'XCC TGBT42S 2.83'),
    'manufacturer id': reference('1.5', 'of the list of the IANA'),
    ids: seenIn(CAPTURE, 'all are 1; settings objects end in /Pending'),
    media: seenIn(
      CAPTURE,
      'ten slots without actions; Lenovo’s own example writes HTTP images into EXT ones (github.com/lenovo/python-redfish-lenovo); that Remote ones take them too is assumed',
    ),
    'boot targets': seenIn(CAPTURE, 'without Usb, Diags and UefiTarget; there is no UefiHttp'),
    'reset types': seenIn(CAPTURE, 'as listed there'),
  },
};
