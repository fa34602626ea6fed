import assert from 'node:assert/strict';
import test from 'node:test';
import type { LogLine } from '../../src/core/log.ts';
import { redfishErrors } from '../../src/redfish/errors.ts';
import { clientOf, forever } from '../support/redfish-client.ts';
import { PASSWORD, ROOT, RedfishServer, SESSIONS, SessionBook, extended } from '../support/redfish-server.ts';

const SYSTEM = `${ROOT}/Systems/1`;

async function withSessions(): Promise<{ server: RedfishServer; book: SessionBook }> {
  const server = await new RedfishServer().listen();
  const book = new SessionBook(server);
  server.get(SYSTEM, { PowerState: 'On' });
  return { server, book };
}

const isAuth = (error: unknown) => redfishErrors.is(error, 'REDFISH_AUTH_FAILED');

test('redfish 1: one session for all requests, ended at the end', async () => {
  const { server, book } = await withSessions();
  await using _ = server;
  const client = clientOf(server);
  await Promise.all([client.get(SYSTEM, forever), client.get(SYSTEM, forever), client.get(SYSTEM, forever)]);
  assert.equal(book.logins, 1);
  assert.equal(client.authKind, 'session');
  await client.close();
  assert.equal(book.tokens.size, 0, 'the session was given back');
  assert.ok(!server.seen.some((s) => s.headers.authorization !== undefined), 'no password but in the login');
});

test('redfish 1: a session that the BMC forgot is renewed once, and the request repeated', async () => {
  const { server, book } = await withSessions();
  await using _ = server;
  await using client = clientOf(server);
  await client.get(SYSTEM, forever);
  book.tokens.clear();
  assert.equal((await client.get(SYSTEM, forever)).body['PowerState'], 'On');
  assert.equal(book.logins, 2);
  // One that refuses a fresh session too is not asked for ever.
  server.before = (seen) => (seen.path === SYSTEM ? { status: 401 } : undefined);
  await assert.rejects(client.get(SYSTEM, forever), isAuth);
  assert.equal(book.logins, 3);
});

test('redfish 1: without Location the session is ended by the path in its body', async () => {
  const { server } = await withSessions();
  await using _ = server;
  server.on('POST', SESSIONS, {
    status: 200,
    headers: { 'x-auth-token': 'lost-location' },
    body: { '@odata.id': `${SESSIONS}/77` },
  });
  server.before = () => undefined;
  server.on('DELETE', `${SESSIONS}/77`, { status: 204 });
  const client = clientOf(server);
  await client.get(SYSTEM, forever);
  await client.close();
  assert.equal(server.requests('DELETE', `${SESSIONS}/77`).length, 1);
});

test('redfish 1: no sessions (404, 405, 501, or none in the root) means basic authentication', async () => {
  for (const status of [404, 405, 501, undefined]) {
    await using server = await new RedfishServer().listen();
    const root = status === undefined ? {} : { SessionService: { '@odata.id': `${ROOT}/SessionService` } };
    server.get(ROOT, root).get(SYSTEM, { PowerState: 'On' });
    server.on('POST', SESSIONS, { status: status ?? 500 });
    await using client = clientOf(server);
    await client.get(SYSTEM, forever);
    assert.equal(client.authKind, 'basic');
    const [asked] = server.requests('GET', SYSTEM);
    assert.equal(asked?.headers.authorization, `Basic ${Buffer.from(`admin:${PASSWORD}`).toString('base64')}`);
    assert.equal(server.requests('POST').length, status === undefined ? 0 : 1);
  }
});

test('redfish 1: once a session worked the password is never sent with requests', async () => {
  const { server, book } = await withSessions();
  await using _ = server;
  await using client = clientOf(server);
  await client.get(SYSTEM, forever);
  book.tokens.clear();
  server.on('POST', SESSIONS, { status: 404 });
  await assert.rejects(client.get(SYSTEM, forever), (error) => redfishErrors.is(error, 'REDFISH_NOT_FOUND'));
  assert.ok(!server.seen.some((s) => s.headers.authorization !== undefined));
});

test('redfish 1: a wrong password is one login, whatever the BMC calls it', async () => {
  const answers = [
    { status: 401, body: extended('Base.1.8.InsufficientPrivilege', `bad password ${PASSWORD}`) },
    { status: 400, body: extended('iLO.2.14.UnauthorizedLoginAttempt', 'no') },
    { status: 403 },
    // Supermicro of old: a page with status 200 and no token.
    { status: 200, body: '<html>Login failed</html>' },
    { status: 200, body: { error: {} } },
  ];
  for (const answer of answers) {
    const { server } = await withSessions();
    await using _ = server;
    server.on('POST', SESSIONS, answer);
    const lines: LogLine[] = [];
    await using client = clientOf(server, {}, {}, lines);
    await assert.rejects(client.get(SYSTEM, forever), (error: unknown) => {
      assert.ok(isAuth(error), String(error));
      assert.ok(!JSON.stringify([String(error), (error as { seen: unknown }).seen, lines]).includes(PASSWORD));
      return true;
    });
    assert.equal(server.requests('POST').length, 1);
  }
});

