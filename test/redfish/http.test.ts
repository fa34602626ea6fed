import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import test from 'node:test';
import { gzipSync } from 'node:zlib';
import { redfishErrors, refusalOf } from '../../src/redfish/errors.ts';
import { clientOf, forever } from '../support/redfish-client.ts';
import { ROOT, RedfishServer, extended } from '../support/redfish-server.ts';

const SYSTEM = `${ROOT}/Systems/1`;
const basic = async () => (await new RedfishServer().listen()).get(ROOT, {}).get(SYSTEM, { PowerState: 'On' });
const is = (code: Parameters<typeof redfishErrors.is>[1]) => (error: unknown) => {
  assert.ok(redfishErrors.is(error, code), String(error));
  return true;
};

test('redfish 2: ETags: strong, weak, empty, none, and the ladder after 412', async () => {
  const cases: { etag?: string; accepts: (match: string | undefined) => number; tried: (string | undefined)[] }[] = [
    { etag: '"1"', accepts: (m) => (m === '"1"' ? 200 : 412), tried: ['"1"'] },
    { etag: 'W/"1"', accepts: (m) => (m === '"1"' ? 200 : 412), tried: ['W/"1"', '"1"'] },
    { etag: 'W/"1"', accepts: (m) => (m === undefined ? 204 : 412), tried: ['W/"1"', '"1"', undefined] },
    { etag: '""', accepts: (m) => (m === undefined ? 200 : 412), tried: [undefined] },
    { etag: 'W/""', accepts: (m) => (m === undefined ? 200 : 412), tried: [undefined] },
    { accepts: (m) => (m === '"now"' ? 200 : 428), tried: [undefined, '"now"'] },
    { etag: '"old"', accepts: (m) => (m === '*' ? 200 : 428), tried: ['"old"', '"now"', '*'] },
  ];
  for (const { etag, accepts, tried } of cases) {
    await using server = await basic();
    server.get(SYSTEM, {}, { etag: '"now"' });
    server.on('PATCH', SYSTEM, ({ headers }) => ({ status: accepts(headers['if-match']) }));
    await using client = clientOf(server);
    await client.patch(SYSTEM, { AssetTag: 'x' }, forever, etag === undefined ? {} : { etag });
    assert.deepEqual(
      server.requests('PATCH').map((s) => s.headers['if-match']),
      tried,
    );
  }
});

test('redfish 2: a resource that is refused in every form is refused, after a bounded number of writes', async () => {
  for (const status of [412, 428]) {
    await using server = await basic();
    server.on('PATCH', SYSTEM, { status });
    await using client = clientOf(server);
    await assert.rejects(client.patch(SYSTEM, {}, forever, { etag: 'W/"1"' }), is('REDFISH_REFUSED'));
    assert.ok(server.requests('PATCH').length <= 4);
  }
});

test('redfish 2: the ETag is read from the header or from the body, an empty one is none', async () => {
  await using server = await basic();
  server
    .get(`${ROOT}/a`, {}, { etag: 'W/"7"' })
    .get(`${ROOT}/b`, { '@odata.etag': '"8"' })
    .get(`${ROOT}/c`, {}, { etag: '' });
  await using client = clientOf(server);
  const etags = [];
  for (const name of ['a', 'b', 'c']) etags.push((await client.get(`${ROOT}/${name}`, forever)).etag);
  assert.deepEqual(etags, ['W/"7"', '"8"', undefined]);
});

test('redfish 2: 406 to identity: asked without it from then on; answers that come compressed are read', async () => {
  await using server = await basic();
  server.on('GET', SYSTEM, ({ headers }) =>
    headers['accept-encoding'] === undefined
      ? { body: gzipSync('{"PowerState": "Off"}'), headers: { 'content-encoding': 'gzip', etag: 'W/"z"' } }
      : { status: 406 },
  );
  await using client = clientOf(server);
  assert.equal((await client.get(SYSTEM, forever)).body['PowerState'], 'Off');
  assert.equal((await client.get(SYSTEM, forever)).etag, 'W/"z"');
  assert.equal(server.requests('GET', SYSTEM).length, 3);
});

