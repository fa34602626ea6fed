import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { BareMetalHost } from '../../src/api/baremetalhost.ts';
import type { BootIntent } from '../../src/api/hostprogress.ts';
import { type BootServer, decideBoot } from '../../src/boot/decide.ts';
import { HostIndex } from '../../src/boot/host-index.ts';
import type { ClientFacts } from '../../src/dhcp/policy.ts';
import { parseIpv4 } from '../../src/wire/ipv4.ts';

const MAC = '52:54:00:00:00:01';
const SERVER: BootServer = {
  address: parseIpv4('10.0.0.1'),
  httpBase: 'http://10.0.0.1:8080',
  scriptPath: (mac) => `/signed/${mac}`,
};

function host(name: string, bootMACAddress: string, nics: string[] = []): BareMetalHost {
  return {
    apiVersion: 'metal3.io/v1alpha1',
    kind: 'BareMetalHost',
    metadata: { name, namespace: 'lab', uid: name },
    spec: { online: true, bootMACAddress },
    status: {
      operationalStatus: 'OK',
      errorMessage: '',
      errorCount: 0,
      provisioningFailCount: 0,
      poweredOn: true,
      provisioning: { state: 'available', ID: '' },
      hardware: { systemVendor: {}, firmware: { bios: {} }, cpu: {}, nics: nics.map((mac) => ({ mac })) },
    },
  };
}

function client(stage: ClientFacts['stage'], arch: number | undefined, mac = MAC): ClientFacts {
  return { mac, stage, arch, vendorClass: undefined, userClass: [], uuid: undefined, hostname: undefined, relay: 0 };
}

function ask(intent: BootIntent | undefined, facts: ClientFacts, hosts = [host('a', MAC)]) {
  const index = new HostIndex();
  for (const h of hosts) index.set(h);
  return decideBoot(facts, index.byMac(facts.mac), intent === undefined ? {} : { boot: { intent, since: '' } }, SERVER);
}

describe('boot: what a machine boots', () => {
  it('says nothing to machines nobody named', () => {
    const answer = ask('ramdisk', client('pxe', 0, '52:54:00:ff:ff:ff'));
    assert.equal(answer.kind, 'silent');
    assert.match(answer.reason, /no BareMetalHost.*52:54:00:ff:ff:ff/);
  });

  it('says nothing when two hosts claim the address, and names both', () => {
    const answer = ask('ramdisk', client('pxe', 0), [host('a', MAC), host('b', MAC.toUpperCase())]);
    assert.deepEqual(answer, { kind: 'silent', reason: `lab/a and lab/b both claim ${MAC}` });
  });

  const files: [ClientFacts['stage'], number | undefined, string][] = [
    ['pxe', 0, 'undionly.kpxe'],
    ['pxe', undefined, 'undionly.kpxe'],
    ['pxe', 7, 'snponly.efi'],
    ['pxe', 9, 'snponly.efi'],
    ['http', 16, 'http://10.0.0.1:8080/loader/snponly.efi'],
    ['ipxe', 7, `http://10.0.0.1:8080/signed/${MAC}`],
    ['ipxe', 0, `http://10.0.0.1:8080/signed/${MAC}`],
  ];
  for (const [stage, arch, file] of files) {
    for (const intent of ['ramdisk', 'disk'] as const) {
      it(`${stage}, architecture ${arch}, ${intent}: ${file}`, () => {
        const answer = ask(intent, client(stage, arch));
        assert.equal(answer.kind === 'boot' && answer.file, file);
        assert.equal(answer.kind === 'boot' && answer.server, parseIpv4('10.0.0.1'));
      });
    }
  }

  it('never gives a loader to an architecture it is not for', () => {
    for (const arch of [6, 10, 11, 15, 19, 25, 41, 999]) {
      const answer = ask('ramdisk', client('pxe', arch));
      assert.equal(answer.kind, 'silent');
      assert.match(answer.reason, new RegExp(`architecture ${arch}`));
    }
  });

  it('gives systems of known hosts an address and nothing to boot, whatever is planned', () => {
    for (const intent of ['ramdisk', 'disk', 'none', undefined] as const) {
      assert.equal(ask(intent, client('other', undefined)).kind, 'address');
    }
  });

  it('boots nothing when nothing is planned', () => {
    assert.equal(ask('none', client('pxe', 0)).kind, 'silent');
    assert.equal(ask(undefined, client('ipxe', 7)).kind, 'silent');
  });

  it('knows a machine by any port that inspection found, but another host’s boot address comes first', () => {
    const other = '52:54:00:00:00:02';
    assert.equal(ask('ramdisk', client('pxe', 0, other), [host('a', MAC, [other])]).kind, 'boot');
    const answer = ask('ramdisk', client('pxe', 0, other), [host('a', MAC, [other]), host('b', other)]);
    assert.match(answer.reason, /^lab\/b/);
  });
});

describe('boot: host index', () => {
  it('forgets old addresses of a changed host and all of a deleted one', () => {
    const index = new HostIndex();
    index.set(host('a', MAC));
    index.set(host('a', '52:54:00:00:00:09'));
    assert.equal(index.byMac(MAC).kind, 'unknown');
    assert.equal(index.byMac('52:54:00:00:00:09').kind, 'host');
    index.remove('lab/a');
    assert.equal(index.byMac('52:54:00:00:00:09').kind, 'unknown');
    assert.equal(index.get('lab/a'), undefined);
  });
});
