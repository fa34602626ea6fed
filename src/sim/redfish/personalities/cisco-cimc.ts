import { reference, seenIn } from '../evidence.ts';
import type { Personality } from '../personality.ts';

/** Captures and transcripts of C-Series and X-Series servers. */
const ISERVER = 'github.com/datacenter/iserver';

/** Cisco UCS, CIMC. */
export const ciscoCimc: Personality = {
  name: 'cisco-cimc',
  vendor: 'Cisco Systems Inc.',
  product: 'Cisco Integrated Management Controller',
  manufacturer: 'Cisco Systems Inc',
  model: 'UCSC-C240-M5SX',
  redfishVersion: '1.9.0',
  bmcVersion: '4.1(3d)',
  biosVersion: 'C240M5.4.1.3d',
  manufacturerId: 5771,
  ids: { system: 'WZP00000000', manager: 'CIMC', chassis: '1' },
  media: {
    home: 'manager',
    slots: [
      { id: '0', mediaTypes: ['DVD'] },
      { id: '1', mediaTypes: ['USBStick'] },
      { id: '2', mediaTypes: ['DVD'] },
      { id: '3', mediaTypes: ['DVD'] },
    ],
  },
  biosPath: 'Bios',
  bootTargets: ['None', 'Pxe', 'Cd', 'Hdd', 'BiosSetup'],
  resetTypes: ['On', 'ForceOff', 'GracefulShutdown', 'GracefulRestart', 'ForceRestart', 'Nmi', 'PowerCycle'],
  quirks: [
    {
      kind: 'dead-slots',
      slots: ['0', '2'],
      answer: 400,
      evidence: seenIn(
        'openstack/ironic: ironic/drivers/modules/redfish/boot.py',
        'UCS B and X: slots for the vKVM of the CIMC itself refuse with 400, the next one is tried; which ones is assumed',
      ),
    },
    {
      kind: 'no-ethernet-interfaces',
      evidence: seenIn(
        'openstack/ironic: ironic/drivers/modules/redfish/management.py',
        'some UCS B and X blades have no EthernetInterfaces',
      ),
    },
    {
      kind: 'openssl-dates',
      evidence: seenIn(
        `${ISERVER}: /redfish/v1/Managers of a UCSC-C240-M5SX`,
        'ValidNotAfter is "Sep 16 09:39:04 2026 GMT"',
      ),
    },
    {
      kind: 'etags',
      form: 'none',
      evidence: seenIn(`${ISERVER}: /redfish/v1/Managers of a UCSC-C240-M5SX`, 'no @odata.etag anywhere in it'),
    },
  ],
  evidence: {
    names: seenIn(ISERVER, 'a UCSC-C240-M5SX; the spelling of vendor and manufacturer is assumed'),
    versions: seenIn(ISERVER, 'CIMC 4.1(3d); the Redfish and BIOS versions are assumed'),
    'manufacturer id': reference('1.5', 'of the list of the IANA'),
    ids: seenIn(ISERVER, 'a system is named by its serial number (WZP…), the manager is CIMC, the chassis 1'),
    media: reference('2.4', 'DVD instead of CD [LP 2031595, 2039042]; "CIMC-Mapped vDVD" with id 3 in iserver'),
    'boot targets': seenIn(`${ISERVER}: example of a C240 M6`, 'without Floppy and Diags; there is no UefiHttp'),
    'reset types': seenIn(`${ISERVER}: example of a C240 M6`, 'as listed there'),
  },
};
