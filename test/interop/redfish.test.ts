/** Our Redfish client against sushy-tools, which speaks for itself: no sessions, plain-text errors, slow power. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import type { Bmc } from '../../src/bmc/bmc.ts';
import { type OpenBmcOptions, openBmc } from '../../src/bmc/open.ts';
import { systemClock } from '../../src/core/clock.ts';
import { IngotError } from '../../src/core/errors.ts';
import { silentLogger } from '../../src/core/log.ts';
import { selfSignedPair } from '../support/self-signed.ts';
import { type SushyFake, startSushyFake } from '../support/sushy-fake.ts';

const PASSWORD = 'sushy pässword';
const never = AbortSignal.timeout(300_000);

suite('sushy-tools, fake driver', { timeout: 300_000, concurrency: true }, () => {
  let several: SushyFake;
  let only: SushyFake;
  let secured: SushyFake;
  const dir = mkdtempSync(join(tmpdir(), 'ingot-sushy-tls-'));
  const opened: Bmc[] = [];

  before(async () => {
    const tls = { certificate: join(dir, 'cert.pem'), key: join(dir, 'key.pem') };
    const pair = await selfSignedPair('emulator');
    await Promise.all([writeFile(tls.certificate, pair.cert), writeFile(tls.key, pair.key)]);
    [several, only, secured] = await Promise.all([
      startSushyFake({ systems: ['node-a', 'node-b', 'node-c'], password: PASSWORD }),
      startSushyFake({ systems: ['alone'] }),
      startSushyFake({ systems: ['alone'], tls }),
    ]);
  });
  after(async () => {
    await Promise.all(opened.map((bmc) => bmc.close()));
    await Promise.all([several?.close(), only?.close(), secured?.close()]);
    rmSync(dir, { recursive: true });
  });

  function open(address: string, more: Partial<OpenBmcOptions> = {}): Bmc {
    const bmc = openBmc({
      address,
      credentials: { username: 'admin', password: PASSWORD },
      disableCertificateVerification: false,
      doors: { clock: systemClock, random: Math.random, log: silentLogger },
      ...more,
    });
    opened.push(bmc);
    return bmc;
  }
  const system = (name: string) => open(`redfish+http://${several.endpoint}/redfish/v1/Systems/${name}`);

  async function fails(work: Promise<unknown>, code: string, words: RegExp): Promise<void> {
    await assert.rejects(work, (error: unknown) => {
      assert.ok(error instanceof IngotError, String(error));
      assert.equal(error.code, code, String(error));
      assert.match(error.message, words);
      assert.ok(!JSON.stringify([error.message, error.seen]).includes(PASSWORD));
      return true;
    });
  }

  test('a system by its id and by its name, which redirects; the only one without a path', async () => {
    const info = await system('node-a-id').verify(never);
    assert.deepEqual(info, {
      protocol: 'Redfish 1.5.0, basic authentication',
      manufacturer: 'Sushy Emulator',
      firmwareVersion: '1.00',
      guid: 'node-a-id',
    });
    assert.equal((await system('node-a').verify(never)).guid, 'node-a-id');
    for (const path of ['', '/', '/redfish/v1', '/redfish/v1/']) {
      assert.equal((await open(`redfish+http://${only.endpoint}${path}`).verify(never)).guid, 'alone-id');
    }
  });

  test('several systems and no path, a system that is not there, something that is no system', async () => {
    const paths = /has 3 systems: \/redfish\/v1\/Systems\/node-a-id, .*node-b-id, .*node-c-id/;
    await fails(open(`redfish+http://${several.endpoint}`).verify(never), 'BMC_SYSTEM_AMBIGUOUS', paths);
    await fails(system('node-x').verify(never), 'BMC_SYSTEM_NOT_FOUND', /no such system; it has .*node-a-id/);
    const manager = open(`redfish+http://${only.endpoint}/redfish/v1/Managers/alone-id`);
    await fails(manager.verify(never), 'BMC_SYSTEM_NOT_FOUND', /is a Manager, not a system; it has .*alone-id/);
  });

  test('a wrong password and an unknown user are refused', async () => {
    const address = `redfish+http://${several.endpoint}/redfish/v1/Systems/node-a-id`;
    for (const credentials of [
      { username: 'admin', password: 'not it' },
      { username: 'nobody', password: PASSWORD },
    ]) {
      await fails(open(address, { credentials }).verify(never), 'BMC_AUTH_FAILED', /refused \(HTTP 401\)/);
    }
  });

  test('TLS: a self-signed certificate is refused with its fingerprint, which then lets us in', async () => {
    const address = `redfish://${secured.endpoint}`;
    let fingerprint = '';
    await assert.rejects(open(address).verify(never), (error: IngotError) => {
      assert.equal(error.code, 'BMC_TLS_UNTRUSTED');
      fingerprint = /sha256:[0-9a-f]{64}/.exec(error.message)?.[0] ?? '';
      return true;
    });
    assert.equal((await open(address, { fingerprint }).verify(never)).guid, 'alone-id');
    const open1 = await open(address, { disableCertificateVerification: true }).verify(never);
    assert.equal(open1.guid, 'alone-id');
    await fails(open(`redfish+http://${secured.endpoint}`).verify(never), 'BMC_UNREACHABLE', /broke off|no HTTP/);
  });

  test('power: on, restart, off, each confirmed by the state although the emulator takes seconds', async () => {
    const bmc = system('node-a-id');
    assert.equal(await bmc.powerState(never), 'off');
    await bmc.setPower('on', never);
    assert.equal(await bmc.powerState(never), 'on');
    await bmc.setPower('on', never);
    await bmc.setPower('reset', never);
    assert.equal(await bmc.powerState(never), 'on');
    await bmc.setPower('off', never);
    assert.equal(await bmc.powerState(never), 'off');
  });

  test('power: cycle switches off and on', async () => {
    const bmc = system('node-b-id');
    await bmc.setPower('cycle', never);
    assert.equal(await bmc.powerState(never), 'on');
  });

  test('boot override: every device it offers is set and read back; one it does not offer is said', async () => {
    const bmc = system('node-c-id');
    for (const device of ['pxe', 'disk', 'cdrom'] as const) {
      for (const persistence of ['once', 'persistent'] as const) {
        await bmc.setBootOverride({ device, persistence, firmware: 'uefi' }, never);
        assert.equal((await bmc.bootOverride(never)).device, device);
      }
    }
    const setup = bmc.setBootOverride({ device: 'bios-setup', persistence: 'once', firmware: 'uefi' }, never);
    await fails(setup, 'BMC_UNSUPPORTED', /it offers Pxe, Cd, Hdd, UefiHttp/);
    assert.equal((await bmc.bootOverride(never)).device, 'cdrom');
    // Fetched by the emulator at once, so a server that is not there is a refusal.
    const http = {
      device: 'http',
      persistence: 'once',
      firmware: 'uefi',
      httpUri: 'http://127.0.0.1:9/x.efi',
    } as const;
    await fails(bmc.setBootOverride(http, never), 'BMC_BOOT_NOT_ACCEPTED', /boot override http: /);
  });

  test('boot mode and Secure Boot', async () => {
    const { bootMode } = open(`redfish+http://${only.endpoint}`);
    assert.ok(bootMode !== undefined);
    assert.equal(await bootMode.bootMode(never), 'uefi');
    assert.equal(await bootMode.setBootMode('uefi', never), 'done');
    await bootMode.setBootMode('legacy', never);
    assert.equal(await bootMode.bootMode(never), 'legacy');
    assert.equal(await bootMode.secureBoot(never), false);
    await bootMode.setSecureBoot(true, never);
    assert.equal(await bootMode.secureBoot(never), true);
  });
});
