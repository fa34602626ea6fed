import { assumed, seenIn } from '../evidence.ts';
import type { Personality } from '../personality.ts';

const OURS = assumed('names, versions and numbers are our own: it is nobody’s BMC');

/** The specification and nothing else. */
export const plain: Personality = {
  name: 'plain',
  product: 'Simulated BMC',
  manufacturer: 'Ingot',
  model: 'Simulated machine',
  redfishVersion: '1.18.0',
  bmcVersion: '1.0.0',
  biosVersion: '1.0.0',
  manufacturerId: 0,
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
  evidence: {
    names: OURS,
    versions: OURS,
    'manufacturer id': OURS,
    ids: OURS,
    media: OURS,
    'boot targets': seenIn('DMTF DSP2046: ComputerSystem', 'values of BootSourceOverrideTarget'),
    'reset types': seenIn('DMTF DSP2046: Resource', 'values of ResetType'),
  },
};
