import assert from 'node:assert/strict';
import { stat } from 'node:fs/promises';
import { request } from 'node:https';
import { after, before, describe, test } from 'node:test';
import { BARE_METAL_HOST, CONFIG_MAP } from '../../src/api/resources.ts';
import { FakeClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/log.ts';
import { Api } from '../../src/apiserver/api.ts';
import type { ApiStream } from '../../src/apiserver/api-request.ts';
import { loadCrds } from '../../src/api/registry/load.ts';
import { openEmbeddedStore } from '../../src/store/embedded/store.ts';
import { hostFixture } from '../store/contract.ts';
import { type TestApi, startTestApi } from '../support/api-server.ts';

interface Got {
  status: number;
  text: string;
  headers: NodeJS.Dict<string | string[]>;
}

describe('the API over HTTPS', { timeout: 60_000 }, () => {
  let api: TestApi;
  before(async () => {
    api = await startTestApi();
  });
  after(async () => api.close());

  const send = (
    method: string,
    path: string,
    options: { headers?: Record<string, string>; body?: string; token?: string } = {},
  ): Promise<Got> =>
    new Promise((resolve, reject) => {
      const { body, token = api.token } = options;
      const headers: Record<string, string> = { Authorization: `Bearer ${token}`, ...options.headers };
      if (body !== undefined) headers['Content-Length'] = String(Buffer.byteLength(body));
      const call = request(new URL(path, api.url), { method, headers, ca: api.caPem, agent: false }, (answer) => {
        let text = '';
        answer.on('data', (chunk: Buffer) => (text += chunk.toString()));
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text, headers: answer.headers }));
        answer.on('error', reject);
      });
      call.on('error', reject);
      call.end(body);
    });

  test('nobody without the token, health for everybody', async () => {
    for (const token of ['', 'wrong', `${api.token}x`]) {
      const answer = await send('GET', '/api/v1/namespaces', { token });
      assert.equal(answer.status, 401);
      assert.equal((JSON.parse(answer.text) as { reason: string }).reason, 'Unauthorized');
    }
    assert.equal((await send('GET', '/readyz', { token: 'wrong' })).text, 'ok');
    assert.equal((await send('GET', '/api/v1/namespaces')).status, 200);
  });

  test('the kubeconfig is for its owner only', async () => {
    assert.equal((await stat(api.kubeconfig)).mode & 0o777, 0o600);
  });

  test('a body beyond 3 MiB is refused as such', async () => {
    const answer = await send('POST', '/api/v1/namespaces/default/configmaps', {
      headers: { 'Content-Type': 'application/json' },
      body: `{"a":"${'x'.repeat(3 << 20)}"}`,
    });
    assert.equal(answer.status, 413);
    assert.equal((JSON.parse(answer.text) as { reason: string }).reason, 'RequestEntityTooLarge');
  });

  test('warnings come one a header', async () => {
    const body = JSON.stringify({ ...hostFixture('default', 'warned'), spec: { online: true, 'a"b': 1, ü: 2 } });
    const answer = await send('POST', '/apis/metal3.io/v1alpha1/namespaces/default/baremetalhosts', {
      headers: { 'Content-Type': 'application/json' },
      body,
    });
    assert.equal(answer.status, 201);
    assert.match(String(answer.headers['warning']), /299 - "unknown field \\"spec\.a\\"b\\""/);
  });

  test('YAML is spoken too', async () => {
    const answer = await send('POST', '/api/v1/namespaces/default/configmaps', {
      headers: { 'Content-Type': 'application/yaml', Accept: 'application/yaml' },
      body: 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: y}\ndata: {a: "1"}\n',
    });
    assert.equal(answer.status, 201);
    assert.match(
      (await send('GET', '/api/v1/namespaces/default/configmaps/y', { headers: { Accept: 'application/yaml' } })).text,
      /^ {2}a: "1"$/m,
    );
    assert.equal((await send('GET', '/api/v1/namespaces', { headers: { Accept: 'text/html' } })).status, 406);
  });

  test('discovery in both forms, OpenAPI in all three', async () => {
    const groups = JSON.parse((await send('GET', '/apis')).text) as { groups: { name: string }[] };
    assert.ok(groups.groups.some((g) => g.name === 'metal3.io'));
    const accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json';
    const whole = await send('GET', '/apis', { headers: { Accept: accept } });
    assert.match(String(whole.headers['content-type']), /as=APIGroupDiscoveryList/);
    assert.match(whole.text, /"resource":"baremetalhosts"/);
    const proto = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf';
    const v2 = await send('GET', '/openapi/v2', { headers: { Accept: proto } });
    assert.equal(v2.headers['content-type'], proto.replace('@', '.'));
    assert.match((await send('GET', '/openapi/v2')).text, /"swagger":"2\.0"/);
    const index = JSON.parse((await send('GET', '/openapi/v3')).text) as {
      paths: Record<string, { serverRelativeURL: string }>;
    };
    const document = await send('GET', index.paths['apis/metal3.io/v1alpha1']?.serverRelativeURL ?? '');
    assert.match(document.text, /io\.metal3\.v1alpha1\.BareMetalHost/);
    assert.equal((await send('GET', '/apis/no.such/v1')).status, 404);
    assert.equal((await send('GET', '/openapi/v3/apis/no.such/v1')).status, 404);
  });

  test('hostile paths and queries are answered, not died of', async () => {
    const paths = [
      '/api/v1/namespaces/%zz/secrets',
      '/api/v1/namespaces/..%2f..%2fetc/secrets/passwd',
      '/apis/__proto__/v1/x',
      '/api/v1/namespaces?limit=-1',
      '/api/v1/namespaces?limit=1e9',
      '/api/v1/namespaces?watch=1&resourceVersion=x',
      '/api/v1/namespaces?continue=%00',
      `/api/v1/namespaces?labelSelector=${'('.repeat(5000)}`,
    ];
    for (const path of paths) {
      const { status } = await send('GET', path);
      assert.ok(status === 200 || (status >= 400 && status < 500), `${path}: ${status}`);
    }
  });

  test('a watch sends its headers at once and ends with the server', async () => {
    const call = request(new URL('/api/v1/namespaces/default/secrets?watch=1', api.url), {
      headers: { Authorization: `Bearer ${api.token}` },
      ca: api.caPem,
      agent: false,
    });
    const answered = new Promise<number>((resolve) =>
      call.once('response', (r) => resolve(r.resume().statusCode ?? 0)),
    );
    call.on('error', () => {});
    call.end();
    assert.equal(await answered, 200);
    call.destroy();
  });
});

