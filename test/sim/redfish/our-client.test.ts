/** Our Redfish client against every vendor's ways: the wanted state, or an error that says which. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openBmc } from '../../../src/bmc/open.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { silentLogger } from '../../../src/core/log.ts';
import { startFleet } from '../../../src/sim/fleet.ts';
import { PERSONALITIES } from '../../../src/sim/redfish/personalities/all.ts';

const IMAGE = 'http://192.0.2.1/ramdisk.iso';
const doors = { clock: systemClock, random: Math.random, log: silentLogger };
const credentials = { username: 'admin', password: 'fleet-secret' };

for (const personality of PERSONALITIES) {
  test(`redfish: ${personality.name}: on, network boot once, virtual media, off`, async () => {
    const fleet = await startFleet({
      count: 1,
      protocol: 'redfish',
      personalities: [personality],
      address: '127.0.0.1',
      firstPort: 0,
      ...credentials,
      ...doors,
    });
    const [member] = fleet.members;
    assert.ok(member?.redfishAddress !== undefined);
    const bmc = openBmc({ address: member.redfishAddress, credentials, disableCertificateVerification: true, doors });
    const signal = AbortSignal.timeout(900_000);
    try {
      assert.match((await bmc.verify(signal)).protocol, /^Redfish /);
      await bmc.setBootOverride({ device: 'pxe', persistence: 'once', firmware: 'uefi' }, signal);
      await bmc.setPower('on', signal);
      assert.equal(member.machine.boots[0]?.from, 'network', 'it booted as told');
      const slot = await bmc.media?.insert(IMAGE, { keepOthers: false }, signal);
      assert.equal(slot?.image, IMAGE);
      await bmc.setPower('off', signal);
      await bmc.setBootOverride({ device: 'cdrom', persistence: 'once', firmware: 'uefi' }, signal);
      await bmc.setPower('on', signal);
      assert.deepEqual(member.machine.boots.at(-1), { from: 'cd', mode: 'UEFI', media: IMAGE });
      await bmc.media?.eject(undefined, signal);
      await bmc.setPower('off', signal);
      assert.equal(member.machine.power(), 'Off');
    } finally {
      await bmc.close();
      assert.equal(member.redfish?.service.sessions.list().length, 0, 'logged out');
      await fleet.close();
    }
  });
}
