import { assumed, reference, seenIn } from '../evidence.ts';
import type { Personality } from '../personality.ts';

const PROVIDER = 'github.com/fujitsu/terraform-provider-irmc-redfish';

/** Fujitsu PRIMERGY, iRMC S6. */
export const fujitsuIrmc: Personality = {
  name: 'fujitsu-irmc',
  vendor: 'FUJITSU',
  product: 'iRMC S6',
  manufacturer: 'FUJITSU',
  model: 'PRIMERGY RX2530 M7',
  redfishVersion: '1.13.0',
  bmcVersion: '2.00',
  biosVersion: 'V1.0.0.0 R1.26.0',
  manufacturerId: 10368,
  ids: { system: '0', manager: 'iRMC', chassis: '0' },
  media: {
    home: 'manager',
    slots: [
      { id: '0', mediaTypes: ['CD', 'DVD'] },
      { id: '1', mediaTypes: ['USBStick'] },
    ],
  },
  biosPath: 'Bios',
  bootTargets: ['None', 'Pxe', 'Hdd', 'Cd', 'BiosSetup', 'UefiHttp'],
  resetTypes: ['On', 'ForceOff', 'GracefulShutdown', 'GracefulRestart', 'ForceRestart', 'Nmi', 'PowerCycle'],
  quirks: [
    { kind: 'https-only', evidence: reference('2.6', 'http is disabled, https only') },
    {
      kind: 'slow',
      readMs: 60,
      writeMs: 250,
      evidence: seenIn('github.com/openshift/installer/issues/5504', 'inspection times out; scaled down here'),
    },
    {
      kind: 'if-match-required',
      evidence: seenIn(`${PROVIDER}: internal/provider`, 'every PATCH goes with the ETag that was read before'),
    },
    {
      kind: 'media-needs',
      properties: ['TransferProtocolType'],
      evidence: seenIn(`${PROVIDER}: resource_virtual_media.go`, 'it is always sent; that it is demanded is assumed'),
    },
    {
      kind: 'media-url-strict',
      evidence: seenIn(
        `${PROVIDER}: resource_virtual_media.go`,
        'only .iso and .img; that ? and & are refused is assumed',
      ),
    },
    {
      kind: 'error-pages',
      form: 'html',
      statuses: [404, 503],
      evidence: assumed(
        'bodies that are pages are met (facts §8), on which BMC is not known; put here so that one has them',
      ),
    },
  ],
  evidence: {
    names: seenIn(`${PROVIDER}: README.md`, 'iRMC S6 is in M7; the model is one of them'),
    versions: reference('2.6', 'iRMC S6 2.00; Redfish and BIOS version are assumed'),
    'manufacturer id': reference('1.5', 'of the list of the IANA'),
    ids: seenIn(`${PROVIDER}: internal/provider`, '/redfish/v1/Systems/0; manager and chassis are assumed'),
    media: seenIn(`${PROVIDER}: resource_virtual_media.go`, '0 takes .iso, 1 takes .img'),
    'boot targets': assumed('the usual ones'),
    'reset types': assumed('the usual ones'),
  },
};