test('a function that is sold separately is said to be, at the login too, and is no wrong password', async () => {
  const body = extended('SMC.1.0.OemLicenseNotPassed', 'Not licensed to perform this request. SFT-DCMS-SINGLE');
  const { server } = await withSessions();
  await using _ = server;
  server.on('GET', SYSTEM, { status: 403, body });
  await using client = clientOf(server);
  const licence = (error: Error) => {
    assert.ok(redfishErrors.is(error, 'REDFISH_LICENSE'), String(error));
    assert.match(error.message, /SFT-DCMS-SINGLE/);
    return true;
  };
  await assert.rejects(client.get(SYSTEM, forever), licence);
  server.on('POST', SESSIONS, { status: 403, body });
  await using other = clientOf(server);
  await assert.rejects(other.get(SYSTEM, forever), licence);
});

test('redfish 1: basic authentication that is refused is not tried again', async () => {
  await using server = await new RedfishServer().listen();
  server.get(ROOT, {}).on('GET', SYSTEM, { status: 401, body: 'no', headers: { 'www-authenticate': 'Basic' } });
  await using client = clientOf(server);
  await assert.rejects(client.get(SYSTEM, forever), isAuth);
  assert.equal(server.requests('GET', SYSTEM).length, 1);
});

test('redfish 1: XCC has 16 sessions: none is lost over 40 tries and closes, and a full BMC is busy, not broken', async () => {
  const { server, book } = await withSessions();
  await using _ = server;
  for (let i = 0; i < 40; i++) {
    const client = clientOf(server);
    const leave = new AbortController();
    const reading = client.get(SYSTEM, leave.signal);
    // Every other asker goes away while the login is under way.
    if (i % 2 === 0) leave.abort(new Error('gone'));
    await reading.catch(() => {});
    await client.close();
  }
  assert.equal(book.tokens.size, 0);
  book.limit = 0;
  await using client = clientOf(server, {}, { loginTries: 3 });
  await assert.rejects(client.get(SYSTEM, forever), (error) => redfishErrors.is(error, 'REDFISH_SESSIONS_FULL'));
  assert.equal(server.requests('POST', SESSIONS).length - book.logins, 3, 'a bounded number of logins');
});

test('redfish 1: while all sessions are taken the password does, then a session is asked for again', async () => {
  const { server, book } = await withSessions();
  await using _ = server;
  const { before } = server;
  server.before = (seen) => (seen.headers.authorization === undefined ? before(seen) : undefined);
  server.get(SESSIONS, { Members: [] });
  book.limit = 0;
  const lines: LogLine[] = [];
  await using client = clientOf(server, {}, { fullMs: 0 }, lines);
  await client.get(SYSTEM, forever);
  assert.equal(client.authKind, 'auto', 'it is not known yet what this BMC is for good');
  assert.match(JSON.stringify(lines), /all sessions of the BMC are taken/);
  assert.ok(server.requests('GET', SYSTEM).at(-1)?.headers.authorization?.startsWith('Basic '));
  book.limit = 16;
  await client.get(SYSTEM, forever);
  assert.equal(client.authKind, 'session');
  // Who has had a session once waits for the next: the password does not go out behind anybody's back.
  book.tokens.clear();
  book.limit = 0;
  await assert.rejects(client.get(SYSTEM, forever), (error) => redfishErrors.is(error, 'REDFISH_SESSIONS_FULL'));
  assert.equal(server.requests('GET', SYSTEM).at(-1)?.headers.authorization, undefined);
});

test('redfish 1: 503 at the login is waited out', async () => {
  const { server, book } = await withSessions();
  await using _ = server;
  const { before } = server;
  let refusals = 2;
  server.before = (seen) => {
    if (seen.method === 'POST' && refusals-- > 0) return { status: 503, headers: { 'retry-after': '0' } };
    return before(seen);
  };
  await using client = clientOf(server);
  await client.get(SYSTEM, forever);
  assert.equal(book.logins, 1);
});

test('redfish 1: an idle session is given back, and made again when it is needed', async () => {
  const { server, book } = await withSessions();
  await using _ = server;
  await using client = clientOf(server, {}, { idleMs: 20 });
  await client.get(SYSTEM, forever);
  for (let i = 0; book.tokens.size > 0; i++) {
    assert.ok(i < 500, 'the session is still there');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  await client.get(SYSTEM, forever);
  assert.equal(book.logins, 2);
});
