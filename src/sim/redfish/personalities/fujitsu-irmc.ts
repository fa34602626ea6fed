import type { Personality } from '../personality.ts';

/** Fujitsu PRIMERGY, iRMC S6. Evidence: bmc-and-ramdisk-facts §2. */
export const fujitsuIrmc: Personality = {
  name: 'fujitsu-irmc',
  vendor: 'FUJITSU',
  product: 'iRMC S6',
  manufacturer: 'FUJITSU',
  model: 'PRIMERGY RX2530 M6',
  redfishVersion: '1.13.0',
  bmcVersion: '2.00',
  biosVersion: 'V1.0.0.0 R1.26.0',
  ids: { system: '0', manager: 'iRMC', chassis: '0' },
  media: { home: 'manager', slots: [{ id: '0', mediaTypes: ['CD', 'DVD'] }] },
  biosPath: 'Bios',
  bootTargets: ['None', 'Pxe', 'Hdd', 'Cd', 'BiosSetup', 'UefiHttp'],
  resetTypes: ['On', 'ForceOff', 'GracefulShutdown', 'GracefulRestart', 'ForceRestart', 'Nmi', 'PowerCycle'],
  quirks: [
    { kind: 'https-only', evidence: 'http is disabled, https only [facts §2.6]' },
    {
      kind: 'slow',
      readMs: 60,
      writeMs: 250,
      evidence: 'inspection times out with slow answers (github.com/openshift/installer/issues/5504), scaled down',
    },
    { kind: 'if-match-required', evidence: 'a PATCH carries the ETag of the resource [sushy:resources/base.py]' },
    {
      kind: 'error-pages',
      form: 'html',
      statuses: [404, 503],
      evidence: 'bodies that are pages [facts §8, Redfish 9]',
    },
  ],
};
