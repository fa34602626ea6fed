import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { BareMetalHost, BareMetalHostSpec, ProvisionStatus } from '../../src/api/baremetalhost.ts';
import {
  bootModeOf,
  hasBmcDetails,
  inspectionDisabled,
  inspectionRequested,
  needsProvisioning,
  provisioningCancelled,
  sameImage,
  usesLibvirt,
  usesUefiHttp,
  usesVirtualMedia,
} from '../../src/api/predicates.ts';
import { completeStatus } from '../../src/host/status.ts';

function host(spec: Partial<BareMetalHostSpec>, annotations: Record<string, string> = {}): BareMetalHost {
  return {
    apiVersion: 'metal3.io/v1alpha1',
    kind: 'BareMetalHost',
    metadata: { name: 'n', namespace: 'lab', annotations },
    spec: { online: true, ...spec },
  };
}

function status(provisioning: Partial<ProvisionStatus>) {
  return completeStatus({ provisioning: { state: 'available', ID: '1', ...provisioning } });
}

const A = { url: 'http://x/a' };
const B = { url: 'http://x/b' };

suite('needsProvisioning', () => {
  const rows: [string, Partial<BareMetalHostSpec>, Partial<ProvisionStatus>, boolean][] = [
    ['no image', {}, {}, false],
    ['empty url', { image: { url: '' } }, {}, false],
    ['image', { image: A }, {}, true],
    ['image, status image empty', { image: A }, { image: { url: '' } }, true],
    ['image, offline', { image: A, online: false }, {}, false],
    ['image already deployed', { image: A }, { image: A }, false],
    ['other image deployed', { image: B }, { image: A }, false],
    ['custom method', { customDeploy: { method: 'm' } }, {}, true],
    ['custom method deployed', { customDeploy: { method: 'm' } }, { customDeploy: { method: 'm' } }, false],
    ['other custom method deployed', { customDeploy: { method: 'm' } }, { customDeploy: { method: 'n' } }, true],
    ['empty custom method', { customDeploy: { method: '' } }, {}, false],
  ];
  for (const [name, spec, provisioning, wanted] of rows) {
    test(name, () => assert.equal(needsProvisioning(host(spec), status(provisioning)), wanted));
  }
});

suite('provisioningCancelled', () => {
  const rows: [string, Partial<BareMetalHostSpec>, Partial<ProvisionStatus>, boolean][] = [
    ['same image', { image: A }, { image: A }, false],
    ['only the checksum differs', { image: { ...A, checksum: 'x' } }, { image: A }, false],
    ['image removed', {}, { image: A }, true],
    ['image url emptied', { image: { url: '' } }, { image: A }, true],
    ['image url changed', { image: B }, { image: A }, true],
    ['nothing deployed yet', { image: A }, {}, false],
    ['nothing asked, nothing deployed', {}, {}, true],
    ['offline does not cancel', { image: A, online: false }, { image: A }, false],
    ['custom method same', { customDeploy: { method: 'm' } }, { customDeploy: { method: 'm' } }, false],
    ['custom method changed', { customDeploy: { method: 'm' } }, { customDeploy: { method: 'n' } }, true],
    ['custom method removed', { image: A }, { customDeploy: { method: 'n' }, image: A }, true],
    ['custom method with another image', { customDeploy: { method: 'm' }, image: B }, { image: A }, true],
    ['custom method, image removed', { customDeploy: { method: 'm' } }, { image: A }, true],
  ];
  for (const [name, spec, provisioning, wanted] of rows) {
    test(name, () => assert.equal(provisioningCancelled(host(spec), status(provisioning)), wanted));
  }
});

suite('other predicates', () => {
  test('inspection: mode and annotation', () => {
    assert.equal(inspectionDisabled(host({})), false);
    assert.equal(inspectionDisabled(host({ inspectionMode: 'disabled' })), true);
    assert.equal(inspectionDisabled(host({ inspectionMode: 'agent' })), false);
    assert.equal(inspectionDisabled(host({}, { 'inspect.metal3.io': 'disabled' })), true);
    assert.equal(inspectionRequested(host({}, { 'inspect.metal3.io': 'disabled' })), false);
    assert.equal(inspectionRequested(host({}, { 'inspect.metal3.io': '' })), true);
    assert.equal(inspectionRequested(host({})), false);
  });

  test('images are equal when every field is; absent, empty and undefined are the same', () => {
    assert.ok(sameImage(A, { ...A, format: '', checksum: '' }));
    assert.ok(sameImage(undefined, { url: '' }));
    assert.equal(sameImage(A, { ...A, checksum: 'x' }), false);
    assert.equal(sameImage(A, { ...A, format: 'raw' }), false);
  });

  test('boot mode defaults to UEFI', () => {
    assert.equal(bootModeOf(host({})), 'UEFI');
    assert.equal(bootModeOf(host({ bootMode: 'legacy' })), 'legacy');
  });

  test('BMC details: either of the two is enough to be managed', () => {
    assert.equal(hasBmcDetails(host({})), false);
    assert.equal(hasBmcDetails(host({ bmc: { address: '', credentialsName: '' } })), false);
    assert.equal(hasBmcDetails(host({ bmc: { address: '', credentialsName: 'x' } })), true);
    assert.equal(hasBmcDetails(host({ bmc: { address: 'x', credentialsName: '' } })), true);
  });

  const schemes: [string, boolean, boolean, boolean][] = [
    ['ipmi://192.0.2.1', false, false, false],
    ['192.0.2.1', false, false, false],
    ['redfish-virtualmedia+http://192.0.2.1/x', true, false, false],
    ['idrac-virtualmedia://192.0.2.1/x', true, false, false],
    ['redfish-uefihttp://192.0.2.1/x', false, true, false],
    ['libvirt://192.0.2.1:6230', false, false, true],
    ['ipmi://virtualmedia.example', false, false, false],
  ];
  for (const [address, media, http, libvirt] of schemes) {
    test(`boot method of ${address}`, () => {
      const h = host({ bmc: { address, credentialsName: 'x' } });
      assert.deepEqual([usesVirtualMedia(h), usesUefiHttp(h), usesLibvirt(h)], [media, http, libvirt]);
    });
  }
});
