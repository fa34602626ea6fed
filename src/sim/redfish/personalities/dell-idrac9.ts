import type { Personality } from '../personality.ts';

/** Dell PowerEdge, iDRAC 9. Evidence: bmc-and-ramdisk-facts §2. */
export const dellIdrac9: Personality = {
  name: 'dell-idrac9',
  vendor: 'Dell',
  product: 'Integrated Dell Remote Access Controller',
  manufacturer: 'Dell Inc.',
  model: 'PowerEdge R650',
  redfishVersion: '1.17.0',
  bmcVersion: '6.10.30.00',
  biosVersion: '1.9.2',
  ids: {
    system: 'System.Embedded.1',
    manager: 'iDRAC.Embedded.1',
    chassis: 'System.Embedded.1',
    storage: 'RAID.Integrated.1-1',
  },
  media: {
    home: 'manager',
    slots: [
      { id: 'RemovableDisk', mediaTypes: ['USBStick'] },
      { id: 'CD', mediaTypes: ['CD', 'DVD'] },
    ],
  },
  biosPath: 'Bios',
  bootTargets: ['None', 'Pxe', 'Hdd', 'Cd', 'BiosSetup', 'UefiHttp'],
  resetTypes: [
    'On',
    'ForceOff',
    'GracefulShutdown',
    'GracefulRestart',
    'ForceRestart',
    'Nmi',
    'PowerCycle',
    'PushPowerButton',
  ],
  quirks: [
    { kind: 'stale-inserted', ms: 1000, evidence: 'sticky Inserted after eject [ironic:redfish/boot.py]' },
    {
      kind: 'busy-after-write',
      ms: 400,
      status: 503,
      messageId: 'IDRAC.2.8.SYS518',
      evidence: 'SYS518: configuration busy, also inside a 400 [sushy:connector.py]',
    },
    { kind: 'task-state-new', evidence: 'TaskState "New" is not in the standard [ironic:redfish/firmware*]' },
    {
      kind: 'tasks-purged',
      afterMs: 60_000,
      evidence: 'below 5.00 a task is deleted a minute after its end [sushy:taskservice]',
    },
    {
      kind: 'bios-job',
      evidence: 'boot mode and Secure Boot are BIOS jobs that need a restart [ironic:conf/redfish.py]',
    },
    {
      kind: 'power-conflict',
      ms: 1000,
      messageId: 'Base.1.12.ActionParameterValueConflict',
      evidence: '409 for On just after another job, six retries of 10 s (iDRAC 10) [ironic:conf/redfish.py]',
    },
    { kind: 'serial-in-sku', evidence: 'SKU holds the service tag [ironic:redfish/inspect.py]' },
    { kind: 'extended-info-object', evidence: '@Message.ExtendedInfo as an object [sushy:exceptions.py]' },
    {
      kind: 'dell-raid',
      evidence: 'controller mode, ConvertToRAID, ClearForeignConfig, job queue [sushy:oem/dell] [ironic:drac/raid.py]',
    },
    {
      kind: 'raid-one-job',
      messageId: 'IDRAC.2.8.STOR023',
      evidence:
        'STOR023: a configuration job for the device exists already (github.com/dell/dellemc-openmanage-ansible-modules, idrac_redfish_storage_controller)',
    },
    { kind: 'session-limit', sessions: 8, evidence: 'iDRAC and iLO have few sessions too [bmclib:providers/lenovo]' },
  ],
};
