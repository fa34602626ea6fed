/** The service without quirks, at the level of HTTP. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:net';
import { test } from 'node:test';
import { FakeClock } from '../../../src/core/clock.ts';
import { PASSWORD, USER, messageOf, startTestBmc } from '../../support/redfish-sim.ts';

const SYSTEM = '/redfish/v1/Systems/1';
const CD = '/redfish/v1/Managers/BMC/VirtualMedia/CD1';
const RESET = `${SYSTEM}/Actions/ComputerSystem.Reset`;

test('only the root documents can be read without a login', async () => {
  await using t = await startTestBmc();
  assert.deepEqual((await t.get('/redfish', { login: false })).body, { v1: '/redfish/v1/' });
  for (const path of ['/redfish/v1', '/redfish/v1/', '/redfish/v1/odata', '/redfish/v1/$metadata']) {
    assert.equal((await t.get(path, { login: false })).status, 200, path);
  }
  const refused = await t.get(SYSTEM, { login: false });
  assert.equal(refused.status, 401);
  assert.match(String(refused.headers['www-authenticate']), /^Basic/);
  assert.equal(messageOf(refused), 'NoValidSession');
  assert.equal((await t.get('/redfish/v1/Nothing', { login: false })).status, 401, 'no hint at what exists');
  const wrong = { Authorization: `Basic ${btoa(`${USER}:wrong`)}` };
  assert.equal((await t.get(SYSTEM, { headers: wrong })).status, 401);
});

test('every link of the service can be followed', async () => {
  await using t = await startTestBmc();
  const seen = new Set<string>(['/redfish/v1/']);
  const queue = ['/redfish/v1/'];
  for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
    const got = await t.get(path);
    assert.equal(got.status, 200, path);
    assert.match(String(got.headers['link']), /rel=describedby/, path);
    assert.equal(got.headers['odata-version'], '4.0');
    assert.equal(String(got.body['@odata.id']), path);
    for (const [, link] of got.text.matchAll(/"@odata.id":"([^"#]+)"/g)) {
      if (link !== undefined && !seen.has(link)) {
        seen.add(link);
        queue.push(link);
      }
    }
  }
  assert.ok(seen.size > 40, `${seen.size} resources`);
});

test('the statuses of DSP0266: 404, 405, 406, 412, 415, 400, 501', async () => {
  await using t = await startTestBmc();
  assert.equal((await t.get('/redfish/v1/Systems/2')).status, 404);
  const not = await t.send('DELETE', SYSTEM);
  assert.equal(not.status, 405);
  assert.equal(not.headers['allow'], 'GET, HEAD, PATCH');
  assert.equal((await t.get(SYSTEM, { headers: { Accept: 'image/png' } })).status, 406);
  assert.equal((await t.get(SYSTEM, { headers: { 'OData-Version': '3.0' } })).status, 412);
  const text = { headers: { 'Content-Type': 'text/plain' }, raw: 'x' };
  assert.equal((await t.send('POST', RESET, undefined, text)).status, 415);
  assert.equal(messageOf(await t.send('POST', RESET, undefined, { raw: '{' })), 'MalformedJSON');
  assert.equal((await t.get(`${SYSTEM}?$filter=x`)).status, 501);
  assert.equal((await t.get(`${SYSTEM}?other=x`)).status, 200);
  const socket = connect(t.bmc.port, '127.0.0.1');
  socket.end('NOSUCHMETHOD / HTTP/1.1\r\nHost: x\r\n\r\n');
  const [answer] = (await once(socket, 'data')) as [Buffer];
  assert.match(answer.toString('latin1'), /^HTTP\/1.1 501 /);
});

test('sessions: token, Location, use, expiry, logout', async () => {
  const clock = new FakeClock();
  await using t = await startTestBmc({ clock });
  const login = () =>
    t.send('POST', '/redfish/v1/SessionService/Sessions', { UserName: USER, Password: PASSWORD }, { login: false });
  const made = await login();
  assert.equal(made.status, 201);
  assert.ok(!made.text.includes(PASSWORD));
  const where = String(made.headers['location']);
  const token = { login: false, headers: { 'X-Auth-Token': String(made.headers['x-auth-token']) } };
  assert.equal((await t.get(SYSTEM, token)).status, 200);
  await clock.advance(1700_000);
  assert.equal((await t.get(SYSTEM, token)).status, 200, 'used in time');
  await clock.advance(1801_000);
  assert.equal((await t.get(SYSTEM, token)).status, 401, 'expired');
  assert.equal((await t.get(where)).status, 404);
  const again = await login();
  assert.equal((await t.send('DELETE', String(again.headers['location']))).status, 204);
  const old = { login: false, headers: { 'X-Auth-Token': String(again.headers['x-auth-token']) } };
  assert.equal((await t.get(SYSTEM, old)).status, 401);
  const bad = { UserName: USER, Password: 'wrong-pass' };
  assert.equal((await t.send('POST', '/redfish/v1/SessionService/Sessions', bad, { login: false })).status, 401);
});

test('boot override: read back, spent by one start, kept when continuous', async () => {
  await using t = await startTestBmc();
  const boot = async () => (await t.get(SYSTEM)).body.Boot;
  const set = (more: object) => t.send('PATCH', SYSTEM, { Boot: more });
  assert.equal((await set({ BootSourceOverrideTarget: 'Pxe', BootSourceOverrideEnabled: 'Once' })).status, 204);
  assert.equal((await boot()).BootSourceOverrideTarget, 'Pxe');
  assert.equal((await t.send('POST', RESET, { ResetType: 'On' })).status, 204);
  await t.until(SYSTEM, (b) => b.PowerState === 'On' && b.BootProgress.LastState === 'OSRunning');
  assert.deepEqual(t.machine.boots.at(-1), { from: 'network', mode: 'UEFI', media: undefined });
  assert.equal((await boot()).BootSourceOverrideEnabled, 'Disabled');
  await set({ BootSourceOverrideTarget: 'Hdd', BootSourceOverrideEnabled: 'Continuous' });
  await t.send('POST', RESET, { ResetType: 'ForceRestart' });
  assert.equal(t.machine.boots.at(-1)?.from, 'disk');
  assert.equal((await boot()).BootSourceOverrideEnabled, 'Continuous');
  const uri = 'http://192.0.2.1/boot.efi';
  await set({ BootSourceOverrideTarget: 'UefiHttp', BootSourceOverrideEnabled: 'Once', HttpBootUri: uri });
  assert.equal((await boot()).HttpBootUri, uri);
  assert.equal((await set({ BootSourceOverrideTarget: 'Tape' })).status, 400);
  assert.equal(messageOf(await t.send('PATCH', SYSTEM, { PowerState: 'Off' })), 'PropertyNotWritable');
  assert.equal(messageOf(await t.send('PATCH', SYSTEM, { Nonsense: 1 })), 'PropertyUnknown');
});

test('power: what a machine that is off cannot do is a conflict', async () => {
  await using t = await startTestBmc();
  assert.equal((await t.send('POST', RESET, { ResetType: 'ForceRestart' })).status, 409);
  assert.equal((await t.send('POST', RESET, { ResetType: 'ForceOff' })).status, 204);
  assert.equal((await t.send('POST', RESET, {})).status, 400);
  assert.equal((await t.send('POST', RESET, { ResetType: 'Explode' })).status, 400);
  await t.send('POST', RESET, { ResetType: 'On' });
  await t.until(SYSTEM, (b) => b.PowerState === 'On');
  await t.send('POST', RESET, { ResetType: 'GracefulShutdown' });
  await t.until(SYSTEM, (b) => b.PowerState === 'Off');
});

test('a write with an old ETag is refused, with the present one taken', async () => {
  await using t = await startTestBmc();
  const first = await t.get(SYSTEM);
  const etag = String(first.headers['etag']);
  assert.equal(first.body['@odata.etag'], etag);
  const patch = (tag: string, led: string) =>
    t.send('PATCH', SYSTEM, { IndicatorLED: led }, { headers: { 'If-Match': tag } });
  assert.equal((await patch(etag, 'Lit')).status, 204);
  assert.equal((await patch(etag, 'Off')).status, 412);
  assert.equal((await t.get(SYSTEM)).body.IndicatorLED, 'Lit');
  const now = String((await t.get(SYSTEM)).headers['etag']);
  assert.equal((await t.get(SYSTEM, { headers: { 'If-None-Match': now } })).status, 304);
});

test('virtual media: insert, boot from it once, eject', async () => {
  await using t = await startTestBmc();
  const image = 'http://192.0.2.1/ramdisk.iso';
  const insert = () => t.send('POST', `${CD}/Actions/VirtualMedia.InsertMedia`, { Image: image });
  assert.equal((await insert()).status, 204);
  assert.equal((await insert()).status, 409, 'there is something in it');
  const view = (await t.get(CD)).body;
  assert.deepEqual([view.Inserted, view.Image], [true, image]);
  await t.send('PATCH', SYSTEM, { Boot: { BootSourceOverrideTarget: 'Cd', BootSourceOverrideEnabled: 'Once' } });
  await t.send('POST', RESET, { ResetType: 'On' });
  await t.until(SYSTEM, (b) => b.PowerState === 'On');
  assert.deepEqual(t.machine.boots, [{ from: 'cd', mode: 'UEFI', media: image }]);
  assert.equal((await t.send('POST', `${CD}/Actions/VirtualMedia.EjectMedia`)).status, 204);
  assert.equal((await t.get(CD)).body.Inserted, false);
  assert.equal((await t.send('POST', `${CD}/Actions/VirtualMedia.InsertMedia`, { Image: 'nfs://x' })).status, 400);
});

test('BIOS settings wait for the next start, checked by the registry', async () => {
  await using t = await startTestBmc();
  const bios = `${SYSTEM}/Bios`;
  const set = (attributes: object) => t.send('PATCH', `${bios}/Settings`, { Attributes: attributes });
  assert.equal((await set({ ProcVirtualization: 'Disabled', AcPwrRcvryUserDelay: 120 })).status, 204);
  assert.equal((await t.get(bios)).body.Attributes.ProcVirtualization, 'Enabled');
  assert.equal((await t.get(`${bios}/Settings`)).body.Attributes.ProcVirtualization, 'Disabled');
  for (const bad of [{ Nothing: 1 }, { ProcVirtualization: 'Maybe' }, { NumLock: 'yes' }, { SystemServiceTag: 'X' }]) {
    assert.equal((await set(bad)).status, 400, JSON.stringify(bad));
  }
  await t.send('POST', RESET, { ResetType: 'On' });
  await t.until(
    bios,
    (b) => b.Attributes.ProcVirtualization === 'Disabled' && b.Attributes.AcPwrRcvryUserDelay === 120,
  );
  assert.deepEqual((await t.get(`${bios}/Settings`)).body.Attributes, {});
  const registry = await t.get('/redfish/v1/Registries/BiosAttributeRegistry/BiosAttributeRegistry.json');
  const names = registry.body.RegistryEntries.Attributes.map((a: { AttributeName: string }) => a.AttributeName);
  assert.deepEqual(names.toSorted(), Object.keys((await t.get(bios)).body.Attributes).toSorted());
  await t.send('POST', `${bios}/Actions/Bios.ResetBios`, {});
  await t.send('POST', RESET, { ResetType: 'ForceRestart' });
  assert.equal((await t.get(bios)).body.Attributes.ProcVirtualization, 'Enabled');
});

test('Secure Boot and the boot mode follow a start', async () => {
  await using t = await startTestBmc();
  const path = `${SYSTEM}/SecureBoot`;
  await t.send('PATCH', path, { SecureBootEnable: true });
  assert.equal((await t.get(path)).body.SecureBootCurrentBoot, 'Disabled');
  await t.send('POST', RESET, { ResetType: 'On' });
  await t.until(path, (b) => b.SecureBootCurrentBoot === 'Enabled');
  await t.send('PATCH', `${SYSTEM}/Bios/Settings`, { Attributes: { BootMode: 'Bios' } });
  await t.send('POST', RESET, { ResetType: 'ForceRestart' });
  await t.until(SYSTEM, (b) => b.Boot.BootSourceOverrideMode === 'Legacy');
  assert.equal((await t.send('PATCH', path, { SecureBootEnable: true })).status, 400);
});

test('a firmware update is a task: fetched, staged for the machine, BMC restart for its own', async () => {
  const server = createServer((request, response) => {
    if (request.url === '/bios.bin') response.end('component=BIOS\nversion=2.0.0\n');
    else if (request.url === '/bmc.bin') response.end('component=BMC\nversion=3.1\n');
    else response.writeHead(404).end();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    await using t = await startTestBmc();
    const update = (name: string) =>
      t.send('POST', '/redfish/v1/UpdateService/Actions/UpdateService.SimpleUpdate', { ImageURI: `${base}/${name}` });
    const bios = await update('bios.bin');
    assert.equal(bios.status, 202);
    const task = String(bios.body['@odata.id']);
    await t.until(task, (b) => b.TaskState === 'Pending');
    assert.equal((await t.get(String(bios.headers['location']))).status, 202);
    await t.send('POST', RESET, { ResetType: 'On' });
    await t.until(task, (b) => b.TaskState === 'Completed');
    assert.equal((await t.get(SYSTEM)).body.BiosVersion, '2.0.0');
    const missing = await update('nothing.bin');
    const failed = await t.until(String(missing.body['@odata.id']), (b) => b.TaskState === 'Exception');
    assert.match(failed.Messages.at(-1).Message, /404/);
    const form = [
      '--x\r\nContent-Disposition: form-data; name="UpdateParameters"\r\nContent-Type: application/json\r\n\r\n{"Targets":[]}',
      '--x\r\nContent-Disposition: form-data; name="UpdateFile"; filename="f"\r\n\r\ncomponent=NIC1\nversion=9.9\n',
      '--x--\r\n',
    ].join('\r\n');
    const headers = { 'Content-Type': 'multipart/form-data; boundary=x' };
    const pushed = await t.send('POST', '/redfish/v1/UpdateService/MultipartUpload', undefined, { headers, raw: form });
    assert.equal(pushed.status, 202);
    await t.send('POST', RESET, { ResetType: 'ForceRestart' });
    await t.until(String(pushed.body['@odata.id']), (b) => b.TaskState !== 'Running' && b.TaskState !== 'New');
    await t.send('POST', RESET, { ResetType: 'ForceRestart' });
    await t.until('/redfish/v1/UpdateService/FirmwareInventory/NIC1', (b) => b.Version === '9.9');
    const login = { UserName: USER, Password: PASSWORD };
    const session = await t.send('POST', '/redfish/v1/SessionService/Sessions', login, { login: false });
    await update('bmc.bin');
    await t.until('/redfish/v1/Managers/BMC', (b) => b.FirmwareVersion === '3.1');
    // The restart comes after that: the session is its witness.
    const token = { login: false, headers: { 'X-Auth-Token': String(session.headers['x-auth-token']) } };
    for (let got; got?.status !== 401;) got = await t.get(SYSTEM, token).catch(() => undefined);
  } finally {
    server.close();
  }
});

test('volumes: made by a task, checked against drives and level, deleted', async () => {
  await using t = await startTestBmc();
  const controller = `${SYSTEM}/Storage/RAID1`;
  const drives = (await t.get(controller)).body.Drives as { '@odata.id': string }[];
  const make = (more: object) => t.send('POST', `${controller}/Volumes`, more);
  assert.equal((await make({ RAIDType: 'RAID1', Links: { Drives: drives.slice(0, 1) } })).status, 400);
  const made = await make({ RAIDType: 'RAID1', Links: { Drives: drives.slice(0, 2) } });
  assert.equal(made.status, 202);
  await t.until(String(made.body['@odata.id']), (b) => b.TaskState === 'Completed');
  assert.equal((await make({ RAIDType: 'RAID0', Links: { Drives: drives.slice(1, 2) } })).status, 409, 'in use');
  const [volume] = (await t.get(`${controller}/Volumes`)).body.Members;
  const view = (await t.get(volume['@odata.id'])).body;
  assert.equal(view.CapacityBytes, (await t.get(drives[0]?.['@odata.id'] ?? '')).body.CapacityBytes);
  assert.equal((await t.send('DELETE', volume['@odata.id'])).status, 204);
  assert.equal((await t.get(`${controller}/Volumes`)).body['Members@odata.count'], 0);
});

test('events reach their subscriber with its headers; the headers are not read back', async () => {
  const got: { token: unknown; body: string }[] = [];
  const receiver = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      got.push({ token: request.headers['x-token'], body });
      response.writeHead(204).end();
      receiver.emit('event');
    });
  });
  await once(receiver.listen(0, '127.0.0.1'), 'listening');
  const destination = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/events`;
  try {
    await using t = await startTestBmc();
    const subscriptions = '/redfish/v1/EventService/Subscriptions';
    const wanted = {
      Destination: destination,
      Protocol: 'Redfish',
      Context: 'host-1',
      HttpHeaders: [{ 'X-Token': 'abc' }],
    };
    const made = await t.send('POST', subscriptions, wanted);
    assert.equal(made.status, 201);
    assert.deepEqual((await t.get(String(made.headers['location']))).body.HttpHeaders, []);
    const arrived = once(receiver, 'event');
    await t.send('POST', '/redfish/v1/EventService/Actions/EventService.SubmitTestEvent', {
      MessageId: 'Base.1.12.Success',
    });
    await arrived;
    assert.equal(got[0]?.token, 'abc');
    const event = JSON.parse(got[0]?.body ?? '{}');
    assert.deepEqual([event.Context, event.Events[0].MessageId], ['host-1', 'Base.1.12.Success']);
    const power = once(receiver, 'event');
    await t.send('POST', RESET, { ResetType: 'On' });
    await power;
    assert.equal((await t.send('DELETE', String(made.headers['location']))).status, 204);
    assert.equal((await t.send('POST', subscriptions, { Destination: 'gopher://x' })).status, 400);
  } finally {
    receiver.close();
  }
});

test('accounts: roles bind, nobody sees a password', async () => {
  await using t = await startTestBmc();
  const accounts = '/redfish/v1/AccountService/Accounts';
  const made = await t.send('POST', accounts, { UserName: 'eve', Password: 'eve-secret', RoleId: 'ReadOnly' });
  assert.equal(made.status, 201);
  assert.ok(!made.text.includes('eve-secret'));
  const eve = { headers: { Authorization: `Basic ${btoa('eve:eve-secret')}` } };
  assert.equal((await t.get(SYSTEM, eve)).status, 200);
  assert.equal((await t.send('POST', RESET, { ResetType: 'On' }, eve)).status, 403);
  assert.equal(
    (await t.send('POST', accounts, { UserName: 'eve', Password: 'eve-secret', RoleId: 'Operator' })).status,
    409,
  );
  assert.equal((await t.send('POST', accounts, { UserName: 'ed', Password: 'short', RoleId: 'Operator' })).status, 400);
  assert.equal((await t.send('DELETE', String(made.headers['location']))).status, 204);
  assert.equal((await t.get(SYSTEM, eve)).status, 401);
});

test('$expand replaces links by what they name, one or two levels deep', async () => {
  await using t = await startTestBmc();
  const got = await t.get('/redfish/v1/Systems?$expand=.($levels=1)');
  assert.equal(got.body.Members[0].PowerState, 'Off');
  assert.deepEqual(got.body.Members[0].Bios, { '@odata.id': `${SYSTEM}/Bios` });
  const two = await t.get('/redfish/v1/Systems?$expand=.($levels=2)');
  assert.equal(two.body.Members[0].Bios.Attributes.NumLock, true);
  assert.equal((await t.get('/redfish/v1/Systems?$expand=x')).status, 400);
  assert.equal((await t.get('/redfish/v1/Systems?only')).body.PowerState, 'Off');
});

test('faults: refused, late, cut off, restarted under a request, hanging after a burst', async () => {
  await using t = await startTestBmc();
  const { faults } = t.bmc;
  faults.busyRequests = 2;
  for (const status of [503, 503, 200]) assert.equal((await t.get(SYSTEM)).status, status);
  faults.cutAnswers = 1;
  await assert.rejects(t.get(SYSTEM), /ECONNRESET|aborted|hang up/);
  assert.equal((await t.get(SYSTEM)).status, 200);
  faults.delayMs = 60;
  const start = performance.now();
  await t.get(SYSTEM);
  assert.ok(performance.now() - start >= 55);
  delete faults.delayMs;
  const login = { UserName: USER, Password: PASSWORD };
  const session = await t.send('POST', '/redfish/v1/SessionService/Sessions', login, { login: false });
  faults.restartOn = (method, path) => method === 'POST' && path === RESET;
  await assert.rejects(t.send('POST', RESET, { ResetType: 'On' }));
  await assert.rejects(t.get(SYSTEM), /ECONNREFUSED/);
  await t.until(SYSTEM, (b) => b.PowerState === 'On');
  const token = { login: false, headers: { 'X-Auth-Token': String(session.headers['x-auth-token']) } };
  assert.equal((await t.get(SYSTEM, token)).status, 401, 'sessions do not outlive a restart');
  faults.burst = { requests: 3, withinMs: 60_000, forMs: 80 };
  const quick = performance.now();
  for (let i = 0; i < 4; i++) await t.get(SYSTEM);
  assert.ok(performance.now() - quick >= 70, 'the fourth had to wait');
});

test('TLS with a self-signed certificate that the service itself shows', async () => {
  await using t = await startTestBmc({ tls: true });
  assert.match(t.bmc.url, /^https:/);
  const [certificate] = (await t.get('/redfish/v1/Managers/BMC/NetworkProtocol/HTTPS/Certificates')).body.Members;
  assert.match((await t.get(certificate['@odata.id'])).body.CertificateString, /BEGIN CERTIFICATE/);
});
