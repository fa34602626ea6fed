import assert from 'node:assert/strict';
import test from 'node:test';
import { FakeClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/log.ts';
import { redfishErrors } from '../../src/redfish/errors.ts';
import { candidates, readSlot } from '../../src/redfish/media-slots.ts';
import { VirtualMedia } from '../../src/redfish/virtual-media.ts';
import { type Body, FakeCalls, refused } from '../support/redfish-calls.ts';
import { runClock } from '../support/run-clock.ts';

const URL_A = 'http://192.0.2.1:8080/a/host.iso';
const VM = '/redfish/v1/Systems/1/VirtualMedia';
const MANAGER_VM = '/redfish/v1/Managers/1/VirtualMedia';
// Unit tests share one process: the time counts from when it started.
const signal = AbortSignal.timeout(900_000);

const actions = (path: string) => ({
  '#VirtualMedia.InsertMedia': { target: `${path}/Insert` },
  '#VirtualMedia.EjectMedia': { target: `${path}/Eject` },
});
const slot = (path: string, more: Body = {}): Body => ({
  Name: path.slice(path.lastIndexOf('/') + 1),
  MediaTypes: ['CD', 'DVD'],
  Inserted: false,
  Image: null,
  Actions: actions(path),
  ...more,
});

interface Bmc {
  calls: FakeCalls;
  media: VirtualMedia;
  run<T>(work: Promise<T>): Promise<T>;
}

/** A BMC with slots that obey, unless the test says otherwise. */
function bmcWith(slots: Record<string, Body>, collection = VM): Bmc {
  const system: Body =
    collection === VM
      ? { VirtualMedia: { '@odata.id': VM }, Links: { ManagedBy: [{ '@odata.id': '/redfish/v1/Managers/1' }] } }
      : { Links: { ManagedBy: [{ '@odata.id': '/redfish/v1/Managers/1' }] } };
  const calls = new FakeCalls({
    '/redfish/v1/Systems/1': system,
    '/redfish/v1/Managers/1': { VirtualMedia: { '@odata.id': MANAGER_VM } },
  });
  calls.collection(collection, slots);
  for (const name of Object.keys(slots)) {
    const path = `${collection}/${name}`;
    const resource = calls.resources.get(path)!;
    calls.on(
      'POST',
      `${path}/Insert`,
      (body) => void Object.assign(resource, { Inserted: true, Image: body?.['Image'] }),
    );
    calls.on('POST', `${path}/Eject`, () => void Object.assign(resource, { Inserted: false, Image: null }));
  }
  const clock = new FakeClock();
  const media = new VirtualMedia({ calls, system: () => calls.get('/redfish/v1/Systems/1'), clock, log: silentLogger });
  return { calls, media, run: async (work) => (await runClock(clock, work)).value };
}

const writes = (calls: FakeCalls) => calls.log.map((line) => line.replace(`${VM}/`, '').replace(`${MANAGER_VM}/`, ''));

test('redfish 5: the image alone is enough for most; it is read back', async () => {
  const { media, calls, run } = bmcWith({ Cd: slot(`${VM}/Cd`) });
  const found = await run(media.insert(URL_A, { keepOthers: false }, signal));
  assert.equal(found.image, URL_A);
  assert.deepEqual(writes(calls), [`POST Cd/Insert {"Image":"${URL_A}"}`]);
});

test('redfish 5: slots under the manager serve where the system has none', async () => {
  const { media, run } = bmcWith({ CD1: slot(`${MANAGER_VM}/CD1`) }, MANAGER_VM);
  assert.equal((await run(media.insert(URL_A, { keepOthers: false }, signal))).id, `${MANAGER_VM}/CD1`);
});

test('redfish 5: eight forms of the request, until the BMC likes one (NVIDIA wants a user)', async () => {
  const { media, calls, run } = bmcWith({ Cd: slot(`${VM}/Cd`) });
  const resource = calls.resources.get(`${VM}/Cd`)!;
  calls.on('POST', `${VM}/Cd/Insert`, (body) => {
    if (body?.['UserName'] === undefined) throw refused(400, 'Base.ActionParameterMissing');
    Object.assign(resource, { Inserted: true, Image: body['Image'] });
  });
  await run(media.insert(URL_A, { keepOthers: false }, signal));
  assert.match(writes(calls).at(-1) ?? '', /"TransferProtocolType":"HTTP","TransferMethod":"Stream","UserName":"none"/);
});

test('redfish 5: a slot without actions is written by PATCH (Lenovo)', async () => {
  const { media, calls, run } = bmcWith({ EXT1: slot(`${VM}/EXT1`, { Actions: {} }) });
  await run(media.insert(URL_A, { keepOthers: false }, signal));
  assert.deepEqual(writes(calls), [`PATCH EXT1 {"Image":"${URL_A}","Inserted":true,"WriteProtected":true}`]);
  await run(media.eject(undefined, signal));
  assert.equal(writes(calls).at(-1), 'PATCH EXT1 {"Image":null,"Inserted":false}');
});

test('redfish 5: slots that refuse are passed over (OpenBMC proxy, Cisco DVD)', async () => {
  const { media, calls, run } = bmcWith({
    Proxy: slot(`${VM}/Proxy`),
    Dvd: slot(`${VM}/Dvd`, { MediaTypes: ['DVD'] }),
    Floppy: slot(`${VM}/Floppy`, { MediaTypes: ['Floppy'] }),
  });
  calls.on('POST', `${VM}/Proxy/Insert`, () => {
    throw refused(405, 'Base.ActionNotSupported');
  });
  assert.equal((await run(media.insert(URL_A, { keepOthers: false }, signal))).id, `${VM}/Dvd`);
  assert.ok(!writes(calls).some((line) => line.includes('Floppy')));
});

test('redfish 5: what is in a slot is ejected first; HPE wants an empty body for that', async () => {
  const { media, calls, run } = bmcWith({ Cd: slot(`${VM}/Cd`, { Inserted: true, Image: 'http://old/x.iso' }) });
  const resource = calls.resources.get(`${VM}/Cd`)!;
  calls.on('POST', `${VM}/Cd/Eject`, (body) => {
    if (body === undefined) throw refused(415, 'Base.UnsupportedMediaType');
    Object.assign(resource, { Inserted: false, Image: null });
  });
  await run(media.insert(URL_A, { keepOthers: false }, signal));
  assert.deepEqual(writes(calls), ['POST Cd/Eject', 'POST Cd/Eject {}', `POST Cd/Insert {"Image":"${URL_A}"}`]);
});

test('redfish 5: a stale Inserted that cannot be ejected does not stop the insert (iDRAC)', async () => {
  const { media, calls, run } = bmcWith({ Cd: slot(`${VM}/Cd`, { Inserted: true }) });
  calls.on('POST', `${VM}/Cd/Eject`, () => {
    throw refused(500, 'IDRAC.VRM0021');
  });
  assert.equal((await run(media.insert(URL_A, { keepOthers: false }, signal))).image, URL_A);
});

test('redfish 5: 5xx is tried three times; an answer 500 is never success though Inserted reads true (sushy-tools)', async () => {
  const { media, calls, run } = bmcWith({ Cd: slot(`${VM}/Cd`) });
  const resource = calls.resources.get(`${VM}/Cd`)!;
  calls.on('POST', `${VM}/Cd/Insert`, () => {
    Object.assign(resource, { Inserted: true });
    throw refused(500, 'Base.GeneralError');
  });
  await assert.rejects(run(media.insert(URL_A, { keepOthers: false }, signal)), (error) => {
    assert.ok(redfishErrors.is(error, 'REDFISH_NOT_APPLIED'));
    return /Cd: .*500/.test(error.message);
  });
  assert.equal(writes(calls).length, 3);
});

test('redfish 5: an insert that does not read back is no success', async () => {
  const { media, calls, run } = bmcWith({ Cd: slot(`${VM}/Cd`) });
  calls.on('POST', `${VM}/Cd/Insert`, () => {});
  await assert.rejects(run(media.insert(URL_A, { keepOthers: false }, signal)), /hold the image/);
});

test('redfish 5: ejecting what is empty sends nothing; without any virtual media the error says so', async () => {
  const { media, calls, run } = bmcWith({ Cd: slot(`${VM}/Cd`) });
  await run(media.eject(undefined, signal));
  assert.deepEqual(calls.log, []);
  const none = bmcWith({});
  await assert.rejects(none.run(none.media.slots(signal)), /no virtual media/);
});

test('upload-only slots come last, empty ones before full ones', () => {
  const read = (id: string, more: Body = {}) => readSlot({ path: `${VM}/${id}`, body: slot(id, more) as never });
  const order = candidates([
    read('RDOC1'),
    read('Full', { Inserted: true }),
    read('Usb', { MediaTypes: ['USBStick'] }),
    read('Empty'),
  ]).map((s) => s.name);
  assert.deepEqual(order, ['Empty', 'Full', 'RDOC1']);
});
