import { assumed, reference, seenIn } from '../evidence.ts';
import type { Personality } from '../personality.ts';

const TACKLEBOX = 'github.com/DMTF/Redfish-Tacklebox/issues/111';

/** AMI MegaRAC, as on ASRockRack and others. */
export const ami: Personality = {
  name: 'ami',
  vendor: 'AMI',
  product: 'AMI Redfish Server',
  manufacturer: 'ASRockRack',
  model: 'ROMED8HM3',
  redfishVersion: '1.11.0',
  bmcVersion: '13.05',
  biosVersion: 'P3.50',
  manufacturerId: 0,
  ids: { system: 'Self', manager: 'Self', chassis: 'Self' },
  media: {
    home: 'manager',
    slots: [
      { id: 'CD1', mediaTypes: ['CD', 'DVD'] },
      { id: 'HD1', mediaTypes: ['USBStick'] },
    ],
  },
  biosPath: 'Bios',
  bootTargets: ['None', 'Pxe', 'Hdd', 'Cd', 'BiosSetup', 'UefiHttp'],
  resetTypes: ['On', 'ForceOff', 'GracefulShutdown', 'ForceRestart'],
  settingsName: 'SD',
  quirks: [
    {
      kind: 'boot-needs',
      properties: ['Target', 'Enabled', 'Mode'],
      evidence: reference('2.3', 'the full triple in each PATCH [ironic:redfish/management.py]'),
    },
    {
      kind: 'boot-settings-object',
      evidence: seenIn(TACKLEBOX, 'overrides are read and written at /redfish/v1/Systems/Self/SD'),
    },
    {
      kind: 'if-match-required',
      evidence: seenIn('github.com/xcat2/confluent/pull/274', 'a PATCH without If-Match is not taken on AMI MegaRAC'),
    },
    {
      kind: 'etags',
      form: 'weak-read-strong-write',
      evidence: assumed(
        'some BMC wants the strong form of its weak tags (facts §2.1), on which one is not known; put here so that one does',
      ),
    },
    {
      kind: 'reset-action-info',
      evidence: seenIn('github.com/NVIDIA/libredfish: tests/mockups/nvidia_viking', 'AMI’s firmware, on a DGX H100'),
    },
    {
      kind: 'error-pages',
      form: 'text',
      statuses: [500, 501],
      evidence: assumed(
        'bodies of plain text are met (facts §8), on which BMC is not known; put here so that one has them',
      ),
    },
  ],
  evidence: {
    names: seenIn(
      'github.com/NVIDIA/libredfish: tests/mockups/nvidia_viking',
      'vendor and product; the board is assumed',
    ),
    versions: seenIn(
      'github.com/NVIDIA/libredfish: tests/mockups/nvidia_viking',
      'Redfish 1.11.0; the others are assumed',
    ),
    'manufacturer id': assumed('that of the board’s maker, which is not known to us'),
    ids: seenIn(TACKLEBOX, 'Self, and settings objects that end in /SD'),
    media: assumed('one CD and one disk'),
    'boot targets': assumed('the usual ones'),
    'reset types': assumed('the usual ones, without GracefulRestart'),
  },
};
