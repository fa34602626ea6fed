/** The embedded API server beside a real kube-apiserver: the same requests, the same answers, field by field. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { exec } from '../../src/core/exec.ts';
import { type TestApi, startTestApi } from '../support/api-server.ts';
import { type Testbed, startTestbed } from '../support/testbed.ts';
import { type Door, comparable, doorOf } from '../support/twin.ts';
import { TWIN_STEPS } from '../support/twin-steps.ts';

const CRDS = path.resolve(import.meta.dirname, '../../crds');

describe('twin of kube-apiserver', { timeout: 900_000 }, () => {
  let bed: Testbed;
  let api: TestApi;
  let real: Door;
  let ours: Door;

  before(async () => {
    bed = await startTestbed();
    api = await startTestApi();
    const kubectl = (...args: string[]) => exec(bed.kubectl, [`--kubeconfig=${bed.kubeconfig}`, ...args]);
    await kubectl('apply', '--server-side', '-f', CRDS);
    await kubectl('wait', '--for=condition=Established', '--timeout=60s', 'crd', '--all');
    real = await doorOf(bed.kubeconfig);
    ours = await doorOf(api.kubeconfig);
    await untilServed(real);
  });
  after(async () => {
    await api?.close();
    await bed?.close();
  });

  for (const step of TWIN_STEPS) {
    test(step.name, async () => {
      const expected = comparable(await real.send(step.method, step.path, step.options));
      const actual = comparable(await ours.send(step.method, step.path, step.options));
      assert.deepEqual(actual, expected);
    });
  }
});

/** Established comes a moment before the server has built the handlers of a new kind. */
async function untilServed(door: Door): Promise<void> {
  const end = performance.now() + 30_000;
  for (;;) {
    const { status } = await door.send('GET', '/apis/metal3.io/v1alpha1/baremetalhosts');
    if (status === 200) return;
    assert.ok(performance.now() < end, `the kinds are not served: ${status}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
