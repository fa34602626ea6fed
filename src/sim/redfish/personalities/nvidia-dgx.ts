import { assumed, reference, seenIn } from '../evidence.ts';
import type { Personality } from '../personality.ts';

const CAPTURE = 'github.com/NVIDIA/libredfish: tests/mockups/nvidia_viking';

/** NVIDIA DGX H100: AMI's firmware for the host beside OpenBMC for the board of the GPUs. */
export const nvidiaDgx: Personality = {
  name: 'nvidia-dgx',
  vendor: 'AMI',
  product: 'AMI Redfish Server',
  manufacturer: 'NVIDIA',
  model: 'DGXH100',
  redfishVersion: '1.11.0',
  bmcVersion: '23.11.20',
  biosVersion: '1.1.3',
  manufacturerId: 5703,
  ids: { system: 'DGX', manager: 'BMC', chassis: 'DGX' },
  media: { home: 'manager', slots: [{ id: 'CD1', mediaTypes: ['CD', 'DVD'] }] },
  biosPath: 'Bios',
  bootTargets: ['None', 'Pxe', 'Cd', 'Hdd', 'BiosSetup', 'UefiHttp'],
  resetTypes: ['On', 'ForceOff', 'GracefulShutdown', 'ForceRestart', 'GracefulRestart'],
  settingsName: 'SD',
  quirks: [
    {
      kind: 'other-systems',
      ids: ['HGX_Baseboard_0'],
      evidence: seenIn(CAPTURE, 'the collection of systems holds the GPU board too'),
    },
    {
      kind: 'media-needs',
      properties: ['TransferProtocolType', 'TransferMethod', 'UserName', 'Password'],
      evidence: seenIn('Launchpad 2071945', 'user and password are demanded, "none" will do [sushy:resources/manager]'),
    },
    {
      kind: 'boot-settings-object',
      evidence: seenIn(CAPTURE, 'Boot of Systems/DGX has no allowed values, that of Systems/DGX/SD has'),
    },
    {
      kind: 'boot-needs',
      properties: ['Target', 'Enabled', 'Mode'],
      evidence: reference('2.3', 'AMI: the full triple in each PATCH [ironic:redfish/management.py]'),
    },
    {
      kind: 'if-match-required',
      evidence: seenIn(
        'github.com/NVIDIA/libredfish: src/nvidia_viking.rs',
        'the ETag of SD goes with each PATCH of it',
      ),
    },
    {
      kind: 'reset-action-info',
      evidence: seenIn(CAPTURE, 'Reset has an @Redfish.ActionInfo and no allowed values of its own'),
    },
    { kind: 'no-raid', evidence: assumed('its drives are NVMe; no controller that makes volumes was captured') },
  ],
  evidence: {
    names: seenIn(CAPTURE, 'a DGX H100'),
    versions: seenIn(CAPTURE, 'BMC 23.11.20, BIOS 1.1.3, Redfish 1.11.0'),
    'manufacturer id': reference('1.5', 'of the list of the IANA'),
    ids: seenIn(CAPTURE, 'DGX and BMC; that the chassis is DGX is assumed'),
    media: assumed('the captured collection was empty: the service was off'),
    'boot targets': seenIn(CAPTURE, 'those of SD that the simulator can do'),
    'reset types': assumed('the usual ones'),
  },
};
