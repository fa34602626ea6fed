/** Our Redfish client against every vendor's ways: the wanted state, or an error that says which. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseBmcAddress } from '../../src/bmc/address.ts';
import { openBmc } from '../../src/bmc/open.ts';
import { systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/log.ts';
import { RedfishClient } from '../../src/redfish/client.ts';
import { findSystem } from '../../src/redfish/systems.ts';
import { VirtualMedia } from '../../src/redfish/virtual-media.ts';
import { startFleet } from '../../src/sim/fleet.ts';
import { PERSONALITIES } from '../../src/sim/redfish/personalities/all.ts';

const IMAGE = 'http://192.0.2.1/ramdisk.iso';
const doors = { clock: systemClock, random: Math.random, log: silentLogger };
const credentials = { username: 'admin', password: 'fleet-secret' };

function mediaOf(text: string): { client: RedfishClient; media: VirtualMedia } {
  const { host, port, path, transport = 'https', text: address } = parseBmcAddress(text);
  const target = { address, transport, host, port, ...credentials, trust: { verify: false } };
  const client = new RedfishClient(target, doors);
  const system = (signal: AbortSignal) => findSystem(client, path, address, signal);
  return { client, media: new VirtualMedia({ calls: client, system, ...doors }) };
}

/** Side by side: most of the time is waiting as long as the vendors ask for. */
describe('redfish: every personality', { concurrency: true }, () => {
  for (const personality of PERSONALITIES) {
    test(`${personality.name}: on, network boot once, virtual media, off`, async () => {
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
      const { client, media } = mediaOf(member.redfishAddress);
      const signal = AbortSignal.timeout(900_000);
      try {
        assert.match((await bmc.verify(signal)).protocol, /^Redfish /);
        await bmc.setBootOverride({ device: 'pxe', persistence: 'once', firmware: 'uefi' }, signal);
        await bmc.setPower('on', signal);
        assert.equal(member.machine.boots[0]?.from, 'network', 'it booted as told');
        const slot = await media.insert(IMAGE, { keepOthers: false }, signal);
        assert.equal(slot.image, IMAGE);
        await bmc.setPower('off', signal);
        await bmc.setBootOverride({ device: 'cdrom', persistence: 'once', firmware: 'uefi' }, signal);
        await bmc.setPower('on', signal);
        assert.deepEqual(member.machine.boots.at(-1), { from: 'cd', mode: 'UEFI', media: IMAGE });
        await media.eject(undefined, signal);
        await bmc.setPower('off', signal);
        assert.equal(member.machine.power(), 'Off');
      } finally {
        await Promise.all([bmc.close(), client.close()]);
        assert.equal(member.redfish?.service.sessions.list().length, 0, 'logged out');
        await fleet.close();
      }
    });
  }
});
