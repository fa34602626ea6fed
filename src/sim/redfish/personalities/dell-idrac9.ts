import { reference, seenIn } from '../evidence.ts';
import type { Personality } from '../personality.ts';

const CAPTURE = 'github.com/NVIDIA/libredfish: tests/mockups/dell';

/** Dell PowerEdge, iDRAC 9. */
export const dellIdrac9: Personality = {
  name: 'dell-idrac9',
  vendor: 'Dell',
  product: 'Integrated Dell Remote Access Controller',
  manufacturer: 'Dell Inc.',
  model: 'PowerEdge R750',
  redfishVersion: '1.17.0',
  bmcVersion: '6.10.30.00',
  biosVersion: '1.8.2',
  manufacturerId: 674,
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
    'ForceRestart',
    'GracefulRestart',
    'GracefulShutdown',
    'PushPowerButton',
    'Nmi',
    'PowerCycle',
  ],
  quirks: [
    {
      kind: 'stale-inserted',
      ms: 1000,
      evidence: reference('2.4', 'Inserted stays true after an eject [ironic:redfish/boot.py]; how long is assumed'),
    },
    {
      kind: 'busy-after-write',
      ms: 400,
      status: 503,
      messageId: 'IDRAC.2.8.SYS518',
      evidence: reference(
        '2.1',
        'SYS518 while the configuration is busy, also inside a 400 [sushy:connector.py]; how long is assumed',
      ),
    },
    {
      kind: 'task-state-new',
      evidence: reference('2.1', 'TaskState "New" is not in the standard [ironic:redfish/firmware*]'),
    },
    {
      kind: 'tasks-purged',
      afterMs: 60_000,
      evidence: reference('2.1', 'below 5.00 a task is deleted a minute after its end [sushy:taskservice]'),
    },
    {
      kind: 'bios-job',
      evidence: reference(
        '2.3',
        'boot mode and Secure Boot are BIOS jobs that need a restart [ironic:conf/redfish.py]',
      ),
    },
    {
      kind: 'power-conflict',
      ms: 1000,
      messageId: 'Base.1.12.ActionParameterValueConflict',
      evidence: reference(
        '2.2',
        'iDRAC 10: 409 for On just after another job, tried six times every 10 s [ironic:conf/redfish.py]; how long is assumed',
      ),
    },
    {
      kind: 'serial-in-sku',
      evidence: reference('2.5', 'SKU holds the service tag [ironic:redfish/inspect.py]'),
    },
    {
      kind: 'extended-info-object',
      evidence: reference('2.1', '@Message.ExtendedInfo may be an object [sushy:exceptions.py]'),
    },
    {
      kind: 'dell-raid',
      evidence: seenIn(
        'openstack/sushy: sushy/oem/dell',
        'ControllerMode, ConvertToRAID, ClearForeignConfig (STOR018 without any), job queue; which STOR code stands for a wrong drive or mode is assumed',
      ),
    },
    {
      kind: 'raid-one-job',
      messageId: 'IDRAC.2.8.STOR023',
      evidence: seenIn(
        'github.com/dell/dellemc-openmanage-ansible-modules: idrac_redfish_storage_controller',
        'STOR023: a configuration job for the device exists already',
      ),
    },
    {
      kind: 'session-limit',
      sessions: 8,
      messageId: 'IDRAC.2.8.RAC0218',
      evidence: seenIn(
        'github.com/bb-Ricardo/check_redfish/pull/198',
        'eight sessions; then 503 with RAC0218 (also github.com/stmcginnis/gofish/issues/75)',
      ),
    },
    {
      kind: 'etags',
      form: 'none',
      evidence: seenIn(CAPTURE, 'most resources carry no @odata.etag (headers were not captured)'),
    },
  ],
  evidence: {
    names: seenIn(CAPTURE, 'an R750 with iDRAC 6.00.30.00'),
    versions: reference('2.3', 'the oldest iDRAC9 that Metal3 supports; Redfish and BIOS version are assumed to fit'),
    'manufacturer id': reference('1.5', 'of the list of the IANA'),
    ids: seenIn(CAPTURE, 'ids of system, manager and chassis; RAID.Integrated.1-1 as in openstack/sushy samples'),
    media: seenIn(CAPTURE, 'CD and RemovableDisk below the manager'),
    'boot targets': seenIn(CAPTURE, 'without Floppy, Utilities, UefiTarget and SDCard'),
    'reset types': seenIn(CAPTURE, 'as listed there'),
  },
};
