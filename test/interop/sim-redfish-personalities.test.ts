/** Our Redfish client against every vendor's ways: the wanted state, or an error that says which. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import type { Bmc } from '../../src/bmc/bmc.ts';
import { bmcErrors } from '../../src/bmc/errors.ts';
import { openBmc } from '../../src/bmc/open.ts';
import { sleep, systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/log.ts';
import { type FleetMember, startFleet } from '../../src/sim/fleet.ts';
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
  const { events, inspection, sensing, eventLog, management, bootMode } = bmc;
  assert.ok(events && inspection && sensing && eventLog && management && bootMode);
  await look('inventory', () => inspection.inventory(signal));
  await look('sensors', () => sensing.sensors(signal));
  await look('log', () => eventLog.entries(5, signal));
  await look('accounts', () => management.accounts(signal));
  await look('boot mode', () => bootMode.bootMode(signal));
  await look('secure boot', () => bootMode.secureBoot(signal));
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

/** BIOS settings, firmware and a volume, each to where it is wanted, with the starts of the machine that it needs. */
async function configure(bmc: Bmc, member: FleetMember, image: string, signal: AbortSignal): Promise<void> {
  const { bios, firmware, storage } = bmc;
  assert.ok(bios && firmware && storage && member.redfish);
  const { service } = member.redfish;
  const rules = await bios.registry(signal);
  assert.ok(rules.some((r) => r.name === 'ProcVirtualization' && r.allowableValues?.includes('Disabled') === true));
  assert.equal(await bios.set({ ProcVirtualization: 'Disabled' }, signal), 'pending');
  assert.equal((await bios.state(signal)).attributes['ProcVirtualization'], 'Enabled', 'not before a start');

  const handle = await firmware.start({ component: 'bios', url: image }, signal);
  await until('firmware taken', signal, async () => {
    const state = await firmware.state(handle, signal);
    assert.notEqual(state.kind, 'failed', state.text);
    return state.kind !== 'running';
  });
  const [controller] = await storage.controllers(signal);
  assert.ok(controller !== undefined);
  const drives = controller.drives.slice(0, 2).map((d) => d.id);
  const wish = { controller: controller.id, name: 'root', level: '1', drives };
  const raid = !service.quirks.has('no-raid');
  if (raid) await storage.createVolume(wish, signal);
  else {
    await assert.rejects(storage.createVolume(wish, signal), (error) => bmcErrors.is(error, 'BMC_UNSUPPORTED'));
  }
  await bmc.setPower('on', signal);
  await until('all applied', signal, async () => {
    const { attributes } = await bios.state(signal);
    const version = (await firmware.components(signal)).find((c) => c.component === 'bios')?.version;
    const volumes = (await storage.controllers(signal)).flatMap((c) => c.volumes);
    return (
      attributes['ProcVirtualization'] === 'Disabled' &&
      version === '99.1' &&
      (!raid || (volumes.length === 1 && volumes[0]?.level === '1'))
    );
  });
  await bmc.setPower('off', signal);
}

async function until(what: string, signal: AbortSignal, reached: () => Promise<boolean>): Promise<void> {
  for (const end = performance.now() + 120_000; ;) {
    if (await reached()) return;
    assert.ok(performance.now() < end, `${what}: never`);
    await sleep(systemClock, 200, signal);
  }
}

/** Side by side: most of the time is waiting as long as the vendors ask for. */
describe('redfish: every personality', { concurrency: true }, () => {
  const images = createServer((_, response) => response.end('component=BIOS\nversion=99.1\n'));
  let image = '';
  before(async () => {
    await new Promise<void>((resolve) => images.listen(0, '127.0.0.1', resolve));
    image = `http://127.0.0.1:${(images.address() as AddressInfo).port}/bios.bin`;
  });
  after(() => images.close());
  for (const personality of PERSONALITIES) {
    test(`${personality.name}: power, boot, virtual media, BIOS, firmware, RAID, and all that can be read`, async () => {
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
        await configure(bmc, member, image, signal);
        const found = await others(bmc, signal);
        // Cisco lists no network cards.
        const nics = personality.name === 'cisco-cimc' ? /"nics":\[\]/ : /"nics":\[\{"mac":/;
        assert.match(found['inventory'] ?? '', nics);
        for (const name of ['sensors', 'accounts', 'log', 'events', 'boot mode', 'secure boot'])
          assert.doesNotMatch(found[name] ?? '', /^BMC_/, name);
      } finally {
        await bmc.close();
        assert.equal(member.redfish?.service.sessions.list().length, 0, 'logged out');
        await fleet.close();
      }
    });
  }
});
