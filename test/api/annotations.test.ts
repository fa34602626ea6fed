import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { bmcAnnotations, detachRequest, isPaused, jsonObject, rebootRequests } from '../../src/api/annotations.ts';
import type { BareMetalHost } from '../../src/api/baremetalhost.ts';

function annotated(annotations?: Record<string, string>): BareMetalHost {
  return {
    apiVersion: 'metal3.io/v1alpha1',
    kind: 'BareMetalHost',
    metadata: { name: 'n', namespace: 'lab', ...(annotations === undefined ? {} : { annotations }) },
    spec: { online: true },
  };
}

suite('annotations of a host', () => {
  test('about its BMC: fingerprint and quirks; empty ones are none', () => {
    const of = (fingerprint: string, quirks: string) =>
      bmcAnnotations(annotated({ 'ingot.dev/bmc-fingerprint': fingerprint, 'ingot.dev/bmc-quirks': quirks }));
    assert.deepEqual(of(' sha256:ab ', 'boot-full, -cd-is-usb-cd,,'), {
      fingerprint: 'sha256:ab',
      quirks: ['boot-full', '-cd-is-usb-cd'],
    });
    assert.deepEqual(of('', ' , '), {});
    assert.deepEqual(bmcAnnotations(annotated()), {});
  });

  for (const value of ['', 'true', 'false', 'metal3.io/capm3']) {
    test(`paused with the value ${JSON.stringify(value)}`, () => {
      assert.equal(isPaused(annotated({ 'baremetalhost.metal3.io/paused': value })), true);
    });
  }

  test('not paused', () => {
    assert.equal(isPaused(annotated()), false);
    assert.equal(isPaused(annotated({ paused: '' })), false);
  });

  const detach: [string, unknown][] = [
    ['', { deleteAction: 'delete', force: false }],
    ['true', { deleteAction: 'delete', force: false }],
    ['{"deleteAction":"delay"}', { deleteAction: 'delay', force: false }],
    ['{"deleteAction":"delete","force":true}', { deleteAction: 'delete', force: true }],
    ['{"force":"yes"}', { deleteAction: 'delete', force: false }],
    ['{broken', { deleteAction: 'delete', force: false }],
  ];
  for (const [value, wanted] of detach) {
    test(`detached ${value}`, () => {
      assert.deepEqual(detachRequest(annotated({ 'baremetalhost.metal3.io/detached': value })), wanted);
    });
  }

  test('not detached', () => assert.equal(detachRequest(annotated({})), undefined));

  const reboots: [string, 'soft' | 'hard', boolean, boolean][] = [
    ['', 'soft', false, true],
    ['{}', 'soft', false, true],
    ['{"mode":""}', 'soft', false, true],
    ['{"mode":"soft"}', 'soft', false, true],
    ['{"mode":"hard"}', 'hard', false, true],
    ['{"mode":"hard","force":true,"who":"me"}', 'hard', true, true],
    ['{"mode":"Hard"}', 'soft', false, false],
    ['{"force":"true"}', 'soft', false, false],
    ['now', 'soft', false, false],
    ['[]', 'soft', false, false],
    ['null', 'soft', false, false],
  ];
  for (const [value, mode, force, valid] of reboots) {
    test(`reboot ${JSON.stringify(value)}`, () => {
      const { base, held, invalid } = rebootRequests(annotated({ 'reboot.metal3.io': value }));
      assert.deepEqual(base, { mode, force });
      assert.equal(held.size, 0);
      assert.deepEqual(invalid, valid ? [] : ['reboot.metal3.io']);
    });
  }

  test('suffixed reboots are held apart from the base one; look-alikes are neither', () => {
    const { base, held } = rebootRequests(
      annotated({ 'reboot.metal3.io/a': '', 'reboot.metal3.io/b': '{"mode":"hard"}', 'reboot.metal3.iox': '' }),
    );
    assert.equal(base, undefined);
    assert.deepEqual([...held.keys()], ['reboot.metal3.io/a', 'reboot.metal3.io/b']);
  });

  test('any text is read without a throw', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (value) => {
        const host = annotated({ 'reboot.metal3.io': value, 'baremetalhost.metal3.io/detached': value });
        const { base } = rebootRequests(host);
        assert.ok(base?.mode === 'soft' || base?.mode === 'hard');
        assert.ok(detachRequest(host));
        jsonObject(value);
      }),
    );
  });
});
