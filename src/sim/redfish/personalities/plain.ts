import type { Personality } from '../personality.ts';

/** The specification and nothing else. */
export const plain: Personality = {
  name: 'plain',
  product: 'Simulated BMC',
  manufacturer: 'Ingot',
  model: 'Simulated machine',
  redfishVersion: '1.18.0',
  bmcVersion: '1.0.0',
  biosVersion: '1.0.0',
  ids: { system: '1', manager: 'BMC', chassis: '1' },
  media: {
    home: 'manager',
    slots: [
      { id: 'CD1', mediaTypes: ['CD', 'DVD'] },
      { id: 'USB1', mediaTypes: ['USBStick'] },
    ],
  },
  biosPath: 'Bios',
  bootTargets: ['None', 'Pxe', 'Hdd', 'Cd', 'UefiHttp', 'BiosSetup'],
  resetTypes: ['On', 'ForceOff', 'GracefulShutdown', 'GracefulRestart', 'ForceRestart', 'Nmi', 'PowerCycle'],
  quirks: [],
};
