/** The reflector against a scripted API server: 410, resets, bookmarks, duplicates, vanished objects, paging. */
import assert from 'node:assert/strict';
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import test, { type TestContext } from 'node:test';
import { Agent } from 'undici';
import type { ConfigMap } from '../../../src/api/core-types.ts';
import { CONFIG_MAP, SECRET } from '../../../src/api/resources.ts';
import { type Clock, systemClock } from '../../../src/core/clock.ts';
import { silentLogger } from '../../../src/core/log.ts';
import { KubeClient } from '../../../src/store/kube/client.ts';
import { KubeStore } from '../../../src/store/kube/store.ts';
import type { StoreEvent } from '../../../src/store/store.ts';

type Step = (req: IncomingMessage, url: URL, res: ServerResponse) => void;

/** Timers a hundred times faster, so that back-off costs the test nothing. */
const hasty: Clock = { ...systemClock, timer: (ms, fn, bg) => systemClock.timer(ms / 100, fn, bg) };

async function scripted(t: TestContext, steps: Step[]) {
  const urls: URL[] = [];
  const server = createServer((req, res) => {
    const url = new URL(req.url ?? '', 'http://x');
    urls.push(url);
    const step = steps.shift();
    if (step === undefined) res.writeHead(200).flushHeaders();
    else step(req, url, res);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const dispatcher = new Agent();
  t.after(async () => {
    server.closeAllConnections();
    await dispatcher.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  const connection = {
    server: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    credentials: async () => ({ headers: { authorization: 'Bearer t' }, dispatcher }),
    close: async () => {},
  };
  const random = () => 0;
  const client = new KubeClient({ connection, clock: hasty, random });
  return { urls, store: new KubeStore({ client, clock: hasty, random, log: silentLogger }) };
}

const cm = (name: string, rv: string, uid = `u-${name}`): ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'lab', uid, resourceVersion: rv },
});
const bare = (name: string, rv: string) => ({ metadata: cm(name, rv).metadata });
const json =
  (body: unknown, code = 200): Step =>
  (_req, _url, res) => {
    res.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  };
const list = (items: unknown[], rv: string, token?: string) =>
  json({ metadata: { resourceVersion: rv, continue: token }, items });
const event = (type: string, object: unknown) => `${JSON.stringify({ type, object })}\n`;
const watch =
  (...lines: string[]): Step =>
  (_req, _url, res) => {
    res.writeHead(200);
    for (const line of lines) res.write(line);
  };
const cutWatch =
  (...lines: string[]): Step =>
  (_req, _url, res) => {
    res.writeHead(200);
    res.write(lines.join(''), () => setTimeout(() => res.destroy(), 5));
  };

async function collect(store: KubeStore, count: number): Promise<string[]> {
  const stop = new AbortController();
  const seen: string[] = [];
  const text = (e: StoreEvent<ConfigMap>) =>
    e.type === 'synced' ? 'synced' : `${e.type} ${e.object.metadata.name}@${e.object.metadata.resourceVersion}`;
  for await (const e of store.watch(CONFIG_MAP, { signal: stop.signal })) {
    seen.push(text(e));
    if (seen.length === count) break;
  }
  stop.abort();
  return seen;
}

test('lists page by page, says synced once, then follows; bookmarks and duplicates are no news', async (t) => {
  const { store, urls } = await scripted(t, [
    list([bare('a', '1')], '5', 'tok'),
    list([bare('b', '2')], '5'),
    watch(
      event('ADDED', cm('b', '2')),
      event('BOOKMARK', cm('', '9')),
      event('MODIFIED', cm('a', '10')),
      event('DELETED', cm('b', '11')),
    ),
  ]);
  assert.deepEqual(await collect(store, 5), ['added a@1', 'added b@2', 'synced', 'modified a@10', 'deleted b@11']);
  assert.equal(urls[1]?.searchParams.get('continue'), 'tok');
  assert.equal(urls[2]?.searchParams.get('resourceVersion'), '5');
  assert.equal(urls[2]?.searchParams.get('allowWatchBookmarks'), 'true');
});

test('a cut connection resumes from the last revision, bookmarks included, without listing again', async (t) => {
  const { store, urls } = await scripted(t, [
    list([], '5'),
    cutWatch(event('ADDED', cm('a', '6')), event('BOOKMARK', cm('', '20'))),
    watch(event('ADDED', cm('b', '21'))),
  ]);
  assert.deepEqual(await collect(store, 3), ['synced', 'added a@6', 'added b@21']);
  assert.equal(urls[2]?.searchParams.get('watch'), 'true');
  assert.equal(urls[2]?.searchParams.get('resourceVersion'), '20');
});

test('410 in the stream or as an answer lists again and tells what vanished and what changed', async (t) => {
  const gone = { kind: 'Status', code: 410, reason: 'Expired', message: 'too old resource version' };
  const { store } = await scripted(t, [
    list([bare('a', '1'), bare('b', '2')], '5'),
    watch(event('ERROR', gone)),
    list([bare('b', '7'), bare('c', '8')], '9'),
    json(gone, 410),
    list([bare('c', '8')], '12'),
  ]);
  const seen = ['added a@1', 'added b@2', 'synced', 'deleted a@1', 'modified b@7', 'added c@8', 'deleted b@7'];
  assert.deepEqual(await collect(store, seen.length), seen);
});

test('a server that says 410 to everything is not asked in a busy loop', async (t) => {
  const gone = { kind: 'Status', code: 410, reason: 'Expired', message: 'too old resource version' };
  const rounds = Array.from({ length: 300 }, () => [list([], '5'), json(gone, 410)]).flat();
  const { store, urls } = await scripted(t, rounds);
  const signal = AbortSignal.timeout(300);
  for await (const event of store.watch(CONFIG_MAP, { signal })) assert.equal(event.type, 'synced');
  assert.ok(urls.length >= 4 && urls.length < 40, `${urls.length} requests`);
});

test('server errors, garbage and instant ends are waited out', async (t) => {
  const { store } = await scripted(t, [
    json({ message: 'boom' }, 500),
    list([], '5'),
    cutWatch('this is not json\n'),
    cutWatch(''),
    json({ message: 'etcd leader changed' }, 500),
    watch(event('ADDED', cm('a', '6'))),
  ]);
  assert.deepEqual(await collect(store, 2), ['synced', 'added a@6']);
});

test('a busy server is asked again; errors are typed by reason and carry the server’s words', async (t) => {
  const busy = { message: 'storage is (re)initializing', details: { retryAfterSeconds: 1 } };
  const status = (code: number, reason: string) =>
    json({ kind: 'Status', code, reason, message: `${reason} said` }, code);
  const { store, urls } = await scripted(t, [
    json(busy, 429),
    json(cm('a', '1')),
    status(409, 'AlreadyExists'),
    status(409, 'Conflict'),
    status(422, 'Invalid'),
    status(404, 'NotFound'),
    status(403, 'Forbidden'),
    json('<html>', 502),
  ]);
  const key = { namespace: 'lab', name: 'a' };
  assert.equal((await store.get(CONFIG_MAP, key)).metadata.name, 'a');
  assert.equal(urls.length, 2);
  await assert.rejects(store.create(CONFIG_MAP, cm('a', '')), { code: 'STORE_ALREADY_EXISTS' });
  await assert.rejects(store.update(CONFIG_MAP, cm('a', '1')), { code: 'STORE_CONFLICT', retry: true });
  await assert.rejects(store.patch(CONFIG_MAP, key, {}), {
    code: 'STORE_INVALID',
    message: 'patch configmaps lab/a: Invalid said',
  });
  await assert.rejects(store.get(CONFIG_MAP, key), { code: 'STORE_NOT_FOUND' });
  await assert.rejects(store.delete(CONFIG_MAP, key), { code: 'STORE_FORBIDDEN' });
  await assert.rejects(store.get(SECRET, key), { code: 'STORE_UNAVAILABLE' });
});

test('stops quietly when told to, also while connected', async (t) => {
  const { store } = await scripted(t, [list([], '5')]);
  const stop = new AbortController();
  const seen: string[] = [];
  for await (const e of store.watch(CONFIG_MAP, { signal: stop.signal })) {
    seen.push(e.type);
    setTimeout(() => stop.abort(), 20);
  }
  assert.deepEqual(seen, ['synced']);
});