test('redfish 2: redirects by 307 and 308 keep method and body and stay on the BMC', async () => {
  await using server = await basic();
  server.on('GET', `${ROOT}/Systems/node-1`, {
    status: 307,
    body: '<h1>Redirecting</h1>',
    headers: { location: SYSTEM },
  });
  server.on('PATCH', `${ROOT}/Systems/node-1`, () => ({
    status: 308,
    headers: { location: `http://127.0.0.1:${server.port}${SYSTEM}` },
  }));
  server.on('PATCH', SYSTEM, { status: 204 });
  await using client = clientOf(server);
  assert.equal((await client.get(`${ROOT}/Systems/node-1`, forever)).path, SYSTEM);
  await client.patch(`${ROOT}/Systems/node-1`, { AssetTag: 'x' }, forever);
  assert.deepEqual(server.requests('PATCH', SYSTEM)[0]?.body, { AssetTag: 'x' });
});

test('redfish 2: another host gets neither a request nor a password, by redirect or by link', async () => {
  await using other = await basic();
  await using server = await basic();
  server.on('GET', SYSTEM, { status: 307, headers: { location: `http://localhost:${other.port}${SYSTEM}` } });
  server.on('GET', `${ROOT}/round`, { status: 308, headers: { location: `${ROOT}/round` } });
  await using client = clientOf(server);
  await assert.rejects(client.get(SYSTEM, forever), is('REDFISH_FOREIGN_LINK'));
  await assert.rejects(client.get(`//127.0.0.1:${other.port}/`, forever), is('REDFISH_FOREIGN_LINK'));
  await assert.rejects(client.get(`http://127.0.0.1:${other.port}${ROOT}`, forever), is('REDFISH_FOREIGN_LINK'));
  await assert.rejects(client.get(`${ROOT}/round`, forever), is('REDFISH_MALFORMED'));
  assert.equal(other.seen.length, 0);
});

test('redfish 9: error bodies of every kind: HTML, plain text, object or list, nothing, 500 and 501 with JSON', async () => {
  const info = { MessageId: 'IDRAC.2.8.SYS403', Message: 'Unable to run.' };
  const bodies: [unknown, string[], RegExp][] = [
    ['<html><head><style>p {}</style></head><body><h1>Bad&nbsp;thing</h1></body></html>', [], /Bad&nbsp;thing$/],
    ['only Enabled is not enough', [], /only Enabled is not enough/],
    [undefined, [], /HTTP 400$/],
    [{ error: { '@Message.ExtendedInfo': info } }, ['IDRAC.SYS403'], /Unable to run/],
    [{ error: { '@Message.ExtendedInfo': [info] } }, ['IDRAC.SYS403'], /Unable to run/],
    [{ '@Message.ExtendedInfo': [info] }, ['IDRAC.SYS403'], /Unable to run/],
    [{ 'Boot@Message.ExtendedInfo': [info] }, ['IDRAC.SYS403'], /Unable to run/],
    [{ error: { code: 'Base.1.0.GeneralError', message: 'said outside' } }, ['Base.GeneralError'], /said outside/],
    [{ error: 'text', '@Message.ExtendedInfo': 7 }, [], /HTTP 400$/],
    [[1, 2], [], /HTTP 400/],
  ];
  for (const [body, ids, text] of bodies) {
    await using server = await basic();
    server.on('POST', SYSTEM, { status: 400, body });
    await using client = clientOf(server);
    await assert.rejects(client.post(SYSTEM, {}, forever), (error: Error) => {
      assert.deepEqual(refusalOf(error)?.messageIds, ids);
      assert.match(error.message, text);
      return true;
    });
  }
});

test('redfish 9: a read is repeated over 5xx, a write is not, and 501 never', async () => {
  await using server = await basic();
  let bad = 2;
  server.on('GET', SYSTEM, () => (bad-- > 0 ? { status: 500, body: 'oops' } : { body: { PowerState: 'On' } }));
  server.on('PATCH', SYSTEM, { status: 503, body: extended('Base.1.0.InternalError') });
  server.on('GET', `${ROOT}/no`, { status: 501, body: extended('Base.1.0.NotImplemented') });
  await using client = clientOf(server);
  assert.equal((await client.get(SYSTEM, forever)).body['PowerState'], 'On');
  await assert.rejects(client.patch(SYSTEM, {}, forever), is('REDFISH_BUSY'));
  await assert.rejects(client.get(`${ROOT}/no`, forever), is('REDFISH_REFUSED'));
  assert.equal(server.requests('PATCH').length, 1);
  assert.equal(server.requests('GET', `${ROOT}/no`).length, 1);
});

