/** The kinds of group metal3.io, as the table of metal3-compat §1 has them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadCrds } from '../../src/api/registry/load.ts';

interface Row {
  plural: string;
  short?: string[];
  status: boolean;
  columns?: string[];
}

const KINDS: Record<string, Row> = {
  BareMetalHost: {
    plural: 'baremetalhosts',
    short: ['bmh', 'bmhost'],
    status: true,
    columns: ['Status', 'State', 'Consumer', 'BMC', 'Online', 'Error', 'Age'],
  },
  HardwareData: { plural: 'hardwaredata', short: ['hd'], status: false, columns: ['Age'] },
  HostFirmwareSettings: { plural: 'hostfirmwaresettings', short: ['hfs'], status: true },
  FirmwareSchema: { plural: 'firmwareschemas', status: false },
  HostFirmwareComponents: { plural: 'hostfirmwarecomponents', status: true },
  HostUpdatePolicy: { plural: 'hostupdatepolicies', status: false },
  PreprovisioningImage: {
    plural: 'preprovisioningimages',
    short: ['ppimg'],
    status: true,
    columns: ['Ready', 'Reason'],
  },
  BMCEventSubscription: {
    plural: 'bmceventsubscriptions',
    short: ['bes', 'bmcevent'],
    status: true,
    columns: ['Error', 'Age'],
  },
  DataImage: { plural: 'dataimages', status: true },
  HostClaim: { plural: 'hostclaims', status: true },
  HostDeployPolicy: { plural: 'hostdeploypolicies', status: true },
  HostNetworkAttachment: {
    plural: 'hostnetworkattachments',
    status: true,
    columns: ['Mode', 'Native VLAN', 'Age'],
  },
  BareMetalSwitch: {
    plural: 'baremetalswitches',
    short: ['bms'],
    status: true,
    columns: ['Driver', 'Device Type', 'Address', 'Valid'],
  },
};

test('all thirteen kinds are there, with their names, columns and subresources', async () => {
  const crds = (await loadCrds()).filter((c) => c.spec.group === 'metal3.io');
  const found = crds.map(({ spec }): [string, Row] => {
    const [version] = spec.versions;
    const { shortNames = [], kind, plural } = spec.names;
    const columns = version?.additionalPrinterColumns?.map((c) => c.name);
    const status = version?.subresources?.status !== undefined;
    const short = shortNames.length === 0 ? {} : { short: [...shortNames] };
    return [kind, { plural, status, ...short, ...(columns === undefined ? {} : { columns }) }];
  });
  assert.deepEqual(Object.fromEntries(found), KINDS);
});
