import type { Personality } from '../personality.ts';

/** Lenovo ThinkSystem, XCC. Evidence: bmc-and-ramdisk-facts §2. */
export const lenovoXcc: Personality = {
  name: 'lenovo-xcc',
  vendor: 'Lenovo',
  product: 'XClarity Controller',
  manufacturer: 'Lenovo',
  model: 'ThinkSystem SR650',
  redfishVersion: '1.14.0',
  bmcVersion: 'CDI3A8N-9.11',
  biosVersion: 'IVE178E-3.30',
  ids: { system: '1', manager: '1', chassis: '1' },
  media: {
    home: 'manager',
    slots: [
      { id: 'RDOC1', mediaTypes: ['CD', 'DVD'] },
      { id: 'RDOC2', mediaTypes: ['CD', 'DVD'] },
      { id: 'Remote1', mediaTypes: ['CD', 'DVD'] },
      { id: 'Remote2', mediaTypes: ['CD', 'DVD'] },
    ],
  },
  biosPath: 'Bios',
  bootTargets: ['None', 'Pxe', 'Hdd', 'Cd', 'BiosSetup', 'UefiHttp'],
  resetTypes: ['On', 'ForceOff', 'GracefulShutdown', 'GracefulRestart', 'ForceRestart', 'Nmi'],
  quirks: [
    {
      kind: 'session-limit',
      sessions: 16,
      evidence: '16 sessions, one leaked at each try locks out [bmclib:providers/lenovo]',
    },
    { kind: 'media-patch', evidence: 'insert and eject by PATCH (SD530, XCC) [ironic:redfish/boot.py]' },
    {
      kind: 'dead-slots',
      slots: ['RDOC1', 'RDOC2'],
      answer: 400,
      evidence: 'RDOC slots are for uploads, prefer Remote ones [bmclib:providers/lenovo/virtual_media.go]',
    },
    {
      kind: 'monitor-read-deletes-task',
      evidence: 'reading the monitor after the end deletes the task [bmclib:providers/lenovo/lenovo.go]',
    },
    {
      kind: 'settings-apply-time-refused',
      evidence: 'SettingsApplyTime is refused, staging is implied [bmclib:providers/lenovo/bios.go]',
    },
    {
      kind: 'no-continuous',
      messageId: 'Base.1.12.PropertyValueNotInList',
      evidence: 'Continuous is refused, use Once [bmclib:providers/lenovo/boot.go]',
    },
  ],
};