describe('watches, without a network', { timeout: 30_000 }, () => {
  const make = async () => {
    const clock = new FakeClock();
    const store = openEmbeddedStore({ file: ':memory:', crds: await loadCrds(), clock, log: silentLogger });
    const api = new Api({ store: store.raw, clock, address: 'x', version: 'v1.33.0' });
    const stop = new AbortController();
    const watch = (query: string) => {
      const request = {
        method: 'GET',
        path: '/apis/metal3.io/v1alpha1/baremetalhosts',
        query: new URLSearchParams(`watch=true&${query}`),
        accept: undefined,
        contentType: undefined,
        userAgent: undefined,
        body: new Uint8Array(),
        signal: stop.signal,
      };
      const lines = (api.handle(request) as ApiStream).stream[Symbol.asyncIterator]();
      return async () =>
        (await lines.next()).value as
          | { type: string; object: { metadata: Record<string, unknown>; code?: number } }
          | undefined;
    };
    return { clock, store, watch, stop };
  };

  test('from a version: exactly what came after', async () => {
    const { store, watch } = await make();
    const { metadata } = await store.create(BARE_METAL_HOST, hostFixture('default', 'a'));
    const next = watch(`resourceVersion=${metadata.resourceVersion}`);
    await store.create(CONFIG_MAP, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { namespace: 'default', name: 'no' },
    });
    await store.create(BARE_METAL_HOST, hostFixture('default', 'b'));
    const event = await next();
    assert.equal(event?.type, 'ADDED');
    assert.equal(event?.object.metadata['name'], 'b');
    store.close();
  });

  test('bookmarks every half minute carry a version to resume from', async () => {
    const { clock, store, watch } = await make();
    const next = watch('resourceVersion=0&allowWatchBookmarks=true');
    const line = next();
    await clock.advance(1000);
    await store.create(CONFIG_MAP, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { namespace: 'default', name: 'other' },
    });
    await clock.advance(30_000);
    const event = await line;
    assert.equal(event?.type, 'BOOKMARK');
    assert.equal(event?.object.metadata['resourceVersion'], String(store.raw.revision()));
    store.close();
  });

  test('an initial state can be asked for, with its end marked', async () => {
    const { store, watch } = await make();
    await store.create(BARE_METAL_HOST, hostFixture('default', 'a'));
    const next = watch('sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan');
    assert.equal((await next())?.type, 'ADDED');
    const end = await next();
    assert.equal(end?.type, 'BOOKMARK');
    assert.deepEqual(end?.object.metadata['annotations'], { 'k8s.io/initial-events-end': 'true' });
    store.close();
  });

  test('a version that is gone is an ERROR line with 410', async () => {
    const { store, watch } = await make();
    await store.create(BARE_METAL_HOST, hostFixture('default', 'a'));
    store.raw.compactTo(store.raw.revision());
    const next = watch('resourceVersion=1');
    const event = await next();
    assert.equal(event?.type, 'ERROR');
    assert.equal(event?.object.code, 410);
    assert.equal(await next(), undefined);
    store.close();
  });

  test('timeoutSeconds ends it', async () => {
    const { clock, store, watch } = await make();
    const line = watch('timeoutSeconds=5')();
    await clock.advance(5001);
    assert.equal(await line, undefined);
    assert.equal(clock.waiting, 1, 'only the store’s own timer is left');
    store.close();
  });
});
