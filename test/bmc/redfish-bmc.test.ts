import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import test from 'node:test';
import type { Bmc } from '../../src/bmc/bmc.ts';
import { bmcErrors } from '../../src/bmc/errors.ts';
import { type OpenBmcOptions, openBmc } from '../../src/bmc/open.ts';
import { SCHEMES as BMC_SCHEMES } from '../../src/bmc/schemes.ts';
import { systemClock } from '../../src/core/clock.ts';
import type { IngotError } from '../../src/core/errors.ts';
import { type LogLine, memoryLogger } from '../../src/core/log.ts';
import { QUICK } from '../support/redfish-client.ts';
import { PASSWORD, ROOT, RedfishServer, SessionBook, extended } from '../support/redfish-server.ts';
import { selfSignedPair } from '../support/self-signed.ts';

const SYSTEM = `${ROOT}/Systems/1`;
const never = new AbortController().signal;

/** A whole if small BMC: one system with power, boot and Secure Boot, and a manager. */
async function service(tls?: { key: string; cert: string }) {
  const server = await new RedfishServer(tls).listen();
  const book = new SessionBook(server);
  const boot: Record<string, unknown> = { BootSourceOverrideTarget: 'None', BootSourceOverrideEnabled: 'Disabled' };
  const state = { power: 'Off' };
  server.get(`${ROOT}/Systems`, { Members: [{ '@odata.id': SYSTEM }] });
  server.on('GET', SYSTEM, () => ({
    body: {
      '@odata.id': SYSTEM,
      '@odata.type': '#ComputerSystem.v1_20_0.ComputerSystem',
      Manufacturer: 'Contoso',
      Model: '3500',
      UUID: '38947555-7742-3448-3784-823347823834',
      PowerState: state.power,
      Boot: boot,
      Links: { ManagedBy: [{ '@odata.id': `${ROOT}/Managers/1` }] },
      Actions: { '#ComputerSystem.Reset': { target: `${SYSTEM}/Actions/ComputerSystem.Reset` } },
    },
  }));
  server.get(`${ROOT}/Managers/1`, { FirmwareVersion: '2.10' });
  server.on('PATCH', SYSTEM, ({ body }) => {
    Object.assign(boot, (body as { Boot: object }).Boot);
    return { status: 204 };
  });
  server.on('POST', `${SYSTEM}/Actions/ComputerSystem.Reset`, ({ body }) => {
    state.power = (body as { ResetType: string }).ResetType === 'On' ? 'On' : 'Off';
    return { status: 204 };
  });
  return { server, book, boot, state };
}

function open(address: string, more: Partial<OpenBmcOptions> = {}, lines: LogLine[] = []): Bmc {
  return openBmc({
    address,
    credentials: { username: 'admin', password: PASSWORD },
    disableCertificateVerification: false,
    doors: { clock: systemClock, random: Math.random, log: memoryLogger(lines) },
    redfishTiming: QUICK,
    ...more,
  });
}

const SCHEMES = Object.keys(BMC_SCHEMES).filter((scheme) => BMC_SCHEMES[scheme]?.driver === 'redfish');

test('every scheme of the Redfish family opens, and the session is given back', async () => {
  const { server, book } = await service();
  await using _ = server;
  assert.equal(SCHEMES.length, 7);
  for (const scheme of SCHEMES) {
    const bmc = open(`${scheme}+http://127.0.0.1:${server.port}/redfish/v1/Systems/1/`);
    assert.deepEqual(await bmc.verify(never), {
      protocol: 'Redfish 1, session authentication',
      manufacturer: 'Contoso',
      product: '3500',
      firmwareVersion: '2.10',
      guid: '38947555-7742-3448-3784-823347823834',
    });
    await bmc.close();
  }
  assert.deepEqual([book.logins, book.tokens.size], [SCHEMES.length, 0]);
});

test('what a host needs to boot the ramdisk: network once, read back, power on', async () => {
  const { server, boot, state } = await service();
  await using _ = server;
  const lines: LogLine[] = [];
  const bmc = open(`redfish+http://127.0.0.1:${server.port}`, {}, lines);
  await bmc.setPower('off', never);
  await bmc.setBootOverride({ device: 'pxe', persistence: 'once', firmware: 'uefi' }, never);
  await bmc.setPower('on', never);
  assert.deepEqual(boot, { BootSourceOverrideTarget: 'Pxe', BootSourceOverrideEnabled: 'Once' });
  assert.equal(state.power, 'On');
  await bmc.close();
  const told = JSON.stringify(lines);
  assert.ok(!told.includes(PASSWORD) && !told.includes('token-1'), 'no secret in the log');
});

test('errors are those of a BMC, with address, reason and what to do', async () => {
  const { server } = await service();
  await using _ = server;
  const address = `redfish+http://127.0.0.1:${server.port}`;
  const meets = async (work: Promise<unknown>, code: string, message: RegExp) => {
    await assert.rejects(work, (error: IngotError) => {
      assert.ok(bmcErrors.is(error), String(error));
      assert.equal(error.code, code);
      assert.match(error.message, message);
      assert.ok(error.message.startsWith(`BMC ${address}`), error.message);
      assert.ok(!JSON.stringify([error.message, error.seen]).includes(PASSWORD));
      return true;
    });
  };
  const wrong = { credentials: { username: 'admin', password: 'no' } };
  await meets(open(address, wrong).verify(never), 'BMC_AUTH_FAILED', /user name or password refused/);
  await meets(open(`${address}${ROOT}/Systems/2`).verify(never), 'BMC_SYSTEM_NOT_FOUND', /it has .*Systems\/1$/);
  const bmc = open(address);
  server.on('PATCH', SYSTEM, { status: 400, body: extended('Base.1.0.PropertyNotWritable', 'not writable') });
  const pxe = { device: 'pxe', persistence: 'once', firmware: 'uefi' } as const;
  await meets(bmc.setBootOverride(pxe, never), 'BMC_BOOT_NOT_ACCEPTED', /not writable/);
  await meets(bmc.bootMode?.setSecureBoot(true, never) ?? Promise.resolve(), 'BMC_UNSUPPORTED', /no Secure Boot/);
  server.on('GET', SYSTEM, { body: '<html>starting</html>' });
  await meets(bmc.powerState(never), 'BMC_INCOMPATIBLE', /no JSON object/);
  await bmc.close();
  await meets(bmc.powerState(never), 'BMC_CLOSED', /closed/);
});

test('trust: the CA of the Secret, the CA of all, the fingerprint of the host; and settings that cannot be read', async () => {
  const pair = await selfSignedPair();
  const { server } = await service(pair);
  await using _ = server;
  const address = `redfish://127.0.0.1:${server.port}`;
  const credentials = { username: 'admin', password: PASSWORD, ca: pair.cert };
  const doors = { clock: systemClock, random: Math.random, log: memoryLogger([]), ca: pair.cert };
  const fingerprint = `sha256:${new X509Certificate(pair.cert).fingerprint256}`;
  for (const more of [{ credentials }, { doors }, { fingerprint }, { disableCertificateVerification: true }]) {
    const bmc = open(address, more);
    await bmc.verify(never);
    await bmc.close();
  }
  await assert.rejects(open(address).verify(never), (error) => bmcErrors.is(error, 'BMC_TLS_UNTRUSTED'));
  for (const more of [
    { fingerprint: 'sha256:beef' },
    { credentials: { ...credentials, ca: 'no certificate' } },
    { doors: { ...doors, ca: '' } },
  ]) {
    assert.throws(
      () => open(address, more),
      (error) => bmcErrors.is(error, 'BMC_TLS_SETTINGS'),
    );
  }
});
