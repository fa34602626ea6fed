import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { renderScript } from '../../src/boot/scripts.ts';
import { scriptScope } from '../../src/boot/script-for.ts';
import { AgentLogs } from '../../src/server/agent-logs.ts';
import { parseRange } from '../../src/server/static-file.ts';
import { tftpObservation } from '../../src/server/tftp-files.ts';
import { DIGEST, Engine, KEY, MAC, World } from '../support/engine.ts';
import { request } from '../support/sim-agent.ts';

describe('server: HTTP for machines', () => {
  let world: World;
  let engine: Engine;
  const url = (path: string) => `http://127.0.0.1:${world.ports.http}${path}`;
  const soon = () => Date.now() + 60_000;

  before(async () => {
    world = new World();
    engine = await Engine.start(world);
    await world.addHost();
    await engine.book.update(KEY, () => ({ attempt: 1, boot: { intent: 'ramdisk', since: '2026-01-01T00:00:00Z' } }));
  });

  after(async () => {
    await engine.kill();
    await world.end();
  });

  it('gives loaders to everybody, and no other file by that way', async () => {
    assert.deepEqual(await request('GET', url('/loader/snponly.efi')), { status: 200, body: 'content of snponly.efi' });
    for (const path of ['vmlinuz', '..%2fsecret.key', '%2e%2e/cert.pem', 'cert.pem', 'snponly.efi%00']) {
      assert.notEqual((await request('GET', url(`/loader/${path}`))).status, 200, path);
    }
  });

  it('says the size of a file before it is fetched: UEFI HTTP boot makes its buffer of that', async () => {
    const size = String('content of snponly.efi'.length);
    for (const method of ['HEAD', 'GET']) {
      const reply = await fetch(url('/loader/snponly.efi'), { method });
      assert.equal(reply.headers.get('content-length'), size, method);
      assert.equal(reply.headers.get('content-type'), 'application/efi', method);
      assert.equal(await reply.text(), method === 'HEAD' ? '' : 'content of snponly.efi');
    }
    const part = engine.signer.path('ramdisk', 'ramdisk.zst', soon());
    const reply = await fetch(url(part), { method: 'HEAD', headers: { range: 'bytes=11-17' } });
    assert.deepEqual([reply.status, reply.headers.get('content-length')], [206, '7']);
  });

  it('gives the ramdisk, whole and in ranges, only by a signature that holds', async () => {
    const path = engine.signer.path('ramdisk', 'ramdisk.zst', soon());
    assert.deepEqual(await request('GET', url(path)), { status: 200, body: 'content of ramdisk.zst' });
    assert.deepEqual(await request('GET', url(path), { range: 'bytes=11-17' }), { status: 206, body: 'ramdisk' });
    assert.equal((await request('GET', url(path), { range: 'bytes=100-' })).status, 416);
    assert.deepEqual(await request('HEAD', url(path)), { status: 200, body: '' });
    const served = 'content of ramdisk.zst'.length + 'ramdisk'.length;
    const { body: metrics } = await request('GET', url('/metrics'));
    assert.ok(metrics.includes(`ingot_served_bytes_total{kind="ramdisk"} ${served}`), metrics);
    assert.equal((await request('GET', url(engine.signer.path('ramdisk', 'vmlinuz', Date.now() - 5000)))).status, 410);
    assert.equal(
      (await request('GET', url(engine.signer.path('boot/x', 'vmlinuz', soon()).replace('boot/x', 'ramdisk')))).status,
      403,
    );
    assert.equal(
      (await request('GET', url('/ramdisk/vmlinuz?expires=zzzzzz&sig=AAAAAAAAAAAAAAAAAAAAAAAA'))).status,
      403,
    );
  });

  it('gives a machine its script with a token, and to nobody else', async () => {
    const script = engine.signer.path(scriptScope(MAC), 'script.ipxe', soon());
    const { status, body } = await request('GET', url(script));
    assert.equal(status, 200);
    assert.match(body, /^#!ipxe\n/);
    assert.match(
      body,
      /ingot\.server=https:\/\/127\.0\.0\.1:\d+ ingot\.fingerprint=sha256:[0-9a-f]{64} ingot\.token=[\w-]{43} /,
    );
    assert.match(body, /BOOTIF=01-\$\{netX\/mac:hexhyp\}/);
    const other = script.replace(MAC.replaceAll(':', '-'), '52-54-00-12-00-02');
    assert.equal((await request('GET', url(other))).status, 403);
  });

  it('makes one new attempt of a reboot, however often the machine asks', async () => {
    const before = engine.sessions.silentMs.bind(engine.sessions);
    const at = '2026-01-01T00:00:00Z';
    const agent = { attempt: 1, registeredAt: at, lastSeen: at, nonce: 'n' };
    await engine.book.update(KEY, () => ({ attempt: 1, agent, boot: { intent: 'ramdisk', since: at } }));
    engine.sessions.silentMs = (key) => (engine.book.status(key).agent === undefined ? undefined : 20_000);
    const script = url(engine.signer.path(scriptScope(MAC), 'script.ipxe', soon()));
    const replies = await Promise.all([request('GET', script), request('GET', script), request('GET', script)]);
    engine.sessions.silentMs = before;
    assert.equal(engine.book.status(KEY).attempt, 2);
    const tokens = replies.map(({ body }) => /ingot\.token=(\S+)/.exec(body)?.[1]);
    assert.equal(new Set(tokens).size, 1);
    assert.notEqual(tokens[0], undefined);
  });

  it('gives frames of the image that was signed for', async () => {
    const path = (file: string) => engine.signer.path(`image/${DIGEST}`, file, soon());
    assert.equal((await request('GET', url(path('frames/1')))).body, '\x01\x02\x03');
    assert.equal((await request('GET', url(path('frames/7')))).status, 404);
    assert.equal((await request('GET', url(path('frames/-1')))).status, 404);
    assert.equal(JSON.parse((await request('GET', url(path('manifest')))).body).digest, DIGEST);
    assert.equal((await request('GET', url(path('frames/1').replace(DIGEST, 'sha256:bb')))).status, 403);
  });

  it('takes what an agent sends only in bounds', async () => {
    const api = `https://127.0.0.1:${world.ports.agent}/agent/v1`;
    assert.equal((await request('POST', `${api}/register`, { body: { token: 'x'.repeat(300_000) } })).status, 413);
    assert.equal((await request('POST', `${api}/register`, { body: ['no'] })).status, 400);
    for (const path of ['task', 'progress', 'result', 'logs']) {
      const method = path === 'task' ? 'GET' : 'POST';
      assert.equal((await request(method, `${api}/${path}`, method === 'POST' ? { body: {} } : {})).status, 401, path);
    }
  });

  it('keeps agents’ logs by host, in one line each, without secrets', async () => {
    const logs = new AgentLogs(world.dir);
    await Promise.all([
      logs.append(KEY, [{ atMs: 0, level: 'info', message: 'first\nline ingot.token=abc' }]),
      logs.append(KEY, [{ atMs: Number.NaN, level: 'warn', message: 'second \u001b[31m' }]),
    ]);
    assert.equal(
      await logs.read(KEY),
      '1970-01-01T00:00:00.000Z info first⏎line ingot.token=[redacted]\n- warn second  [31m\n',
    );
    assert.equal(await logs.read({ namespace: 'lab', name: 'other' }), '');
    for (let i = 0; i < 5; i++) await logs.append(KEY, [{ atMs: 0, level: 'info', message: 'x'.repeat(900_000) }]);
    const text = await logs.read(KEY);
    assert.ok(text.length < 4 << 20 && text.length >= 1 << 20, `${text.length}`);
  });
});

describe('server: ranges', () => {
  it('reads the forms of RFC 9110', () => {
    assert.deepEqual(parseRange('bytes=0-0', 10), { start: 0, end: 0 });
    assert.deepEqual(parseRange('bytes=5-', 10), { start: 5, end: 9 });
    assert.deepEqual(parseRange('bytes=-3', 10), { start: 7, end: 9 });
    assert.deepEqual(parseRange('bytes=-99', 10), { start: 0, end: 9 });
    assert.deepEqual(parseRange('bytes=3-99', 10), { start: 3, end: 9 });
    assert.equal(parseRange('bytes=10-', 10), 'unsatisfiable');
    assert.equal(parseRange('bytes=-0', 10), 'unsatisfiable');
    for (const text of [undefined, 'bytes=-', 'bytes=5-2', 'items=0-1', 'bytes=0-1,3-4', 'x']) {
      assert.equal(parseRange(text, 10), 'all');
    }
  });

  it('never leaves the file', () => {
    fc.assert(
      fc.property(fc.string(), fc.nat(), fc.nat(), fc.nat({ max: 1000 }), (text, a, b, size) => {
        for (const header of [text, `bytes=${a}-${b}`, `bytes=${a}-`, `bytes=-${b}`]) {
          const range = parseRange(header, size);
          if (typeof range !== 'string') assert.ok(0 <= range.start && range.start <= range.end && range.end < size);
        }
      }),
    );
  });
});

describe('server: scripts and observations', () => {
  it('a host’s name cannot bring commands into a script', () => {
    const text = renderScript({
      kind: 'wait',
      host: 'x\nreboot ${a}',
      reason: 'r || poweroff',
      scriptUrl: 'http://s/',
    });
    assert.ok(!/^reboot/m.test(text) && !text.includes('${a}') && !text.includes('r || poweroff'), text);
  });

  it('a disk is booted through the loader when there is one, and by a restart when that fails', () => {
    assert.match(
      renderScript({ kind: 'disk', host: 'h', loaderBase: 'http://s/loader' }),
      /chain .*http:\/\/s\/loader\/disk\.efi/,
    );
    const bare = renderScript({ kind: 'disk', host: 'h', loaderBase: undefined });
    assert.doesNotMatch(bare, /chain/);
    assert.match(bare, /sanboot --no-describe --drive 0x80/);
    assert.match(bare, /sleep 10\nreboot/);
  });

  it('TFTP is told as it went', () => {
    const base = { at: 0, client: { address: '10.0.0.5', port: 1 }, file: 'dir/snponly.efi' };
    assert.deepEqual(tftpObservation({ ...base, kind: 'complete', bytes: 5, ms: 1, retransmits: 0 }), {
      source: 'tftp',
      kind: 'tftp-sent',
      text: 'snponly.efi sent by TFTP (5 bytes)',
    });
    assert.equal(tftpObservation({ ...base, kind: 'probe' }), undefined);
    assert.equal(tftpObservation({ ...base, kind: 'refused', reason: 'no such file' })?.kind, 'tftp-failed');
  });
});
