/** Our Redfish client against every vendor's ways: the wanted state, or an error that says which. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Bmc } from '../../src/bmc/bmc.ts';
import { bmcErrors } from '../../src/bmc/errors.ts';
import { openBmc } from '../../src/bmc/open.ts';
import { systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/log.ts';
import { startFleet } from '../../src/sim/fleet.ts';
import { PERSONALITIES } from '../../src/sim/redfish/personalities/all.ts';

const IMAGE = 'http://192.0.2.1/ramdisk.iso';
const doors = { clock: systemClock, random: Math.random, log: silentLogger };
const credentials = { username: 'admin', password: 'fleet-secret' };

/** What else a BMC can be asked for. Each must work, or say in a code of its own why not. */
async function others(bmc: Bmc, signal: AbortSignal): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  const look = async (name: string, work: () => Promise<unknown>) => {
    try {
      found[name] = JSON.stringify(await work()) ?? 'done';
    } catch (error) {
      assert.ok(bmcErrors.is(error), `${name}: ${String(error)}`);
      found[name] = error.code;
    }
  };
  const { bios, firmware, storage, events, inspection, sensing, eventLog, management, bootMode } = bmc;
  assert.ok(bios && firmware && storage && events && inspection && sensing && eventLog && management && bootMode);
  await look('inventory', () => inspection.inventory(signal));
  await look('sensors', () => sensing.sensors(signal));
  await look('log', () => eventLog.entries(5, signal));
  await look('accounts', () => management.accounts(signal));
  await look('firmware', () => firmware.components(signal));
  await look('storage', () => storage.controllers(signal));
  await look('boot mode', () => bootMode.bootMode(signal));
  await look('secure boot', () => bootMode.secureBoot(signal));
  await look('bios', async () => {
    const { attributes } = await bios.state(signal);
    const rules = await bios.registry(signal);
    const rule = rules.find(
      (r) => r.type === 'Enumeration' && r.readOnly !== true && (r.allowableValues?.length ?? 0) > 1,
    );
    const value = rule?.allowableValues?.find((v) => v !== attributes[rule.name]);
    assert.ok(rule !== undefined && value !== undefined, 'a setting with a choice');
    return await bios.set({ [rule.name]: value }, signal);
  });
  await look('events', async () => {
    const destination = 'http://127.0.0.1:9/events';
    const id = await events.subscribe({ destination, context: 'test' }, signal);
    assert.equal(await events.subscribe({ destination, context: 'test' }, signal), id, 'not twice');
    await events.unsubscribe(id, signal);
    assert.ok(
      (await events.subscriptions(signal)).every((s) => s.id !== id),
      'gone',
    );
    return 'subscribed and unsubscribed';
  });
  return found;
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
      const { media } = bmc;
      assert.ok(media !== undefined);
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
        const found = await others(bmc, signal);
        // Cisco lists no network cards.
        const nics = personality.name === 'cisco-cimc' ? /"nics":\[\]/ : /"nics":\[\{"mac":/;
        assert.match(found['inventory'] ?? '', nics);
        for (const name of ['sensors', 'firmware', 'accounts', 'bios'])
          assert.doesNotMatch(found[name] ?? '', /^BMC_/, name);
      } finally {
        await bmc.close();
        assert.equal(member.redfish?.service.sessions.list().length, 0, 'logged out');
        await fleet.close();
      }
    });
  }
});
