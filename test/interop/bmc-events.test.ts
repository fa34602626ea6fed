/** `ingot up --bmc-events` as a process, kubectl and a simulated Redfish BMC: RAID volumes and events from edit to sight. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { PASSWORD, USER, startTestBmc } from '../support/redfish-sim.ts';
import { NS, Standalone } from '../support/standalone.ts';

test(
  'a host’s RAID volumes are made, its BMC’s events told, and it goes without a trace',
  { timeout: 120_000 },
  async () => {
    await using sim = await startTestBmc();
    const bed = await Standalone.start(['--bmc-events']);
    const { storage, subscriptions } = sim.bmc.service;
    const volumes = () => storage.list().map((v) => `${v.name} ${v.raid}`);
    const until = async (jsonpath: string, wanted: RegExp) => {
      for (let i = 0; ; i++) {
        const text = await bed.kubectl('get', 'bmh', 'r1', '-o', `jsonpath=${jsonpath}`);
        if (wanted.test(text)) return;
        assert.ok(i < 120, `${jsonpath} is ${text}`);
        await new Promise((resolve) => setTimeout(resolve, 250));
      }
    };
    try {
      await bed.secret('r1-bmc', { username: USER, password: PASSWORD });
      await bed.apply({
        apiVersion: 'metal3.io/v1alpha1',
        kind: 'BareMetalHost',
        metadata: { namespace: NS, name: 'r1' },
        spec: {
          online: false,
          bootMACAddress: '52:54:00:aa:00:01',
          inspectionMode: 'disabled',
          automatedCleaningMode: 'disabled',
          bmc: { address: `redfish+http://127.0.0.1:${sim.bmc.port}`, credentialsName: 'r1-bmc' },
          raid: { hardwareRAIDVolumes: [{ level: '1', name: 'root' }] },
        },
      });
      await until('{.status.provisioning.state}', /^available$/);
      assert.deepEqual(volumes(), ['root RAID1']);
      await bed.edit('r1', { raid: { hardwareRAIDVolumes: [{ level: '6+0' }] } });
      await until('{.status.errorType}: {.status.errorMessage}', /^preparation error: .*at least 8 drives/);
      assert.deepEqual(volumes(), ['root RAID1'], 'nothing is deleted for what cannot be made');
      await bed.edit('r1', { raid: { hardwareRAIDVolumes: [] } });
      await until('{.status.provisioning.state}{.status.errorType}', /^available$/);
      assert.deepEqual(volumes(), []);

      const submit = '/redfish/v1/EventService/Actions/EventService.SubmitTestEvent';
      await sim.send('POST', submit, { Message: 'PSU 1 has lost power', Severity: 'Warning' });
      for (
        let i = 0;
        !/bmc-event: warning: PSU 1 has lost power/.test(await bed.explain(`${NS}/r1`, '--timeline'));
        i++
      ) {
        assert.ok(i < 40, 'the event is not told');
        await new Promise((resolve) => setTimeout(resolve, 250));
      }
      const [subscription] = subscriptions.list();
      const segment = subscription?.destination.split('/').at(-2) ?? assert.fail('no subscription');
      assert.ok(!bed.log.includes(segment), 'the signature is in no log');
      await bed.kubectl('delete', 'bmh', 'r1', '--timeout=60s');
      assert.deepEqual(subscriptions.list(), []);
    } finally {
      await bed.close();
    }
  },
);