test('redfish 6: writes that a busy BMC has certainly not done are sent again, also when it says 400', async () => {
  const ids = [
    'IDRAC.2.4.SYS518',
    'iLO.2.14.InvalidOperationForSystemState',
    'iLO.2.14.UnableToModifyDuringSystemPOST',
  ];
  for (const id of ids) {
    for (const status of [400, 503]) {
      await using server = await basic();
      let busy = 2;
      server.on('POST', SYSTEM, () => (busy-- > 0 ? { status, body: extended(id) } : { status: 204 }));
      await using client = clientOf(server);
      await client.post(SYSTEM, {}, forever);
      assert.equal(server.requests('POST').length, 3);
      busy = 1000;
      await assert.rejects(client.post(SYSTEM, {}, forever));
      assert.ok(server.requests('POST').length <= 13);
    }
  }
});

test('redfish 9: a server that closes after every answer, and one that answers slowly', async () => {
  await using server = await basic();
  server.on('GET', SYSTEM, { body: { PowerState: 'On' }, headers: { connection: 'close' }, delayMs: 300 });
  await using client = clientOf(server, {}, { readMs: 5000 });
  for (let i = 0; i < 3; i++) assert.equal((await client.get(SYSTEM, forever)).body['PowerState'], 'On');
  await using hasty = clientOf(server, {}, { readMs: 50, lostTries: 2 });
  await assert.rejects(hasty.get(SYSTEM, forever), is('REDFISH_TIMEOUT'));
});

test('connections are kept, at most two, and one that the BMC has closed is not noticed', async () => {
  await using server = await basic();
  server.on('GET', SYSTEM, { body: {}, delayMs: 10 });
  await using client = clientOf(server);
  await Promise.all(Array.from({ length: 12 }, () => client.get(SYSTEM, forever)));
  assert.ok(server.connections <= 2, `${server.connections} connections`);
  server.dropIdle();
  await Promise.all(Array.from({ length: 4 }, () => client.get(SYSTEM, forever)));
});

test('what must not run twice is sent once: on a connection surely alive, and not again when its answer is lost', async () => {
  await using server = await basic();
  server.on('POST', SYSTEM, { cut: true });
  server.on('PATCH', SYSTEM, () => (server.requests('PATCH').length === 1 ? { cut: true } : { status: 204 }));
  await using client = clientOf(server, {}, { freshMs: 0 });
  await client.get(SYSTEM, forever);
  const before = server.connections;
  await assert.rejects(client.post(SYSTEM, {}, forever), is('REDFISH_UNCERTAIN'));
  assert.equal(server.requests('POST').length, 1);
  assert.equal(server.connections, before + 1, 'a new connection for the POST');
  await client.patch(SYSTEM, {}, forever);
  assert.equal(server.requests('PATCH').length, 2);
  await assert.rejects(
    client.patch(SYSTEM, {}, forever, { repeatable: false }).then(() => client.post(SYSTEM, {}, forever)),
    is('REDFISH_UNCERTAIN'),
  );
});

test('a POST that was certainly not sent is sent again', async () => {
  const server = await basic();
  await using client = clientOf(server, { auth: 'basic' }, { lostTries: 3 });
  await server[Symbol.asyncDispose]();
  await assert.rejects(client.post(SYSTEM, {}, forever), (error: Error) => {
    is('REDFISH_UNREACHABLE')(error);
    assert.match(error.message, /connection refused/);
    return true;
  });
});

