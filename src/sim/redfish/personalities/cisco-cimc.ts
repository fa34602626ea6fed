import type { Personality } from '../personality.ts';

/** Cisco UCS, CIMC. Evidence: bmc-and-ramdisk-facts §2. */
export const ciscoCimc: Personality = {
  name: 'cisco-cimc',
  vendor: 'Cisco Systems Inc.',
  product: 'Cisco Integrated Management Controller',
  manufacturer: 'Cisco Systems Inc',
  model: 'UCSC-C220-M5SX',
  redfishVersion: '1.9.0',
  bmcVersion: '4.2(2a)',
  biosVersion: 'C220M5.4.2.2b',
  ids: { system: 'WZP241', manager: 'CIMC', chassis: '1' },
  media: {
    home: 'manager',
    slots: [
      { id: '0', mediaTypes: ['DVD'] },
      { id: '1', mediaTypes: ['DVD'] },
      { id: '2', mediaTypes: ['USBStick'] },
    ],
  },
  biosPath: 'Bios',
  bootTargets: ['None', 'Pxe', 'Hdd', 'Cd', 'BiosSetup', 'UefiHttp'],
  resetTypes: ['On', 'ForceOff', 'GracefulShutdown', 'ForceRestart', 'Nmi', 'PowerCycle'],
  quirks: [
    {
      kind: 'dead-slots',
      slots: ['0'],
      answer: 405,
      evidence: 'DVD instead of CD [LP 2031595, 2039042]; slots are tried in turn (C845A) [ironic:redfish/boot.py]',
    },
    { kind: 'no-ethernet-interfaces', evidence: 'no EthernetInterfaces [ironic:redfish/inspect.py]' },
  ],
};
