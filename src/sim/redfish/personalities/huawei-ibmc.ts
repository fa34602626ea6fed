import { assumed, reference, seenIn } from '../evidence.ts';
import type { Personality } from '../personality.ts';

/** Huawei's own PowerShell module, which shows every request it sends. */
const CMDLETS = 'github.com/IamFive/Huawei-iBMC-Cmdlets';

/** Huawei and xFusion, iBMC. */
export const huaweiIbmc: Personality = {
  name: 'huawei-ibmc',
  vendor: 'Huawei',
  product: 'iBMC',
  manufacturer: 'Huawei',
  model: '2288H V5',
  redfishVersion: '1.0.2',
  bmcVersion: '6.41',
  biosVersion: '8.30',
  manufacturerId: 2011,
  ids: { system: '1', manager: '1', chassis: '1' },
  media: { home: 'manager', slots: [{ id: 'CD', mediaTypes: ['CD', 'DVD'] }] },
  biosPath: 'Bios',
  bootTargets: ['None', 'Pxe', 'Cd', 'Hdd', 'BiosSetup'],
  resetTypes: ['On', 'ForceOff', 'GracefulShutdown', 'ForceRestart', 'Nmi', 'PowerCycle'],
  quirks: [
    {
      kind: 'media-vmm-control',
      evidence: seenIn(
        `${CMDLETS}: scripts/Deploy.ps1`,
        'VirtualMedia/CD/Oem/Huawei/Actions/VirtualMedia.VmmControl with Connect or Disconnect, answered with a task',
      ),
    },
    {
      kind: 'if-match-required',
      evidence: seenIn(`${CMDLETS}: common/Redfish.ps1`, 'before each PATCH the ETag is read and sent'),
    },
    {
      kind: 'boot-needs',
      properties: ['Target', 'Enabled'],
      evidence: seenIn(`${CMDLETS}: scripts/Deploy.ps1`, 'both are always sent; that both are demanded is assumed'),
    },
  ],
  evidence: {
    names: seenIn('docs.openstack.org/ironic/train: iBMC driver', '2288H V5 is one of the servers of the old driver'),
    versions: assumed('no iBMC was captured'),
    'manufacturer id': reference('1.5', 'of the list of the IANA'),
    ids: seenIn(`${CMDLETS}: common/Redfish.ps1`, 'system and manager have one id; that it is 1 is assumed'),
    media: seenIn(`${CMDLETS}: scripts/Deploy.ps1`, 'VirtualMedia/CD below the manager'),
    'boot targets': seenIn(`${CMDLETS}: common/Types.ps1`, 'without Floppy'),
    'reset types': assumed('the usual ones'),
  },
};