test('answers without end, bombs and bytes that are no JSON are refused', async () => {
  await using server = await basic();
  server.on('GET', `${ROOT}/large`, { body: `{"x": "${'y'.repeat(3 << 20)}"}` });
  const bomb = gzipSync(Buffer.alloc(8 << 20, 0x20));
  server.on('GET', `${ROOT}/bomb`, { body: bomb, headers: { 'content-encoding': 'gzip' } });
  server.on('GET', `${ROOT}/torn`, { body: bomb.subarray(0, 99), headers: { 'content-encoding': 'gzip' } });
  server.on('GET', `${ROOT}/list`, { body: '[1]' });
  server.on('GET', `${ROOT}/page`, { body: '<html></html>' });
  server.on('GET', `${ROOT}/deep`, { body: '['.repeat(1 << 20) });
  server.on('GET', `${ROOT}/empty`, { status: 204 });
  await using client = clientOf(server, {}, { maxBytes: 2 << 20 });
  await assert.rejects(client.get(`${ROOT}/large`, forever), is('REDFISH_TOO_LARGE'));
  await assert.rejects(client.get(`${ROOT}/bomb`, forever), is('REDFISH_TOO_LARGE'));
  for (const name of ['torn', 'list', 'page', 'deep', 'empty']) {
    await assert.rejects(client.get(`${ROOT}/${name}`, forever), is('REDFISH_MALFORMED'), name);
  }
});

test('what speaks no HTTP, or TLS on a plain port, is said', async () => {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.end('220 mail.example ESMTP\r\n');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await using plain = await basic();
  try {
    await using client = clientOf(plain, { port });
    await assert.rejects(client.get(SYSTEM, forever), /speaks no HTTP|broke off/);
    await using tls = clientOf(plain, { transport: 'https', address: 'redfish://127.0.0.1' });
    await assert.rejects(tls.get(SYSTEM, forever), (error: Error & { hint: string }) => {
      is('REDFISH_UNREACHABLE')(error);
      assert.match(error.hint, /redfish\+http/);
      return true;
    });
  } finally {
    server.close();
  }
});

test('collections: pages, expanded members, members that are gone, pages without end', async () => {
  await using server = await basic();
  const link = (n: number) => ({ '@odata.id': `${ROOT}/c/${n}` });
  server.get(`${ROOT}/c`, { Members: [link(1), link(2), 'junk', null], 'Members@odata.nextLink': `${ROOT}/c?page=2` });
  server.on('GET', `${ROOT}/c?page=2`, { body: { Members: [{ ...link(3), Id: '3', Name: 'whole' }, link(1)] } });
  server.get(`${ROOT}/c/1`, { Id: '1' });
  server.get(`${ROOT}/round`, { Members: [], 'Members@odata.nextLink': `${ROOT}/round` });
  await using client = clientOf(server);
  const found = await client.members(`${ROOT}/c`, forever);
  assert.deepEqual(
    found.map((r) => r.body['Id']),
    ['1', '3'],
  );
  assert.equal(await client.find(`${ROOT}/c/2`, forever), undefined);
  await assert.rejects(client.members(`${ROOT}/round`, forever), is('REDFISH_MALFORMED'));
});

test('an upload says its length and is sent once', async () => {
  await using server = await basic();
  server.on('POST', '/push', ({ headers }) => ({
    status: 202,
    headers: { location: '/redfish/v1/TaskService/Tasks/4' },
    body: { got: headers['content-length'] ?? 'chunks' },
  }));
  await using client = clientOf(server);
  async function* data() {
    yield Buffer.from('abc');
    yield Buffer.from('defg');
  }
  const written = await client.upload(
    '/push',
    { contentType: 'application/octet-stream', bytes: 7, data: data() },
    forever,
  );
  assert.equal(written.body?.['got'], '7');
  assert.equal(written.task?.task, '/redfish/v1/TaskService/Tasks/4');
  assert.equal(server.requests('POST')[0]?.headers['content-type'], 'application/octet-stream');
});

test('closing ends what is waiting, and an IPv6 address works', async () => {
  await using server = await new RedfishServer().listen('::1');
  server.get(ROOT, {}).on('GET', SYSTEM, { delayMs: 3000 });
  await using client = clientOf(server, { host: '::1' });
  await client.get(ROOT, forever);
  const reading = assert.rejects(client.get(SYSTEM, forever), is('REDFISH_CLOSED'));
  const start = performance.now();
  await new Promise((resolve) => setTimeout(resolve, 50));
  await client.close();
  await reading;
  assert.ok(performance.now() - start < 2500);
});
