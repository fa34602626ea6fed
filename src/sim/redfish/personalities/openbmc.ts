import { assumed, reference, seenIn } from '../evidence.ts';
import type { Personality } from '../personality.ts';

const BMCWEB = 'github.com/openbmc/bmcweb: redfish-core/lib';

/** OpenBMC: bmcweb on a host of no particular vendor. */
export const openbmc: Personality = {
  name: 'openbmc',
  product: 'OpenBMC',
  manufacturer: 'OpenBMC',
  model: 'Reference host',
  redfishVersion: '1.17.0',
  bmcVersion: '2.14.0',
  biosVersion: '1.22',
  manufacturerId: 49871,
  ids: { system: 'system', manager: 'bmc', chassis: 'chassis' },
  media: {
    home: 'manager',
    slots: ['Slot_0', 'Slot_1', 'Slot_2', 'Slot_3'].map((id) => ({ id, mediaTypes: ['CD', 'USBStick'] as const })),
  },
  biosPath: 'Bios',
  bootTargets: ['None', 'Pxe', 'Hdd', 'Cd', 'BiosSetup'],
  resetTypes: ['On', 'ForceOn', 'ForceOff', 'ForceRestart', 'GracefulRestart', 'GracefulShutdown', 'PowerCycle', 'Nmi'],
  quirks: [
    {
      kind: 'monitor-suffix',
      evidence: reference(
        '2.1',
        '/Tasks/N/Monitor [bmclib:redfishwrapper/firmware.go]; bmcweb of 2026 has TaskMonitors',
      ),
    },
    {
      kind: 'dead-slots',
      slots: ['Slot_0', 'Slot_1'],
      answer: 'no-action',
      evidence: seenIn(
        `${BMCWEB}/virtual_media.hpp`,
        'slots of the proxy (NBD) have no InsertMedia; which ones is as on a Cisco C845A M8 [ironic:tests]',
      ),
    },
    {
      kind: 'reset-action-info',
      evidence: seenIn(`${BMCWEB}/systems.hpp`, 'ResetActionInfo holds the allowed values'),
    },
    { kind: 'no-raid', evidence: seenIn(BMCWEB, 'there are no Volumes') },
  ],
  evidence: {
    names: assumed('a vendor writes its own'),
    versions: assumed('a release of OpenBMC and the Redfish version of the time'),
    'manufacturer id': reference('1.5', 'commonly 0, 49871 or 42817'),
    ids: seenIn(`${BMCWEB}/systems.hpp, meson.options`, 'system and bmc; chassis is the board’s own'),
    media: seenIn(`${BMCWEB}/virtual_media.hpp`, 'CD and USBStick in each; four slots named Slot_N are assumed'),
    'boot targets': seenIn(`${BMCWEB}/systems.hpp`, 'without Diags and Usb; there is no UefiHttp'),
    'reset types': seenIn(`${BMCWEB}/systems.hpp`, 'as listed there'),
  },
};
