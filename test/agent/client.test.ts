import assert from 'node:assert/strict';
import test from 'node:test';
import { ServerClient } from '../../src/agent/net/server-client.ts';
import { parseManifestReply, parseRegisterReply, parseTaskMessage } from '../../src/agent/net/replies.ts';
import { systemClock } from '../../src/core/clock.ts';
import { registerSample } from '../support/agent-messages.ts';
import { StandInAgentServer } from '../support/agent-server.ts';

const signal = () => AbortSignal.timeout(10_000);
const code = (expected: string) => (error: Error & { code?: string }) => error.code === expected;

/** A server and a client pinned to `fingerprint` (default: the right one). */
async function together(
  body: (server: StandInAgentServer, client: ServerClient) => Promise<void>,
  fingerprint?: string,
) {
  const server = new StandInAgentServer();
  const port = await server.start();
  const client = new ServerClient({
    server: `https://127.0.0.1:${port}`,
    fingerprint: fingerprint ?? server.fingerprint,
    clock: systemClock,
  });
  try {
    await body(server, client);
  } finally {
    client.close();
    await server.stop();
  }
}

test('registers once, takes a task, reports progress, result and logs', () =>
  together(async (server, client) => {
    const session = await client.register({ ...registerSample, token: server.token }, signal());
    assert.equal(session.host.name, 'node-0');
    client.sessionKey = session.sessionKey;
    server.issue({ id: '1', deadlineMs: 1, kind: 'power', action: 'reboot' });
    assert.deepEqual(await client.nextTask(1, signal()), { id: '1', deadlineMs: 1, kind: 'power', action: 'reboot' });
    assert.deepEqual(await client.progress({ taskId: '1', step: 's' }, signal()), { cancel: false });
    await client.result({ taskId: '1', ok: true, result: { kind: 'power' } }, signal());
    await client.logs([{ atMs: 1, level: 'info', message: 'a\nb' }], signal());
    assert.deepEqual(server.logs, [{ atMs: 1, level: 'info', message: 'a\nb' }]);
    await assert.rejects(client.register({ ...registerSample, token: server.token }, signal()), code('AGENT_REFUSED'));
  }));

test('nothing is sent to a server with another certificate', () =>
  together(async (server, client) => {
    const attempt = client.register({ ...registerSample, token: server.token }, signal());
    await assert.rejects(attempt, code('AGENT_TLS_FINGERPRINT'));
    assert.equal(server.registrations.length, 0);
  }, 'ab'.repeat(32)));

test('a session the server does not know is over; trouble at the server is for later', () =>
  together(async (server, client) => {
    client.sessionKey = 'somebody else’s'.replace('’', '');
    await assert.rejects(client.nextTask(0, signal()), code('AGENT_SESSION_OVER'));
    server.failNext = 1;
    await assert.rejects(client.nextTask(0, signal()), code('AGENT_SERVER_ERROR'));
  }));

test('a server that is not there is unreachable', async () => {
  const client = new ServerClient({ server: 'https://127.0.0.1:9', fingerprint: 'ab'.repeat(32), clock: systemClock });
  await assert.rejects(client.nextTask(0, signal()), code('AGENT_SERVER_UNREACHABLE'));
  client.close();
});

test('replies are bounded', () =>
  together(async (server, client) => {
    server.files.set('/frame', new Uint8Array(1000));
    assert.equal((await client.fetch('/frame', 1000, signal())).length, 1000);
    await assert.rejects(client.fetch('/frame', 999, signal()), code('AGENT_BAD_REPLY'));
    await assert.rejects(client.fetch('/missing', 999, signal()), code('AGENT_SESSION_OVER'));
  }));

test('an aborted request ends with the signal’s reason', () =>
  together(async (server, client) => {
    const session = await client.register({ ...registerSample, token: server.token }, signal());
    client.sessionKey = session.sessionKey;
    const stop = new AbortController();
    const polling = client.nextTask(30, stop.signal);
    setTimeout(() => stop.abort(new Error('that is all')), 50);
    await assert.rejects(polling, /that is all/);
  }));

test('a manifest is told in parts, and what is none is refused', () => {
  const bad = (value: unknown) => assert.throws(() => parseManifestReply(value), code('AGENT_BAD_REPLY'));
  const growing = { kind: 'growing', diskBytes: 512, frames: [{ kind: 'zero' }] };
  const complete = { ...growing, kind: 'complete', digest: 'sha256:x' };
  for (const good of [growing, complete, { kind: 'failed', code: 'C', message: 'm' }]) {
    assert.deepEqual(parseManifestReply(good), good);
  }
  bad({ ...complete, digest: undefined });
  bad({ ...growing, frames: {} });
  bad({ ...growing, diskBytes: 'x' });
  bad({ kind: 'failed', code: 'C' });
  bad({ ...growing, kind: 'ready' });
});

test('a task of a newer server is refused before anything is done', () => {
  const target = { name: '/dev/vda', sizeBytes: 1, serial: 'S' };
  const write = { target, manifestUrl: '/m', manifestDigest: 'sha256:x', framesUrl: '/f/{index}' };
  const task = { id: '1', deadlineMs: 1 };
  const bad = (value: unknown) => assert.throws(() => parseTaskMessage(value), code('AGENT_BAD_REPLY'));
  assert.deepEqual(parseTaskMessage({ ...task, kind: 'write', write }), { ...task, kind: 'write', write });
  const growing = { target, source: 'source:x', framesUrl: '/f/{index}' };
  assert.deepEqual(parseTaskMessage({ ...task, kind: 'write', write: growing }), {
    ...task,
    kind: 'write',
    write: growing,
  });
  bad({ ...task, kind: 'write', write: { ...growing, source: 5 } });
  bad({ ...task, kind: 'format' });
  bad({ ...task, kind: 'clean', policy: { mode: 'erase' } });
  bad({ ...task, kind: 'write', write: { ...write, target: { ...target, sizeBytes: '1' } } });
  bad({ ...task, kind: 'write' });
  bad({ ...task, kind: 'finish', finish: { target, diskBytes: 1, bootMode: 'openfirmware' } });
  bad({ ...task, kind: 'finish', finish: { target, diskBytes: 1, bootMode: 'bios', configDrive: { a: 1 } } });
  bad({ ...task, kind: 'power', action: 'explode' });
  bad(null);
  assert.throws(() => parseRegisterReply({ sessionKey: 'k' }), code('AGENT_BAD_REPLY'));
});
